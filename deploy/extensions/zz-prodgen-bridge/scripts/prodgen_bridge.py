"""The prodgen bridge: makes IC-Light usable, and its failures visible, through the web UI's own API.

An extension of AUTOMATIC1111's web UI (1.10 or later) and of Forge Classic. It changes no file of theirs. It
* turns the numpy arrays that IC-Light adds to the results into pictures; left as they are, every such call
  ends in "'numpy.ndarray' object has no attribute 'info'" after the whole generation;
* reports what goes wrong inside IC-Light, which the web UI otherwise logs and forgets, under "IC-Light error"
  in `info.extra_generation_params`, and says "IC-Light: applied" where it provably ran;
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

VERSION = "1.0.0"

TITLE = "prodgen bridge"
IC_LIGHT_TITLE = "ic light"

ERROR_KEY = "IC-Light error"
APPLIED_KEY = "IC-Light"
DROPPED_KEY = "prodgen bridge dropped"

SAMPLING_HOOK = "process_before_every_sampling"
"""The hook in which IC-Light patches the model: if it returns, the picture is relit."""

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

    def postprocess(self, p: Any, processed: Any, *_args: Any) -> None:
        """Make the results ones that the API can send."""
        dropped = 0
        for name in ("images", "extra_images"):
            results = getattr(processed, name, None)
            if isinstance(results, list):
                dropped += as_pictures(results)
        if dropped:
            p.extra_generation_params[DROPPED_KEY] = f"{dropped} results that are no pictures"
        if isinstance(getattr(processed, "extra_generation_params", None), dict):
            # Usually the same dict; a script may have replaced one of them.
            own = (TITLE, ERROR_KEY, APPLIED_KEY, DROPPED_KEY)
            processed.extra_generation_params.update(
                {key: p.extra_generation_params[key] for key in own if key in p.extra_generation_params}
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
        try:
            result = hook(p, *args, **kwargs)
        except Exception as error:
            _report(p, f"{name}: {type(error).__name__}: {error}")
            raise  # the web UI logs it with its traceback, as ever
        armed = getattr(script, "args", True) is not None  # some versions keep none: nothing to see there
        if name == "before_process" and wanted(args) and not armed:
            _report(
                p,
                "before_process: it is switched on, but took no arguments (no foreground? no SD 1.5 model?)",
            )
        if name == SAMPLING_HOOK and armed and wanted(args) and ERROR_KEY not in p.extra_generation_params:
            p.extra_generation_params[APPLIED_KEY] = "applied"
        return result

    return watched


def wanted(args: tuple[Any, ...]) -> bool:
    """Whether IC-Light's arguments switch it on: a dict with `enabled`, or a list led by a truth value."""
    first = args[0] if args else None
    return bool(first.get("enabled")) if isinstance(first, dict) else bool(first)


def _report(p: Any, message: str) -> None:
    text = " ".join(message.split())[:LONGEST_MESSAGE]
    said = p.extra_generation_params.get(ERROR_KEY)
    p.extra_generation_params.pop(APPLIED_KEY, None)
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
