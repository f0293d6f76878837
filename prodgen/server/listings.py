"""What A1111 lists, in its shapes: samplers, schedulers, upscalers, models, scripts.

Samplers and schedulers are those of A1111 1.10.1, less those that an engine does not draw with. What there
is beside them is the engine's own (`EngineInventory`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prodgen.schema.model_families import config_of
from prodgen.schema.workflow_graphs import WORKFLOW_SCRIPT
from prodgen.server.engine import ModelFile
from prodgen.server.ic_light_script import IC_LIGHT_MODELS
from prodgen.server.state import Machine

CONTROL_NET = "controlnet"
"""Name of the ControlNet extension among the scripts."""

UNITS = 3
"""Units that ControlNet offers unless it is set otherwise."""

ROOTS = {False: "/prodgen-embedded", True: "/prodgen-engine"}
"""The server's folder in answers, of one with a model (True) and without: a name only, no path of this
computer is shown."""

_SECOND, _BROWN = {"second_order": "True"}, {"brownian_noise": "True"}
_ENSD, _DISCARD = {"uses_ensd": "True"}, {"discard_next_to_last_sigma": "True"}
_KARRAS, _EXPONENTIAL = {"scheduler": "karras"}, {"scheduler": "exponential"}

SAMPLERS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "DPM++ 2M": (("k_dpmpp_2m",), _KARRAS),
    "DPM++ SDE": (("k_dpmpp_sde",), {**_KARRAS, **_SECOND, **_BROWN}),
    "DPM++ 2M SDE": (("k_dpmpp_2m_sde",), {**_EXPONENTIAL, **_BROWN}),
    "DPM++ 2M SDE Heun": (("k_dpmpp_2m_sde_heun",), {**_EXPONENTIAL, **_BROWN, "solver_type": "heun"}),
    "DPM++ 2S a": (("k_dpmpp_2s_a",), {**_KARRAS, **_ENSD, **_SECOND}),
    "DPM++ 3M SDE": (("k_dpmpp_3m_sde",), {**_EXPONENTIAL, **_DISCARD, **_BROWN}),
    "Euler a": (("k_euler_a", "k_euler_ancestral"), _ENSD),
    "Euler": (("k_euler",), {}),
    "LMS": (("k_lms",), {}),
    "Heun": (("k_heun",), _SECOND),
    "DPM2": (("k_dpm_2",), {**_KARRAS, **_DISCARD, **_SECOND}),
    "DPM2 a": (("k_dpm_2_a",), {**_KARRAS, **_DISCARD, **_ENSD, **_SECOND}),
    "DPM fast": (("k_dpm_fast",), _ENSD),
    "DPM adaptive": (("k_dpm_ad",), _ENSD),
    "Restart": (("restart",), {**_KARRAS, **_SECOND}),
    "DDIM": (("ddim",), {}),
    "DDIM CFG++": (("ddim_cfgpp",), {}),
    "PLMS": (("plms",), {}),
    "UniPC": (("unipc",), {}),
    "LCM": (("k_lcm",), {}),
}
"""Name: aliases (listed, but not accepted as names) and options."""

SCHEDULERS: dict[str, tuple[str, float, bool]] = {
    "Automatic": ("automatic", -1.0, False),
    "Uniform": ("uniform", -1.0, True),
    "Karras": ("karras", 7.0, False),
    "Exponential": ("exponential", -1.0, False),
    "Polyexponential": ("polyexponential", 1.0, False),
    "SGM Uniform": ("sgm_uniform", -1.0, True),
    "KL Optimal": ("kl_optimal", -1.0, False),
    "Align Your Steps": ("align_your_steps", -1.0, False),
    "Simple": ("simple", -1.0, True),
    "Normal": ("normal", -1.0, True),
    "DDIM": ("ddim", -1.0, True),
    "Beta": ("beta", -1.0, True),
}
"""Label: name, default rho, whether it needs the inner model."""

PLAIN_UPSCALERS = ("None", "Lanczos", "Nearest")
"""Resampling, which the server does itself."""

LATENT_MODES = (
    "Latent",
    "Latent (antialiased)",
    "Latent (bicubic)",
    "Latent (bicubic antialiased)",
    "Latent (nearest)",
    "Latent (nearest-exact)",
)


def samplers(release: str = "1.10", *, drawn_with: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return the answer of /samplers: those of the release that the engine draws with (None: all)."""
    later = {"DDIM CFG++"} if release == "1.9" else set()
    return [
        {"name": name, "aliases": list(aliases), "options": dict(options)}
        for name, (aliases, options) in SAMPLERS.items()
        if name not in later and (drawn_with is None or name in drawn_with)
    ]


