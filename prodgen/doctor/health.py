"""Checks of the server itself: does it answer, which version is it, does it leak options, has it memory.

Each check is a pure function of the facts; it returns None where it does not apply.
"""

from __future__ import annotations

import os

from prodgen.client import AUTH_VARIABLE, DEFAULT_URL, EMBEDDED
from prodgen.dialects import by_version
from prodgen.doctor.facts import SetupFacts
from prodgen.doctor.findings import Finding
from prodgen.errors import (
    BackendAuthError,
    BackendBusyError,
    BackendCertificateError,
    BackendError,
    BackendTimeoutError,
    NotABackendError,
    ProdgenError,
)

GIB = 1 << 30

MIN_VRAM = 4 * GIB
"""VRAM below which a warning is given. Chosen: SD 1.5 with IC-Light in half precision needs about as much."""

MIN_FREE_VRAM = 1 * GIB
"""Free VRAM below which a warning is given. Chosen: a picture of 0.5 megapixels needs about as much."""

MAX_CLOCK_DIFFERENCE_S = 120.0
"""Difference of the two clocks above which a warning is given. Chosen: logs show minutes."""


def reachable(facts: SetupFacts) -> Finding | None:
    """Is there a server that speaks the API?"""
    name = "address"
    if (facts.engine and not facts.engine.can_draw) or (facts.comfy and not facts.comfy.checkpoints):
        return None  # what it lacks is said by the checks of engines
    if facts.error is not None:
        what = f"{facts.address}: {getattr(facts.error, 'reason', facts.error)}"
        return Finding(name, "broken", what, facts.hint or _remedy(facts.error))
    if facts.notices:
        what = "; ".join(note.rstrip(".") for note in facts.notices)
        return Finding(
            name,
            "warning",
            f"{what}; {facts.address} takes its place",
            "do as it says, or name the address that you mean",
        )
    if facts.is_embedded and facts.address == EMBEDDED:
        why = f"; nothing answers at {DEFAULT_URL}" if facts.was_looked_for else ""
        return Finding(name, "OK", f"{facts.address} is inside prodgen{why}")
    if facts.engine is not None or facts.comfy is not None:  # what answers is in this process
        return Finding(name, "OK", f"{facts.address} answers")
    return Finding(name, "OK", f"{facts.address} answers in {facts.answered_in_s * 1000:.0f} ms")


def _remedy(error: ProdgenError) -> str:
    if isinstance(error, BackendError) and error.remedy != type(error).remedy:
        # Whoever raised it knew more than its kind says.
        return advice(error)
    match error:
        case BackendAuthError():
            if os.environ.get(AUTH_VARIABLE):
                return f"correct {AUTH_VARIABLE}: it must be user:password as in the server's --api-auth"
            return f"set {AUTH_VARIABLE}=user:password as in the server's --api-auth"
        case BackendBusyError():
            return "try again later; a proxy or the server itself turns requests away"
        case BackendTimeoutError():
            return "restart it if it hangs; with more than 40 calls waiting, A1111 answers none"
        case NotABackendError():
            return (
                "correct the address, or start the web UI with --api; what answers there is another service"
            )
        case BackendCertificateError():
            return advice(error)
    return "look at the server's console; what it answers cannot be used"


def advice(error: ProdgenError, *, otherwise: str = "") -> str:
    """Return an error's remedy as it stands behind "remedy:", or `otherwise` where it knows none of its own.

    A name at its beginning keeps its capital.
    """
    sentence = getattr(error, "remedy", BackendError.remedy)
    if otherwise and sentence in ("", BackendError.remedy):
        return otherwise
    first = sentence.split(" ", 1)[0]
    is_word = first[1:].islower() or first in ("It", "A", "If")
    return (sentence[:1].lower() + sentence[1:] if is_word else sentence).rstrip(".")


def dialect(facts: SetupFacts) -> Finding | None:
    """What kind of server is it, and which version?"""
    if facts.dialect is None:
        return None
    version = facts.trials.version
    if facts.is_embedded:
        return Finding("version", "OK", f"{version or 'prodgen-embedded'}, as dialect {facts.dialect.name!r}")
    known = by_version(version or "")
    if facts.is_own_engine:
        return Finding("version", "OK", version) if version else None  # it is told with a picture
    what = f"{facts.backend}, spoken to as dialect {facts.dialect.name!r}"
    if version is None:
        return Finding("version", "OK", f"{what}; its version shows once it draws")
    # What a server calls itself outweighs what its routes look like.
    if known is not None and known.name != facts.dialect.name:
        return Finding(
            "version", "warning", f"{what}, but it calls itself {version}", f"use --dialect {known.name}"
        )
    if release(version) < (1, 9) and facts.dialect.name == "a1111" and known is not None:
        return Finding(
            "version", "warning", what, "update the web UI to 1.10.1; prodgen was tried on 1.9.4 and 1.10.1"
        )
    return Finding("version", "OK", what)


