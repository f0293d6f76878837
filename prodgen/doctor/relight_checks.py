"""Checks of IC-Light: is it there, does it relight, can its results be sent, is the bridge there.

Each check is a pure function of the facts; it returns None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Mapping

from prodgen.dialects.a1111 import IC_LIGHT_REMEDY
from prodgen.dialects.abilities import can
from prodgen.dialects.ic_light import TITLE, spelling_of
from prodgen.doctor.facts import SetupFacts
from prodgen.doctor.findings import Finding
from prodgen.doctor.health import release
from prodgen.errors import BRIDGE_REMEDY, ResultNotSentError
from prodgen.schema import ProofKind

BRIDGE_TITLE = "prodgen bridge"
BRIDGE_VERSION = "1.1.0"
"""Version of the extension that comes with this prodgen."""

PROOFS: Mapping[ProofKind | None, str] = {
    "picture": "the product is seen in the picture",
    "bridge": "prodgen's bridge saw the patched model draw",
    "foreground": "our foreground came back",
}
"""What a proof rests on -> how it is told; the server's word alone is not repeated."""

SCRIPT_FAULT = "'Error loading script: ' with a name of IC-Light's"
"""What A1111 prints for a script that does not load. Source: its modules/script_loading.py and scripts.py."""

FIRST_RELEASE = (1, 10)
"""First release of A1111 with the hook that IC-Light needs, process_before_every_sampling."""

SPELLINGS = {
    "dict": "one dict (huchenlei's)",
    "positional-13": "13 values (Haoming02's 2.0)",
    "positional-15": "15 values (the fork of 2024-07 to 2025-04)",
}


def extension(facts: SetupFacts) -> Finding | None:
    """Is IC-Light there, in a spelling that is known?"""
    have = facts.capabilities
    if have is None or facts.dialect is None or facts.engine or facts.comfy:
        return None
    if have.ic_light is not None:
        models = f", with {' and '.join(have.ic_light_models)}" if have.ic_light_models else ""
        what = f"takes {SPELLINGS[have.ic_light]}{models}"
        return _several(facts, what) or Finding("IC-Light", "OK", what)
    script = have.script(TITLE, is_img2img=False)
    if script is not None:
        return Finding(
            "IC-Light",
            "broken",
            f"its script takes {len(script.args)} arguments, a spelling that is not known",
            "install one of the releases that install_backend.sh pins, or use --recipe inpaint",
        )
    if why := have.unread.get("scripts"):
        return Finding(
            "IC-Light",
            "warning",
            f"whether it is there is not known: the server's list of scripts cannot be read ({why})",
            "ask again when it is idle; the server's console says which script's arguments it cannot list",
        )
    if _folder(facts, "ic-light"):
        return _did_not_load(facts)
    if not can(facts.dialect, "IC-Light (with the extension)"):
        return Finding(
            "IC-Light", "warning", f"{facts.dialect.title} cannot run it", "use --recipe inpaint there"
        )
    return _not_there(facts)


def _several(facts: SetupFacts, used: str) -> Finding | None:
    """Return the warning that more than one IC-Light is installed: a server takes the first of that title."""
    have = facts.capabilities
    scripts = have.scripts if have else ()
    found = [x for x in scripts if x.name.lower() == TITLE.lower() and not x.is_img2img]
    if len(found) < 2:
        return None
    others = [spelling_of(script) for script in found[1:]]
    named = " and ".join(SPELLINGS[x] if x else "arguments of an unknown kind" for x in others)
    folders = [x.name for x in facts.extensions or () if "ic-light" in x.name.lower().replace("_", "-")]
    where = f" (folders {' and '.join(map(repr, folders))})" if len(folders) > 1 else ""
    return Finding(
        "IC-Light",
        "warning",
        f"{len(found)} are installed{where}: the first is used, which {used}; "
        f"{'the other takes' if len(others) == 1 else 'the others take'} {named}",
        "keep one: switch off the rest on the page's Extensions tab, or move their folders away, and restart",
    )


def _not_there(facts: SetupFacts) -> Finding:
    """Return what is known where no script of that title is loaded and no folder of it is listed."""
    what = "its script is not loaded, and the recipe 'relight' needs it"
    if facts.extensions:
        return Finding("IC-Light", "broken", f"{what}; no folder of it is listed", IC_LIGHT_REMEDY)
    return Finding(
        "IC-Light",
        "broken",
        f"{what}; whether its folder is there is not known: the server lists no extension, and it lists none "
        "whose git checkout is not on a branch",
        f"if the folder is there, look in the server's console for {SCRIPT_FAULT}; else {IC_LIGHT_REMEDY}",
    )


def _folder(facts: SetupFacts, part: str) -> str | None:
    """Return the extension's folder whose name holds `part`, if the server lists one that is switched on."""
    names = [x.name for x in facts.extensions or () if x.is_enabled]
    return next((name for name in names if part in name.lower().replace("_", "-")), None)


def _did_not_load(facts: SetupFacts) -> Finding:
    light, patcher = _folder(facts, "ic-light"), _folder(facts, "model-patcher")
    what = f"its folder {light!r} is there, but its script did not load"
    if patcher is None:
        return Finding("IC-Light", "broken", what, "install sd-webui-model-patcher beside it and restart")
    if str(patcher).lower() > str(light).lower():
        return Finding(
            "IC-Light",
            "broken",
            f"{what}: it is loaded before the patcher that it needs ({patcher!r} sorts after it)",
            f"rename the folder {patcher!r} to 'aa-{patcher}' and restart (install_backend.sh does)",
        )
    return Finding("IC-Light", "broken", what, f"the server's console says why at its start: {SCRIPT_FAULT}")


