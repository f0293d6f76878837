"""The bridge extension, inside stand-ins of the web UI's script runner and of both IC-Light extensions.

The stand-ins behave as the real ones were seen to: hooks run in load order, every exception in a hook is
swallowed, and a result that is no picture ends the call when it is encoded.
"""

from __future__ import annotations

import configparser
import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

EXTENSION = Path(__file__).parents[2] / "deploy/extensions/zz-prodgen-bridge"

HOOKS = ("before_process", "process", "process_before_every_sampling", "postprocess_image", "postprocess")

FOREGROUND = np.full((4, 6, 3), 127, dtype=np.uint8)


class Script:
    """Stands in for modules.scripts.Script."""

    filename = "stand-in.py"

    def title(self) -> str:
        raise NotImplementedError

    def setup(self, p: Any, *args: Any) -> None: ...
    def before_process(self, p: Any, *args: Any) -> None: ...
    def process(self, p: Any, *args: Any) -> None: ...
    def process_before_every_sampling(self, p: Any, *args: Any, **kwargs: Any) -> None: ...
    def postprocess_image(self, p: Any, pp: Any, *args: Any) -> None: ...
    def postprocess(self, p: Any, processed: Any, *args: Any) -> None: ...


@dataclass
class Call:
    """Stands in for a processing object."""

    script_args: dict[str, tuple[Any, ...]]
    scripts: Any = None
    extra_generation_params: dict[str, Any] = field(default_factory=dict)
    relit_with: Any = None


class Runner:
    """Stands in for ScriptRunner and the API around it."""

    def __init__(self, *scripts: Script) -> None:
        self.alwayson_scripts = list(scripts)
        self.logged: list[str] = []

    def _hook(self, name: str, p: Call, *extra: Any, **more: Any) -> None:
        for script in self.alwayson_scripts:
            try:
                getattr(script, name)(p, *extra, *p.script_args.get(script.title(), ()), **more)
            except Exception as error:  # noqa: BLE001 - as the web UI does, which is what this is about
                self.logged.append(f"Error running {name}: {error}")

    def txt2img(self, **script_args: tuple[Any, ...]) -> tuple[Call, SimpleNamespace]:
        """Run one generation and encode its results, as the API does."""
        p = Call({key.replace("_", " "): value for key, value in script_args.items()}, self)
        self._hook("setup", p)
        for name in ("before_process", "process"):
            self._hook(name, p)
        self._hook("process_before_every_sampling", p, x=None)
        picture = SimpleNamespace(image=Image.new("RGB", (6, 4)))
        self._hook("postprocess_image", p, picture)
        processed = SimpleNamespace(images=[picture.image], extra_generation_params=p.extra_generation_params)
        self._hook("postprocess", p, processed)
        for image in processed.images:
            assert image.info is not None  # "'numpy.ndarray' object has no attribute 'info'"
        return p, processed


class ICLightV2(Script):
    """Positional arguments: a missing foreground is only logged, a wrong model ends in an exception."""

    def title(self) -> str:
        return "IC Light"

    def before_process(self, p: Any, *args: Any) -> None:
        self.args = None
        enable, model, foreground = (*args, None, None, None)[:3]
        if enable and foreground is not None:
            self.args = (model, foreground)

    def process_before_every_sampling(self, p: Any, *args: Any, **kwargs: Any) -> None:
        if self.args is None:
            return
        p.extra_result = FOREGROUND
        if self.args[0] != "IC-Light.SD15.FC":
            raise SystemError("no such model:\n" + str(self.args[0]))
        p.relit_with = self.args[1]

    def postprocess(self, p: Any, processed: Any, *args: Any) -> None:
        if self.args is not None:
            processed.images += [p.extra_result]


