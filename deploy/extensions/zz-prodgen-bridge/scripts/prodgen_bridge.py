"""The prodgen bridge: makes IC-Light usable, and its failures visible, through the web UI's own API.

An extension of AUTOMATIC1111's web UI (1.10 or later) and of Forge Classic. It changes no file of theirs. It
* turns the numpy arrays that IC-Light adds to the results into pictures; left as they are, every such call
  ends in "'numpy.ndarray' object has no attribute 'info'" after the whole generation;
* has IC-Light patch the model that draws: the patchers it uses are made for the model that is loaded when a
  call comes in, and the web UI changes the checkpoint afterwards;
* reports what goes wrong inside IC-Light, which the web UI otherwise logs and forgets, under "IC-Light error"
  in `info.extra_generation_params`, and says "IC-Light: applied" only where the patched model was seen to
  draw, with the name of its checkpoint under "IC-Light patched";
* keeps a call whose arguments IC-Light refuses from being relit with the arguments of the call before;
* tells its version to clients: in `script-info`, and in every result under "prodgen bridge";
* fills in options that were never saved, so that `override_settings` of one call do not leak into the next.

Python 3.10, with what the web UI itself has: numpy, Pillow, gradio.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
from modules import script_callbacks, scripts, shared
from PIL import Image

VERSION = "1.1.0"

TITLE = "prodgen bridge"
IC_LIGHT_TITLE = "ic light"

ERROR_KEY = "IC-Light error"
APPLIED_KEY = "IC-Light"
PATCHED_KEY = "IC-Light patched"
DROPPED_KEY = "prodgen bridge dropped"
OWN_KEYS = (TITLE, ERROR_KEY, APPLIED_KEY, PATCHED_KEY, DROPPED_KEY)

SAMPLING_HOOK = "process_before_every_sampling"
PATCHING_HOOKS = ("process", SAMPLING_HOOK)
"""The hooks in which IC-Light patches the model: the first in its earliest version, the second since."""

PATCHER_FIELDS = ("model_patcher", "hr_model_patcher")
"""Where sd-webui-model-patcher keeps its two patchers: for a picture, and for its enlargement (hires fix)."""

FORGE_WRAPPER = "model_function_wrapper"
"""The option of Forge's U-Net under which IC-Light puts the function that calls the network."""

HOOKS = (
    "setup",
    "before_process",
    "process",
    "before_process_batch",
    "after_extra_networks_activate",
    "process_batch",
    SAMPLING_HOOK,
    "post_sample",
    "postprocess_batch",
    "postprocess_batch_list",
    "postprocess_image",
    "postprocess",
)
"""Every hook of a script that runs during a generation, in the web UI's order."""

LONGEST_MESSAGE = 300
"""Characters. The text also goes into the picture's infotext, which is one line."""

log = logging.getLogger("prodgen.bridge")


class ProdgenBridge(scripts.Script):
    """Always on, nothing to set; its one argument, unused, carries the version to `script-info`."""

    def title(self) -> str:
        """Return the name under which the API lists it."""
        return TITLE

    def show(self, is_img2img: bool) -> object:
        """Be active in every generation."""
        return scripts.AlwaysVisible

    def ui(self, is_img2img: bool) -> list[Any]:
        """Return one invisible field: the API describes a script by its fields."""
        return [gr.Textbox(label="version", value=VERSION, visible=False)]

    def setup(self, p: Any, *_args: Any) -> None:
        """Watch IC-Light: this hook runs before any other of a generation."""
        watch_ic_light(getattr(p, "scripts", None))

    def before_process(self, p: Any, *_args: Any) -> None:
        """Put the version into the result and into the infotext of its pictures."""
        p.extra_generation_params[TITLE] = VERSION

    def process(self, p: Any, *_args: Any) -> None:
        """Aim the patchers at the model of this call: its checkpoint has been loaded by now."""
        renew_patchers(p)

    def post_sample(self, p: Any, *_args: Any) -> None:
        """Say whether the picture that was just drawn was relit: before it is saved with its infotext."""
        settle(p)

    def postprocess(self, p: Any, processed: Any, *_args: Any) -> None:
        """Make the results ones that the API can send."""
        settle(p)  # where a server has no hook after sampling
        dropped = 0
        for name in ("images", "extra_images"):
            results = getattr(processed, name, None)
            if isinstance(results, list):
                dropped += as_pictures(results)
        if dropped:
            p.extra_generation_params[DROPPED_KEY] = f"{dropped} results that are no pictures"
        if isinstance(getattr(processed, "extra_generation_params", None), dict):
            # Usually the same dict; a script may have replaced one of them.
            processed.extra_generation_params.update(
                {key: p.extra_generation_params[key] for key in OWN_KEYS if key in p.extra_generation_params}
            )


