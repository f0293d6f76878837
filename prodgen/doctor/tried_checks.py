"""Checks of what the server only lists: what a tiny picture showed of it, and what was not tried.

Each check is a pure function of the facts; it returns None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Mapping

from prodgen.doctor.facts import Attempt, SetupFacts
from prodgen.doctor.findings import Finding
from prodgen.doctor.health import advice
from prodgen.doctor.listed_things import KINDS, ListedKind
from prodgen.errors import NotABackendError, NotAppliedError

LINES: Mapping[ListedKind, str] = {
    "upscaler": "upscaler",
    "LoRA": "LoRAs",
    "ControlNet model": "ControlNet",
    "VAE": "VAEs",
}
"""Kind -> name of its finding."""

_FITS = "see that it is made for the checkpoint that is loaded, and that its file is whole"
_CONSOLE = f"{_FITS}; the server's console says more"

REMEDIES: Mapping[ListedKind, str] = {
    "upscaler": "put its weights into models/RealESRGAN or models/ESRGAN (download_weights.sh gets those of "
    "R-ESRGAN 4x+) and restart; the server's console says why, after 'Unable to load'",
    "LoRA": f"{_CONSOLE}, after 'Couldn't find network with name' or 'loading network'",
    "ControlNet model": f"{_CONSOLE}, in lines with 'ControlNet'",
    "VAE": f"{_CONSOLE}, after 'Couldn't find VAE named' or 'Loading VAE weights'",
}
"""What to do about one that does not work. Sources of the console's texts: A1111 1.10.1, realesrgan_model.py,
esrgan_model.py, extensions-builtin/Lora/networks.py, sd_vae.py."""


def what_came(attempt: Attempt) -> str:
    """Return what came of one attempt that failed, as a sentence without a full stop."""
    if isinstance(attempt.error, NotAppliedError):
        return attempt.error.reason
    if attempt.error is not None:
        return f"{attempt.name!r} failed: {getattr(attempt.error, 'reason', attempt.error)}"
    return f"{attempt.name!r} changes nothing: the picture is the one without it"


def remedy_for(attempt: Attempt, facts: SetupFacts) -> str:
    """Return what to do about one that failed: its weights are to blame, unless the error says otherwise."""
    error = attempt.error
    usual = _FITS if facts.is_own_engine else REMEDIES[attempt.kind]
    if isinstance(error, NotABackendError):
        return "update the server: it lists what its API has no route for"
    if error is None or isinstance(error, NotAppliedError):
        return usual
    return advice(error, otherwise=usual)


def judged(facts: SetupFacts, kind: ListedKind, what: str) -> Finding:
    """Return the finding about the things of one kind that were tried.

    Args:
        facts: All facts.
        kind: Its kind.
        what: What to say if all of them work; "" for the usual sentence.
    """
    tried = facts.trials.of_kind(kind)
    if lame := [attempt for attempt in tried if not attempt.works]:
        remedies = dict.fromkeys(remedy_for(attempt, facts) for attempt in lame)
        return Finding(LINES[kind], "warning", "; ".join(map(what_came, lame)), "; ".join(remedies))
    names = " and ".join(repr(attempt.name) for attempt in tried)
    verb = "changes" if len(tried) == 1 else "change"
    return Finding(LINES[kind], "OK", what or f"{names} {verb} the picture")


def controlnet(facts: SetupFacts) -> Finding | None:
    """Does a model of ControlNet do something?"""
    return judged(facts, "ControlNet model", "") if facts.trials.of_kind("ControlNet model") else None


def vaes(facts: SetupFacts) -> Finding | None:
    """Does a VAE that is listed do something?"""
    return judged(facts, "VAE", "") if facts.trials.of_kind("VAE") else None


def untried(facts: SetupFacts) -> Finding | None:
    """Which things are known from lists alone?"""
    counts = []
    for kind in KINDS:
        left = len(facts.listed.get(kind, ())) - len(facts.trials.of_kind(kind))
        if left > 0:
            counts.append(f"{left} {kind}{'s' if left > 1 else ''}")
    if not counts:
        return None
    why = f"; {facts.trials.cut_short}" if facts.trials.cut_short else ""
    return Finding(
        "only listed", "OK", f"{', '.join(counts)}: listed, not tried{why} (--all tries everything)"
    )


CHECKS = (controlnet, vaes, untried)