class ICLightV1(ICLightV2):
    """The extension with one dict: what it refuses leaves the arguments of the call before in place."""

    args: Any = None

    def before_process(self, p: Any, *args: Any) -> None:
        given = args[0] if args else {}
        if not given.get("enabled"):
            self.args = None
            return
        if given["model_type"] != "IC-Light.SD15.FC":
            raise SystemError("no such model")
        self.args = (given["model_type"], given["input_fg"])


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The extension's module, loaded as the web UI loads it, with stand-ins for what it imports."""
    started: list[Any] = []
    scripts = ModuleType("modules.scripts")
    scripts.Script, scripts.AlwaysVisible = Script, object()
    scripts.scripts_txt2img = scripts.scripts_img2img = None
    callbacks = ModuleType("modules.script_callbacks")
    callbacks.on_app_started = started.append
    shared = ModuleType("modules.shared")
    shared.opts = SimpleNamespace(data={}, data_labels={})
    modules = ModuleType("modules")
    modules.scripts, modules.script_callbacks, modules.shared = scripts, callbacks, shared
    gradio = ModuleType("gradio")
    gradio.Textbox = lambda **fields: SimpleNamespace(**fields)
    for module in (modules, scripts, callbacks, shared, gradio):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    spec = importlib.util.spec_from_file_location("prodgen_bridge", EXTENSION / "scripts/prodgen_bridge.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.started = started
    return module


def v2(model: str = "IC-Light.SD15.FC", foreground: Any = "a bag") -> dict[str, tuple[Any, ...]]:
    return {"IC_Light": (True, model, foreground)}


def v1(model: str = "IC-Light.SD15.FC", foreground: Any = "a bag") -> dict[str, tuple[Any, ...]]:
    return {"IC_Light": ({"enabled": True, "model_type": model, "input_fg": foreground},)}


def test_without_the_bridge_the_call_ends_as_it_was_seen_to_end():
    with pytest.raises(AttributeError, match=r"'numpy\.ndarray' object has no attribute 'info'"):
        Runner(ICLightV2()).txt2img(**v2())


def test_arrays_among_the_results_become_pictures_of_the_same_pixels(bridge):
    _, processed = Runner(ICLightV2(), bridge.ProdgenBridge()).txt2img(**v2())

    assert [type(image).__name__ for image in processed.images] == ["Image", "Image"]
    np.testing.assert_array_equal(np.asarray(processed.images[1]), FOREGROUND)


def test_loaded_before_ic_light_it_would_come_too_early(bridge):
    with pytest.raises(AttributeError):
        Runner(bridge.ProdgenBridge(), ICLightV2()).txt2img(**v2())


def test_both_its_name_and_its_metadata_load_it_after_ic_light():
    metadata = configparser.ConfigParser()
    metadata.read(EXTENSION / "metadata.ini")

    assert EXTENSION.name > "sd-forge-ic-light"
    assert metadata["scripts"]["After"] == "sd-forge-ic-light"
    assert metadata["Extension"]["Name"] == EXTENSION.name


@pytest.mark.parametrize(("ic_light", "arguments"), [(ICLightV1, v1), (ICLightV2, v2)])
def test_a_picture_that_was_relit_says_so(bridge, ic_light, arguments):
    p, processed = Runner(ic_light(), bridge.ProdgenBridge()).txt2img(**arguments())

    assert p.relit_with == "a bag"
    assert processed.extra_generation_params["IC-Light"] == "applied"
    assert "IC-Light error" not in processed.extra_generation_params


@pytest.mark.parametrize(("ic_light", "arguments"), [(ICLightV1, v1), (ICLightV2, v2)])
def test_a_wrong_model_is_reported_in_the_result_and_still_logged(bridge, ic_light, arguments):
    runner = Runner(ic_light(), bridge.ProdgenBridge())

    _, processed = runner.txt2img(**arguments(model="FC"))

    assert "SystemError: no such model" in processed.extra_generation_params["IC-Light error"]
    assert "\n" not in processed.extra_generation_params["IC-Light error"]
    assert "IC-Light" not in processed.extra_generation_params
    assert any("no such model" in line for line in runner.logged)


def test_a_missing_foreground_is_reported_although_ic_light_only_logs_it(bridge):
    _, processed = Runner(ICLightV2(), bridge.ProdgenBridge()).txt2img(**v2(foreground=None))

    assert "took no arguments" in processed.extra_generation_params["IC-Light error"]


def test_arguments_of_the_wrong_dialect_are_reported(bridge):
    _, processed = Runner(ICLightV2(), bridge.ProdgenBridge()).txt2img(**v1())

    assert "took no arguments" in processed.extra_generation_params["IC-Light error"]


def test_a_refused_call_is_not_relit_with_the_call_before(bridge):
    runner = Runner(ICLightV1(), bridge.ProdgenBridge())
    runner.txt2img(**v1(foreground="another shop's bag"))

    p, processed = runner.txt2img(**v1(model="wrong"))

    assert p.relit_with is None
    assert "IC-Light error" in processed.extra_generation_params


def test_a_call_that_does_not_ask_for_ic_light_is_left_alone(bridge):
    _, processed = Runner(ICLightV2(), bridge.ProdgenBridge()).txt2img()

    assert processed.extra_generation_params == {"prodgen bridge": bridge.VERSION}


def test_hooks_are_wrapped_once_however_many_calls_there_are(bridge):
    runner = Runner(ICLightV2(), bridge.ProdgenBridge())
    for _ in range(3):
        _, processed = runner.txt2img(**v2(model="wrong"))

    assert processed.extra_generation_params["IC-Light error"].count("no such model") == 1


def test_the_version_is_in_script_info_and_in_every_result(bridge):
    script = bridge.ProdgenBridge()

    (control,) = script.ui(is_img2img=False)
    _, processed = Runner(script).txt2img()

    assert (script.title(), control.label, control.value) == ("prodgen bridge", "version", bridge.VERSION)
    assert processed.extra_generation_params["prodgen bridge"] == bridge.VERSION


@pytest.mark.parametrize(
    ("array", "mode", "first"),
    [
        (np.full((2, 3, 3), 0.5, np.float32), "RGB", (128, 128, 128)),
        (np.full((2, 3, 3), 2.0), "RGB", (255, 255, 255)),
        (np.full((2, 3), np.nan), "L", 0),
        (np.ones((2, 3, 1), dtype=bool), "L", 255),
        (np.full((2, 3, 4), 300, np.int32), "RGBA", (255, 255, 255, 255)),
    ],
    ids=["float", "beyond white", "nan", "bool", "int"],
)
def test_arrays_of_any_kind_become_eight_bit_pictures(bridge, array, mode, first):
    results = [array]

    assert bridge.as_pictures(results) == 0
    assert (results[0].mode, results[0].size, results[0].getpixel((0, 0))) == (mode, (3, 2), first)


def test_a_result_that_can_be_no_picture_is_left_out_and_counted(bridge):
    results = [Image.new("L", (1, 1)), np.zeros((2, 2, 7)), np.zeros((0, 3, 3))]

    assert bridge.as_pictures(results) == 2
    assert len(results) == 1


def test_at_start_both_tabs_are_watched_and_unsaved_options_get_their_defaults(bridge):
    scripts, opts = sys.modules["modules.scripts"], sys.modules["modules.shared"].opts
    ic_light = ICLightV2()
    scripts.scripts_txt2img = Runner(ic_light)
    opts.data["CLIP_stop_at_last_layers"] = 2
    opts.data_labels = {
        "CLIP_stop_at_last_layers": SimpleNamespace(default=1),
        "samples_format": SimpleNamespace(default="png"),
        "a heading": SimpleNamespace(default="", do_not_save=True),
    }

    (callback,) = bridge.started
    callback(None, None)

    assert hasattr(ic_light, "_prodgen_watched")
    assert opts.data == {"CLIP_stop_at_last_layers": 2, "samples_format": "png"}