def as_pictures(results: list[Any]) -> int:
    """Replace each array in `results` by a picture, in place; returns how many had to be left out.

    uint8 is taken as it is, floats as [0, 1], booleans as black and white. An array of a shape that no
    picture has would end the call after all its work, so it is taken out and counted.
    """
    pictures = []
    for result in results:
        picture = _picture(result) if isinstance(result, np.ndarray) else result
        if picture is not None:
            pictures.append(picture)
    dropped = len(results) - len(pictures)
    results[:] = pictures
    return dropped


def _picture(array: np.ndarray) -> Image.Image | None:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        log.warning("prodgen bridge: a result of shape %s is no picture; it is left out", array.shape)
        return None
    if array.dtype == np.bool_ or np.issubdtype(array.dtype, np.floating):
        array = np.nan_to_num(array.astype(np.float64)).clip(0, 1) * 255
    return Image.fromarray(np.ascontiguousarray(np.rint(array).clip(0, 255).astype(np.uint8)))


def watch_ic_light(runner: Any) -> None:
    """Wrap the hooks of IC-Light in this runner, once, so that what goes wrong in them is recorded."""
    for script in getattr(runner, "alwayson_scripts", None) or []:
        try:
            title = str(script.title()).lower()
        except Exception as error:  # noqa: BLE001 - another extension's code; its faults are not ours to raise
            log.debug("prodgen bridge: %r has no title: %s", script, error)
            continue
        if title != IC_LIGHT_TITLE or getattr(script, "_prodgen_watched", False):
            continue
        for name in HOOKS:
            hook = getattr(script, name, None)
            if callable(hook):
                setattr(script, name, _watched(script, name, hook))
        script._prodgen_watched = True