def relights_to_prompt(facts: SetupFacts) -> Finding | None:
    """Does IC-Light truly relight to a prompt (FC)?"""
    return _relights(facts, "fc")


def relights_to_background(facts: SetupFacts) -> Finding | None:
    """Does IC-Light truly relight for a background (FBC)?"""
    finding = _relights(facts, "fbc")
    if finding is None or finding.status != "broken":
        return finding
    # Only pictures with --background need it.
    remedy = f"{finding.remedy}; without it, --background does not work with the recipe 'relight'"
    return Finding(finding.name, "warning", finding.what, remedy)


def _relights(facts: SetupFacts, mode: str) -> Finding | None:
    tried = facts.trials.relit.get(mode)
    if tried is None or _cannot_send(facts, mode):
        return None
    name = f"relights {mode}"
    model = f"IC-Light.SD15.{mode.upper()}"
    version = facts.trials.version
    is_old = facts.dialect is not None and facts.dialect.name == "a1111" and release(version) < FIRST_RELEASE
    if is_old and (tried.error is not None or tried.is_plain):
        return Finding(
            name, "broken", f"on A1111 {version} IC-Light does nothing at all", "update the web UI to 1.10.1"
        )
    if tried.error is not None:
        reason = str(getattr(tried.error, "reason", tried.error))
        return Finding(name, "broken", reason, _why_not(facts, model))
    if tried.is_plain:
        return Finding(
            name,
            "broken",
            "the picture is the same as without IC-Light: nothing was relit",
            _why_not(facts, model),
        )
    proof = f"{PROOFS[tried.proof]}, and " if tried.proof in PROOFS else ""
    return Finding(name, "OK", f"{proof}the picture differs from a plain one")


def _why_not(facts: SetupFacts, model: str) -> str:
    loaded = facts.capabilities.checkpoint if facts.capabilities else None
    if facts.is_own_engine:
        return f"name a plain SD 1.5 checkpoint with --checkpoint; {loaded!r} is the one that was tried"
    if facts.capabilities and facts.capabilities.is_sdxl:
        return f"load an SD 1.5 checkpoint: IC-Light is made for SD 1.5, and {loaded!r} is an SDXL one"
    return (
        f"see that {model}.safetensors is in models/ic-light or models/unet, that sd-webui-model-patcher is "
        "installed and an SD 1.5 checkpoint is loaded; the server's console says which is missing, in lines "
        "with 'IC-Light' or 'ic_light'"
    )


def _cannot_send(facts: SetupFacts, mode: str) -> bool:
    tried = facts.trials.relit.get(mode)
    if tried is None or tried.error is None:
        return False
    return isinstance(tried.error, ResultNotSentError)


def sending(facts: SetupFacts) -> Finding | None:
    """Can the server send IC-Light's results, or at least save them and hand the files out?"""
    tried = facts.trials.relit.get("fc")
    if tried is None:
        return None
    if _cannot_send(facts, "fc"):
        why = "its page is off (--nowebui)" if not _has_page(facts) else "it does not hand files out"
        return Finding(
            "results",
            "broken",
            f"it draws with IC-Light, but cannot send the results (the ndarray fault), and {why}",
            BRIDGE_REMEDY,
        )
    if tried.was_fetched:
        return Finding(
            "results",
            "warning",
            "it cannot send IC-Light's results (the ndarray fault); saving and fetching them works, slower, "
            "and leaves files prodgen-*.png on the server",
            BRIDGE_REMEDY,
        )
    if tried.is_patched:
        return Finding(
            "results",
            "warning",
            "a patched api.py sends 'False' in place of IC-Light's extra picture, the proof of relighting",
            f"put the original api.py back. {BRIDGE_REMEDY}",
        )
    if tried.error is not None:
        return None
    return Finding("results", "OK", "IC-Light's results are sent whole")


def _has_page(facts: SetupFacts) -> bool:
    return facts.capabilities is not None and facts.capabilities.has_task_progress


def bridge(facts: SetupFacts) -> Finding | None:
    """Is prodgen's bridge extension there, and new enough?"""
    have = facts.capabilities
    if have is None or facts.is_embedded or have.ic_light is None:
        return None
    script = have.script(BRIDGE_TITLE, is_img2img=False)
    if script is not None:
        version = next((str(x.value) for x in script.args if x.label == "version" and x.value), None)
        if version is None or release(version) < release(BRIDGE_VERSION):
            which = f"{version} is older than {BRIDGE_VERSION}" if version else "does not tell its version"
            return Finding(
                "bridge", "warning", f"prodgen's bridge {which}: it says 'applied' unchecked", BRIDGE_REMEDY
            )
        patched = next((x.patched for x in facts.trials.relit.values() if x.patched), "")
        model = f"; the model that it saw relight is {patched!r}" if patched else ""
        return Finding("bridge", "OK", f"prodgen's bridge {version}{model}")
    return Finding(
        "bridge",
        "warning",
        "prodgen's bridge extension is not there, so failures inside IC-Light do not show",
        BRIDGE_REMEDY,
    )


CHECKS = (extension, relights_to_prompt, relights_to_background, sending, bridge)
