"""Weights of the networks that cut products out here: what each is, where it lies, and how it is downloaded.

Joins the list of weights to the networks of `prodgen.cutout`. What is downloaded lies where rembg looks for
it, so that rembg itself finds it too. Nothing is downloaded unless `get` is called. Models of a GPU server
are no business of this module: `download_weights.sh` brings those.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TextIO

from prodgen.cutout import networks, rembg_sessions, segmenters
from prodgen.errors import SettingError, UnknownNameError, WeightsError
from prodgen.weights.checks import what_is_wrong
from prodgen.weights.download import DownloadOptions, FileState, Outcome, free_bytes, get_all, inspect, plan
from prodgen.weights.manifest import Weight, read_list
from prodgen.weights.progress import ProgressLine
from prodgen.weights.record import Record
from prodgen.weights.transfer import SPARE_BYTES


@dataclass(frozen=True)
class NetworkWeights:
    """What is known of one network's weights, and where they are."""

    network: str
    """The segmenter's name."""
    weights: tuple[Weight, ...]
    """Its files, as the list of weights has them; their `file` is below rembg's folder."""
    paths: tuple[Path, ...]
    """Where they are on this machine; none: they are not here."""

    @property
    def size(self) -> int | None:
        """Bytes of all its files; None where a size is not known."""
        sizes = [weight.size for weight in self.weights]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def size_in_words(self) -> str:
        """Such as "179 MB"."""
        return "size not known" if self.size is None else f"{self.size / 1e6:.0f} MB"

    @property
    def is_packaged(self) -> bool:
        """Whether it comes with prodgen."""
        return all(weight.packaged for weight in self.weights)


def network_weights(name: str) -> NetworkWeights:
    """What is known of the weights of one network, by its name or by an alias in the list of weights.

    Raises:
        UnknownNameError: If there is no such network.
        SettingError: If prodgen refuses it.
    """
    if name in segmenters.REFUSED:
        raise SettingError(f"{name!r} is refused: {segmenters.REFUSED[name]}")
    by_file = {PurePosixPath(weight.file).name: weight for weight in read_list()}
    network = name if name in networks.MODELS else _by_alias(name)
    weights = tuple(
        replace(by_file[file], file=f"models/{network}/{file}") for file in networks.file_names(network)
    )
    return NetworkWeights(network, weights, networks.weights(network))


def _by_alias(name: str) -> str:
    for network in networks.MODELS:
        for weight in read_list():
            if name in weight.aliases and PurePosixPath(weight.file).name in networks.file_names(network):
                return network
    raise UnknownNameError("network", name, networks.MODELS)


def all_networks() -> tuple[NetworkWeights, ...]:
    """Every network that prodgen can run on this machine, the one that `auto` likes best first."""
    return tuple(network_weights(name) for name in networks.MODELS)


def worth_getting() -> NetworkWeights | None:
    """The network that `auto` likes best, where it has to make do with the one that comes with prodgen."""
    here = set(segmenters.available())
    if not rembg_sessions.is_installed() or any(
        name in here for name in segmenters.AUTO_ORDER if name != networks.PACKAGED
    ):
        return None
    return network_weights(segmenters.AUTO_ORDER[0])


def get(names: Iterable[str], *, progress: TextIO) -> tuple[NetworkWeights, ...]:
    """Download the weights of these networks, checked, into the folder where rembg looks for them.

    Files that are here and right stay. A download that was stopped goes on where it was.

    Args:
        names: Of networks.
        progress: Where the progress is written, such as `sys.stderr`.

    Returns:
        The networks, all of whose weights are here.

    Raises:
        UnknownNameError: If there is no such network.
        WeightsError: If a file does not come; what came of it stays for the next time.
        KeyboardInterrupt: If the user stopped it.
    """
    wanted = [network_weights(name) for name in names]
    missing = [weight for network in wanted for weight in network.weights if not _is_here(network, weight)]
    if missing:
        _download(missing, progress)
    return tuple(network_weights(network.network) for network in wanted)


def _is_here(network: NetworkWeights, weight: Weight) -> bool:
    """Whether the file that would be used for this weight is the right one."""
    if weight.packaged:
        return True
    name = PurePosixPath(weight.file).name
    path = next((path for path in network.paths if path.name == name), None)
    if path is None:
        return False
    if path == networks.home() / weight.file:
        return inspect(weight, networks.home(), Record(networks.home())).state is FileState.HERE
    return what_is_wrong(path, weight) is None


def _download(missing: list[Weight], progress: TextIO) -> None:
    folder = networks.home()
    if folder.parts[:1] == ("~",):
        raise WeightsError(missing[0].name, "this user has no home folder; name a folder with REMBG_HOME")
    # Of a source that cannot be reached the user hears at once; a broken connection is worth another try.
    options = DownloadOptions(folder, retries=2, waits_for_network=False, pause_s=0.5)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        record = Record(folder)
        download_plan = plan(missing, options, record)
        free = free_bytes(folder)
        if download_plan.missing_bytes + SPARE_BYTES > free:
            raise WeightsError(
                missing[0].name,
                f"{download_plan.missing_bytes / 1e6:.0f} MB are to come, and {free / 1e6:.0f} MB are free in"
                f" {str(folder)!r}; name another folder with REMBG_HOME",
            )
        outcomes = get_all(download_plan.to_get, options, record, ProgressLine(progress))
    except OSError as error:
        raise WeightsError(
            missing[0].name,
            f"{str(folder)!r} cannot be used ({error.strerror or error}); name another with REMBG_HOME",
        ) from error
    if any(outcome.state is FileState.STOPPED for outcome in outcomes):
        raise KeyboardInterrupt
    _refuse_failures(outcomes)


def _refuse_failures(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.state is not FileState.FETCHED:
            raise WeightsError(
                outcome.weight.name,
                f"{outcome.detail}; the same command goes on from what has come,"
                f" or put the file into {str((networks.home() / outcome.weight.file).parent)!r} yourself",
            )