def schedulers(release: str = "1.10", *, drawn_with: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return the answer of /schedulers: the engine's (None: all) among those of the release."""
    known = list(SCHEDULERS.items())[: 6 if release == "1.9" else None]
    return [
        {
            "name": name,
            "label": label,
            "aliases": ["SGMUniform"] if name == "sgm_uniform" else None,
            "default_rho": rho,
            "need_inner_model": inner,
        }
        for label, (name, rho, inner) in known
        if drawn_with is None or label in drawn_with
    ]


def upscalers(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the answer of /upscalers: the server's own, and these of the engine."""
    nothing = {"model_name": None, "model_path": None, "model_url": None}
    return [{"name": name, **nothing, "scale": 4.0} for name in (*PLAIN_UPSCALERS, *names)]


def latent_modes(names: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the answer of /latent-upscale-modes: those that the engine has (None: all)."""
    return [{"name": name} for name in LATENT_MODES if names is None or name in names]


def checkpoints(models: tuple[ModelFile, ...], root: str) -> list[dict[str, Any]]:
    """Return the answer of /sd-models."""
    return [
        {
            "title": model.title,
            "model_name": model.name,
            "hash": model.known_sha256 and model.short_hash,
            "sha256": model.known_sha256,
            "filename": f"{root}/models/Stable-diffusion/{model.name}",
            "config": (config := config_of(model.family)) and f"{root}/configs/{config}",
        }
        for model in models
    ]


def vaes(models: Sequence[ModelFile], root: str) -> list[dict[str, Any]]:
    """Return the answer of /sd-vae."""
    return [{"model_name": model.name, "filename": f"{root}/models/VAE/{model.name}"} for model in models]


def loras(models: tuple[ModelFile, ...], root: str) -> list[dict[str, Any]]:
    """Return the answer of /loras."""
    return [
        {
            "name": model.name,
            "alias": model.name,
            "path": f"{root}/models/Lora/{model.name}",
            "metadata": dict(model.metadata),
        }
        for model in models
    ]


def _arg(
    label: str,
    value: object,
    span: tuple[float, float, float] | None = None,
    choices: list[str] | None = None,
) -> dict[str, Any]:
    low, high, step = span or (None, None, None)
    facts = {"minimum": low, "maximum": high, "step": step, "choices": choices}
    return {"label": label, "value": value, **facts}


def _built_in(models: tuple[ModelFile, ...]) -> dict[str, list[dict[str, Any]]]:
    titles = [model.title for model in models]
    return {
        "refiner": [
            _arg("Refiner", False),
            _arg("Checkpoint", "", choices=titles),
            _arg("Switch at", 0.8, (0.01, 1.0, 0.01)),
        ],
        "sampler": [
            _arg("Sampling steps", 20, (1, 150, 1)),
            _arg("Sampling method", "DPM++ 2M", choices=list(SAMPLERS)),
            _arg("Schedule type", "Automatic", choices=list(SCHEDULERS)),
        ],
        "seed": [
            {**_arg("Seed", -1), "step": 1},
            _arg("Extra", False),
            {**_arg("Variation seed", -1), "step": 1},
            _arg("Variation strength", 0.0, (0, 1, 0.01)),
            _arg("Resize seed from width", 0, (0, 2048, 8)),
            _arg("Resize seed from height", 0, (0, 2048, 8)),
        ],
    }


_REMBG_MODELS = ["u2net_human_seg", "isnet-anime"]
_RAW = '\nUse the input before the background removal as the "Original" to restore details from\n'


def _ic_light_args(dialect: str, *, for_img2img: bool) -> list[dict[str, Any]]:
    if dialect == "v1":
        return [_arg("", {})]
    foreground = "Lighting Conditioning" if for_img2img and dialect == "v2" else "Foreground"
    removal = [
        _arg("Background Removal", True),
        _arg("Background Removal Model", "u2net_human_seg", choices=_REMBG_MODELS),
        _arg("Foreground Threshold", 225, (0, 255, 1)),
        _arg("Background Threshold", 16, (0, 255, 1)),
        _arg("Erode Size", 16, (0, 128, 1)),
        _arg("Restore Details", False),
        _arg(_RAW, False),
        _arg("Blur Radius", 3, (1, 9, 2)),
        _arg("Reinforce Foreground", False),
    ]
    mode = _arg("Mode", IC_LIGHT_MODELS[0], choices=IC_LIGHT_MODELS)
    pictures = [_arg(foreground, None), _arg("Background", None)]
    if dialect == "v2":
        return [_arg("IC Light 2.0", False), mode, *pictures, *removal]
    sources = [_arg("Background Source", "None"), _arg("Background Source", "Use Background Image")]
    return [_arg("IC Light", False), mode, *sources, *pictures, *removal]


def embeddings(names: Sequence[str]) -> dict[str, Any]:
    """Return the answer of /embeddings; what they hold is not known before they are loaded."""
    unknown = {"step": None, "sd_checkpoint": None, "sd_checkpoint_name": None, "shape": 0, "vectors": 0}
    return {"loaded": {name: dict(unknown) for name in names}, "skipped": {}}


def face_restorers(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the answer of /face-restorers."""
    return [{"name": name, "cmd_dir": None} for name in names]


def script_titles(machine: Machine, *, is_img2img: bool) -> list[str]:
    """Return the names of the scripts that requests of a route may have arguments for."""
    light = ["ic light"] if machine.ic_light.dialect else []
    control = [CONTROL_NET] if machine.inventory.controlnets else []
    workflow = [WORKFLOW_SCRIPT] if machine.inventory.runs_workflows and not is_img2img else []
    return [*light, *control, *workflow, "refiner", "sampler", "seed"]


def scripts(machine: Machine) -> dict[str, list[str]]:
    """Return the answer of /scripts."""
    return {
        "txt2img": script_titles(machine, is_img2img=False),
        "img2img": script_titles(machine, is_img2img=True),
    }


def script_info(machine: Machine) -> list[dict[str, Any]]:
    """Return the answer of /script-info: each script twice, for txt2img and for img2img."""
    result = []
    ic_light, bridge = machine.ic_light.dialect, machine.bridge
    for for_img2img in (False, True):
        known = _built_in(machine.inventory.checkpoints)
        if machine.inventory.controlnets:
            known = {CONTROL_NET: [_arg("", {}) for _ in range(UNITS)], **known}
        if machine.inventory.runs_workflows and not for_img2img:
            known = {WORKFLOW_SCRIPT: [_arg("Workflow", {})], **known}
        if ic_light:
            known = {"ic light": _ic_light_args(ic_light, for_img2img=for_img2img), **known}
        if bridge:
            known["prodgen bridge"] = [_arg("version", bridge)]
        result += [
            {"name": name, "is_alwayson": True, "is_img2img": for_img2img, "args": args}
            for name, args in known.items()
        ]
    return result


def resolve_sampler(
    name: str | None, fallback: str, scheduler: str | None, *, drawn_with: Sequence[str] | None = None
) -> tuple[str, str]:
    """Return the sampler and the schedule's label that run when these names are asked for.

    A1111 1.10.1 splits names of before 1.9 ("DPM++ 2M Karras"); an unknown sampler silently becomes the
    first, an unknown scheduler "Automatic", and that the sampler's own, if it has one.

    Args:
        name: The sampler's name in the request.
        fallback: Its name in `sampler_index`, used where `name` is missing.
        scheduler: The schedule's name or label in the request.
        drawn_with: The samplers that the engine draws with; None is all.

    Returns:
        Sampler's name and schedule's label.
    """
    asked = name or fallback
    known = [sampler for sampler in SAMPLERS if drawn_with is None or sampler in drawn_with]
    labels = {word: label for label, (low, _, _) in SCHEDULERS.items() for word in (label, low)}
    found = None
    for word, label in labels.items():
        if asked not in known and asked.endswith(f" {word}"):
            asked, found = asked[: -len(word) - 1], label
    sampler = asked if asked in known else known[0]
    schedule = labels.get(scheduler or "", "Automatic")
    if schedule == "Automatic" and found and scheduler is None:
        schedule = found
    if schedule == "Automatic":
        schedule = labels.get(SAMPLERS[sampler][1].get("scheduler", ""), "Automatic")
    return sampler, schedule