def _watched(script: Any, name: str, hook: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(hook)
    def watched(p: Any, *args: Any, **kwargs: Any) -> Any:
        if name == "before_process" and hasattr(script, "args"):
            script.args = None  # else a refused call is relit with the arguments of the call before
        patches = name in PATCHING_HOOKS and wanted(args)
        if patches:
            renew_patchers(p)
            before = _unets(p)
        try:
            result = hook(p, *args, **kwargs)
        except Exception as error:
            _report(p, f"{name}: {type(error).__name__}: {error}")
            raise  # the web UI logs it with its traceback, as ever
        if patches:
            _follow(p, before)
        elif name == "before_process" and wanted(args) and getattr(script, "args", True) is None:
            _report(
                p,
                "before_process: it is switched on, but took no arguments (no foreground? no SD 1.5 model?)",
            )
        return result

    return watched


class Patched:
    """One U-Net that IC-Light patched, and whether it was called through that patch.

    A plain class: the web UI loads this file without naming it in `sys.modules`, where dataclasses look.
    """

    def __init__(self, model: Any, checkpoint: str) -> None:
        self.model = model  # of the web UI, to see whether another one drew
        self.checkpoint = checkpoint
        self.was_called: bool | None = (
            False  # None where IC-Light left nothing through which it could be seen
        )

    def watching(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """Return `forward`, watched."""

        @functools.wraps(forward)
        def watched(*args: Any, **kwargs: Any) -> Any:
            self.was_called = True
            return forward(*args, **kwargs)

        return watched

    def wrap(self, _module: Any, forward: Callable[..., Any]) -> Callable[..., Any]:
        """Return `forward` of a module, watched: what the patches of sd-webui-model-patcher are made of."""
        return self.watching(forward)


def drawing_model(p: Any) -> Any:
    """Return the model that is loaded now, whose U-Net draws; None on a server that keeps it elsewhere."""
    return getattr(getattr(p, "sd_model", None), "model", None)


def renew_patchers(p: Any) -> None:
    """Replace each patcher that was made for another model than the one that is loaded now.

    sd-webui-model-patcher makes them when the call comes in. The web UI loads the call's checkpoint later,
    and what is then patched is a model that does not draw. Patches that a patcher holds already go over to
    the new one.
    """
    model = drawing_model(p)
    for field in PATCHER_FIELDS:
        old = getattr(p, field, None)
        if old is None or old.model is model:
            continue
        kept = ("load_device", "offload_device", "weight_inplace_update", "name")
        try:
            new = type(old)(model=model, **{name: getattr(old, name) for name in kept if hasattr(old, name)})
            for patches, add in (
                (old.module_patches, new.add_module_patch),
                (old.weight_patches, new.add_weight_patch),
            ):
                for key, of_key in patches.items():
                    for patch in of_key:
                        add(key, patch)
        except Exception:  # another extension's code: what it leaves behind is judged after the sampling
            log.exception("prodgen bridge: %s cannot be made anew for the model that is loaded", field)
            continue
        setattr(p, field, new)
        log.info("prodgen bridge: %s renewed for %s", field, _checkpoint(p))


def _unets(p: Any) -> list[tuple[Any, dict[str, int]]]:
    """Return what IC-Light patches, patchers or the U-Net of Forge, with its number of patches by module."""
    patchers = [patcher for field in PATCHER_FIELDS if (patcher := getattr(p, field, None)) is not None]
    forge = getattr(getattr(getattr(p, "sd_model", None), "forge_objects", None), "unet", None)
    found = [
        (one, {key: len(patches) for key, patches in getattr(one, "module_patches", {}).items()})
        for one in patchers
    ]
    return found if forge is None else [*found, (forge, {})]


def _follow(p: Any, before: list[tuple[Any, dict[str, int]]]) -> None:
    """Note which U-Nets a hook of IC-Light has patched, and watch from now on whether they are called."""
    if not hasattr(p, "_prodgen_patched"):
        p._prodgen_patched = []
    for unet, patches in _unets(p):
        had = next((had for other, had in before if other is unet), None)
        patched = Patched(drawing_model(p), _checkpoint(p))
        if hasattr(unet, "module_patches"):
            added = [key for key, count in patches.items() if count > (had or {}).get(key, 0)]
            if added:
                kind = type(unet.module_patches[added[0]][-1])
                unet.add_module_patch(added[0], kind(create_new_forward_func=patched.wrap))
        elif added := had is None:  # Forge patches a copy, which takes the place of the U-Net
            options = getattr(unet, "model_options", {})
            if callable(options.get(FORGE_WRAPPER)):
                options[FORGE_WRAPPER] = patched.watching(options[FORGE_WRAPPER])
            else:
                patched.was_called = None
        if added:
            p._prodgen_patched.append(patched)


def settle(p: Any) -> None:
    """Put into the results whether IC-Light's patch drew the picture, after each sampling that it was for."""
    if not hasattr(p, "_prodgen_patched"):
        return
    patched = p._prodgen_patched
    del p._prodgen_patched
    if ERROR_KEY in p.extra_generation_params:
        return
    if not patched:
        _report(p, "it ended without an error and patched no model (is sd-webui-model-patcher there?)")
    elif unused := [one.checkpoint for one in patched if one.was_called is False]:
        _report(p, f"the model that it patched ({unused[0]}) did not draw the picture")
    elif patched[-1].model is not drawing_model(p):
        _report(p, f"it patched {patched[-1].checkpoint}; {_checkpoint(p)} went on drawing without it")
    elif all(one.was_called for one in patched):  # where that cannot be seen, nothing is claimed
        p.extra_generation_params[APPLIED_KEY] = "applied"
        p.extra_generation_params[PATCHED_KEY] = patched[-1].checkpoint


def _checkpoint(p: Any) -> str:
    """Return the title of the checkpoint that is loaded now."""
    model = getattr(p, "sd_model", None)
    title = getattr(getattr(model, "sd_checkpoint_info", None), "title", None)
    return str(title or type(model).__name__)


def wanted(args: tuple[Any, ...]) -> bool:
    """Whether IC-Light's arguments switch it on: a dict with `enabled`, or a list led by a truth value."""
    first = args[0] if args else None
    return bool(first.get("enabled")) if isinstance(first, dict) else bool(first)


def _report(p: Any, message: str) -> None:
    text = " ".join(message.split())[:LONGEST_MESSAGE]
    said = p.extra_generation_params.get(ERROR_KEY)
    p.extra_generation_params.pop(APPLIED_KEY, None)
    p.extra_generation_params.pop(PATCHED_KEY, None)
    p.extra_generation_params[ERROR_KEY] = f"{said}; {text}"[: 2 * LONGEST_MESSAGE] if said else text
    log.error("prodgen bridge: IC-Light failed: %s", text)


def remember_defaults(opts: Any) -> int:
    """Give every option that was never saved its default as saved value; returns how many there were.

    The web UI cannot put back an option that was never in its store: `override_settings` of one call then
    hold for all later calls, of all callers.
    """
    added = 0
    for key, label in getattr(opts, "data_labels", {}).items():
        if key in opts.data or getattr(label, "do_not_save", False):
            continue
        opts.data[key] = label.default
        added += 1
    return added


def _on_app_started(_demo: object, _app: object) -> None:
    for runner in (scripts.scripts_txt2img, scripts.scripts_img2img):
        watch_ic_light(runner)
    remember_defaults(shared.opts)


script_callbacks.on_app_started(_on_app_started)
