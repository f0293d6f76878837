"""Telling the user, once, that a larger network for the cut-out can be downloaded.

Said on the terminal alone, and never again on this machine: an offer is no doubt about a picture. That it
was made is remembered by an empty file in the user's cache folder; where none can be written, it is not made.
"""

from __future__ import annotations

from prodgen.cli.telling import Printer


def offer_better_network(to: Printer) -> None:
    """Name the network worth getting, its size and its licence, if that was not said before."""
    if to.quiet or to.as_json:
        return
    from prodgen.weights.on_this_machine import worth_getting

    network = worth_getting()
    if network is not None and _is_first_time():
        to.fact(
            "offer",
            f"a larger network cuts out more kinds of product: prodgen weights get {network.name}"
            f" ({network.size_in_words}, {network.weights[0].licence}); this is said once",
        )


def _is_first_time() -> bool:
    from prodgen.weights.folders import user_cache_folder

    try:
        mark = user_cache_folder() / "larger-network-offered"
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch(exist_ok=False)
    except (OSError, RuntimeError):  # it is there already, or cannot be written, or nobody is at home
        return False
    return True