def release(version: str | None) -> tuple[int, ...]:
    """Return the numbers of a version such as "v1.10.1"; an unreadable one counts as new."""
    parts = (version or "").removeprefix("v").split("-")[0].split(".")
    numbers = [int(part) for part in parts if part.isdigit()]
    return tuple(numbers) if numbers else (99,)


def page(facts: SetupFacts) -> Finding | None:
    """Can our own work be distinguished from other callers', and saved files be fetched?"""
    if facts.capabilities is None or facts.dialect is None or not facts.dialect.task("id"):
        return None
    if facts.capabilities.has_task_progress:
        return Finding("own tasks", "OK", "progress and cancelling of our own calls alone")
    return Finding(
        "own tasks",
        "warning",
        "it runs without its page: progress may be another caller's, and nothing can be cancelled",
        "start it without --nowebui",
    )


def drawing(facts: SetupFacts) -> Finding | None:
    """Does it draw at all?"""
    if facts.capabilities is None:
        return None
    trials = facts.trials
    if trials.why_not:
        remedy = "" if facts.is_idle is not False else "run this again when it is idle; nothing was tried now"
        return Finding("drawing", "OK" if not remedy else "warning", trials.why_not, remedy)
    if trials.error is not None:
        reason = getattr(trials.error, "reason", trials.error)
        return Finding(
            "drawing",
            "broken",
            f"a plain 64x64 picture failed: {reason}",
            advice(trials.error, otherwise=_console(facts)),
        )
    return Finding("drawing", "OK", "a plain 64x64 picture came whole")


def _console(facts: SetupFacts) -> str:
    """Return where the server's console says more than its answer, and after which words."""
    if facts.dialect is None or facts.dialect.name == "sdcpp":
        return "the server's console says more, in its last lines"
    return "the server's console says more, after 'API error: POST' and in the traceback below it"


def option_store(facts: SetupFacts) -> Finding | None:
    """Can its options be read?"""
    error = facts.options_error
    if error is None:
        return None
    wrong_type = (
        "correct the option that it names in its config.json (the value is of a wrong type), and restart"
    )
    remedy = advice(error, otherwise=wrong_type)
    return Finding("options", "broken", f"its options cannot be read: {error.reason}", remedy)


def leaks(facts: SetupFacts) -> Finding | None:
    """Do options that one call overrides stay for the next?"""
    if not facts.trials.tried_options:
        return None
    if not facts.trials.has_leaked:
        return Finding("overrides", "OK", "options of one call end with it")
    return Finding(
        "overrides",
        "warning",
        "options of one call stay for all later callers; prodgen works round it, other programs may not",
        "save all options once, as they are: press 'Apply settings' on the server's page",
        "save options",
    )


def gpu_memory(facts: SetupFacts) -> Finding | None:
    """Has it a GPU, with enough memory?"""
    memory = facts.memory
    if memory is None:
        return None
    if facts.is_embedded:
        return Finding("memory", "OK", "no GPU is needed")
    if memory.vram_total is None:
        if facts.engine is not None:
            return None  # said with an estimate
        return Finding(
            "memory", "warning", "it draws without a GPU, which takes minutes a picture", "run it on a GPU"
        )
    free = memory.vram_total - (memory.vram_used or 0)
    what = f"{free / GIB:.1f} of {memory.vram_total / GIB:.1f} GiB of VRAM are free"
    if memory.vram_total < MIN_VRAM:
        return Finding("memory", "warning", what, "start it with --medvram, and keep to 0.4 megapixels")
    if free < MIN_FREE_VRAM:
        remedy = "close what else uses the GPU, or unload the model for a moment"
        return Finding("memory", "warning", what, remedy, "free memory")
    return Finding("memory", "OK", what)


def clock(facts: SetupFacts) -> Finding | None:
    """Do the two clocks agree?"""
    ahead = facts.clock_ahead_s
    if ahead is None:
        return None
    if abs(ahead) <= MAX_CLOCK_DIFFERENCE_S:
        return Finding("clock", "OK", "the server's clock and ours agree")
    side = "ahead of" if ahead > 0 else "behind"
    return Finding(
        "clock",
        "warning",
        f"the server's clock is {abs(ahead) / 60:.0f} minutes {side} ours: dates will not fit",
        "set both clocks by NTP (timedatectl set-ntp true)",
    )


CHECKS = (reachable, dialect, page, drawing, option_store, leaks, gpu_memory, clock)
