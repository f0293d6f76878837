"""The bridge extension, inside stand-ins of the web UI's script runner and of both IC-Light extensions.

The stand-ins behave as the real ones were seen to: hooks run in load order, every exception in a hook is
swallowed, and a result that is no picture ends the call when it is encoded.
"""

from __future__ import annotations

import configparser
import contextlib
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

EXTENSION = Path(__file__).parents[2] / "deploy/extensions/zz-prodgen-bridge"

FOREGROUND = np.full((4, 6, 3), 127, dtype=np.uint8)

PLAIN, RELIT = "plain", "relit with "


class Script:
    """Stands in for modules.scripts.Script."""

    filename = "stand-in.py"

    def title(self) -> str:
        raise NotImplementedError

    def setup(self, p: Any, *args: Any) -> None: ...
    def before_process(self, p: Any, *args: Any) -> None: ...
    def process(self, p: Any, *args: Any) -> None: ...
    def process_before_every_sampling(self, p: Any, *args: Any, **kwargs: Any) -> None: ...
    def post_sample(self, p: Any, ps: Any, *args: Any) -> None: ...
    def postprocess_image(self, p: Any, pp: Any, *args: Any) -> None: ...
    def postprocess(self, p: Any, processed: Any, *args: Any) -> None: ...


class Model:
    """Stands in for `sd_model.model`: its U-Net draws a plain picture."""

    def __init__(self) -> None:
        self.diffusion_model = SimpleNamespace(forward=lambda: PLAIN)


class Checkpoint:
    """Stands in for a loaded `sd_model`."""

    def __init__(self, title: str, *, on_forge: bool = False) -> None:
        self.sd_checkpoint_info = SimpleNamespace(title=title)
        self.model = Model()
        if on_forge:
            self.forge_objects = SimpleNamespace(unet=ForgeUnet({}))


@dataclass
class ForgeUnet:
    """Stands in for Forge's own patcher, which is copied before it is changed."""

    model_options: dict[str, Any]

    def draw(self) -> str:
        wrapper = self.model_options.get("model_function_wrapper")
        return wrapper(lambda: PLAIN, {}) if wrapper else PLAIN


@dataclass(kw_only=True)
class ModulePatch:
    """Stands in for sd-webui-model-patcher's own, made by keyword as all of pydantic is."""

    create_new_forward_func: Callable[[Any, Callable[[], str]], Callable[[], str]]


@dataclass(kw_only=True)
class ModelPatcher:
    """Stands in for sd-webui-model-patcher's: patches are laid on for as long as the sampling lasts."""

    model: Model
    load_device: str
    offload_device: str
    weight_inplace_update: bool = False
    name: str = "ModelPatcher"
    module_patches: dict[str, list[ModulePatch]] = field(default_factory=lambda: defaultdict(list))
    weight_patches: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    is_patched: bool = False

    def add_module_patch(self, key: str, module_patch: ModulePatch) -> bool:
        self.module_patches[key].append(module_patch)
        return True

    def add_weight_patch(self, key: str, weight_patch: Any) -> None:
        self.weight_patches[key].append(weight_patch)

    @contextlib.contextmanager
    def patched(self) -> Iterator[None]:
        assert not self.is_patched
        kept = {key: getattr(self.model, key).forward for key in self.module_patches}
        for key, patches in self.module_patches.items():
            module = getattr(self.model, key)
            for patch in patches:
                module.forward = patch.create_new_forward_func(module, module.forward)
        self.is_patched = True
        yield
        for key, forward in kept.items():
            getattr(self.model, key).forward = forward
        self.is_patched = False


class Call:
    """Stands in for a processing object; with sd-webui-model-patcher it is made with two patchers."""

    is_hr_pass = False

    def __init__(self, webui: Runner, script_args: dict[str, tuple[Any, ...]]) -> None:
        self.scripts, self.script_args = webui, script_args
        self.extra_generation_params: dict[str, Any] = {}
        if webui.has_patcher:
            for name in ("model_patcher", "hr_model_patcher"):
                made = ModelPatcher(
                    model=self.sd_model.model,
                    load_device="cuda",
                    offload_device="cpu",
                    weight_inplace_update=True,
                    name=name,
                )
                setattr(self, name, made)

    @property
    def sd_model(self) -> Checkpoint:
        return self.scripts.loaded

    def get_model_patcher(self) -> ModelPatcher:
        return self.hr_model_patcher if self.is_hr_pass else self.model_patcher


class Runner:
    """Stands in for the web UI: its loaded checkpoint, its ScriptRunner and the API around them."""

    def __init__(self, *scripts: Script, has_patcher: bool = True, on_forge: bool = False) -> None:
        self.alwayson_scripts = list(scripts)
        self.logged: list[str] = []
        self.has_patcher = has_patcher and not on_forge
        self.on_forge = on_forge
        self.loaded = Checkpoint("first.safetensors", on_forge=on_forge)
        self.drawn = ""

    def _hook(self, name: str, p: Call, *extra: Any, **more: Any) -> None:
        for script in self.alwayson_scripts:
            try:
                getattr(script, name)(p, *extra, *p.script_args.get(script.title(), ()), **more)
            except Exception as error:  # noqa: BLE001 - as the web UI does, which is what this is about
                self.logged.append(f"Error running {name}: {error}")

    def load(self, title: str | None) -> None:
        """Load another checkpoint, as the web UI does after `before_process`."""
        if title:
            self.loaded = Checkpoint(title, on_forge=self.on_forge)

    def _sample(self, p: Call, refiner: str | None = None) -> str:
        self._hook("process_before_every_sampling", p, x=None)
        if self.on_forge:
            return self.loaded.forge_objects.unet.draw()
        with p.get_model_patcher().patched() if self.has_patcher else contextlib.nullcontext():
            drawn = self.loaded.model.diffusion_model.forward()
            self.load(refiner)
            return self.loaded.model.diffusion_model.forward() if refiner else drawn

    def txt2img(
        self,
        *,
        checkpoint: str | None = None,
        hires_checkpoint: str | None = None,
        refiner: str | None = None,
        **script_args: tuple[Any, ...],
    ) -> tuple[Call, SimpleNamespace]:
        """Run one generation and encode its results, as the API does."""
        p = Call(self, {key.replace("_", " "): value for key, value in script_args.items()})
        self._hook("setup", p)
        self._hook("before_process", p)
        self.load(checkpoint)
        self._hook("process", p)
        self.drawn = self._sample(p, refiner)
        if hires_checkpoint:
            self.load(hires_checkpoint)
            p.is_hr_pass = True
            self.drawn = self._sample(p)
        self._hook("post_sample", p, None)
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
        if self.args is not None:
            self.apply(p)

    def apply(self, p: Any) -> None:
        p.extra_result = FOREGROUND
        model, foreground = self.args
        if model != "IC-Light.SD15.FC":
            raise SystemError("no such model:\n" + str(model))
        if hasattr(p.sd_model, "forge_objects"):
            wrapper = {"model_function_wrapper": lambda _apply, _params: f"{RELIT}{foreground}"}
            p.sd_model.forge_objects.unet = ForgeUnet(wrapper)
            return
        patch = ModulePatch(create_new_forward_func=lambda _module, _old: lambda: f"{RELIT}{foreground}")
        patcher = p.get_model_patcher()
        patcher.add_module_patch("diffusion_model", patch)
        patcher.add_weight_patch("diffusion_model.weight", "weights")

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


class ICLightOfOld(ICLightV1):
    """Its first versions, which patched the model once, before the first sampling."""

    def process(self, p: Any, *args: Any) -> None:
        if self.args is not None:
            self.apply(p)

    def process_before_every_sampling(self, p: Any, *args: Any, **kwargs: Any) -> None: ...


class ICLightThatPatchesNothing(ICLightV2):
    """A version that ends without an error and without an effect, as on a server without the patcher."""

    def apply(self, p: Any) -> None:
        p.extra_result = FOREGROUND


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


EVERY_IC_LIGHT = pytest.mark.parametrize(
    ("ic_light", "arguments"), [(ICLightV1, v1), (ICLightV2, v2), (ICLightOfOld, v1)]
)


@EVERY_IC_LIGHT
@pytest.mark.parametrize("on_forge", [False, True])
def test_a_picture_that_was_relit_says_so_and_names_the_checkpoint(bridge, ic_light, arguments, on_forge):
    runner = Runner(ic_light(), bridge.ProdgenBridge(), on_forge=on_forge)

    _, processed = runner.txt2img(**arguments())

    assert runner.drawn == "relit with a bag"
    assert processed.extra_generation_params == {
        "prodgen bridge": bridge.VERSION,
        "IC-Light": "applied",
        "IC-Light patched": "first.safetensors",
    }


@EVERY_IC_LIGHT
def test_without_the_bridge_a_call_that_swaps_the_checkpoint_is_silently_not_relit(ic_light, arguments):
    runner = Runner(ic_light())

    with contextlib.suppress(AttributeError):
        runner.txt2img(checkpoint="second.safetensors", **arguments())

    assert (runner.drawn, runner.logged) == (PLAIN, [])


@EVERY_IC_LIGHT
def test_a_call_that_swaps_the_checkpoint_is_relit(bridge, ic_light, arguments):
    runner = Runner(ic_light(), bridge.ProdgenBridge())

    _, processed = runner.txt2img(checkpoint="second.safetensors", **arguments())

    assert runner.drawn == "relit with a bag"
    assert processed.extra_generation_params["IC-Light"] == "applied"
    assert processed.extra_generation_params["IC-Light patched"] == "second.safetensors"


@pytest.mark.parametrize(("ic_light", "arguments"), [(ICLightV1, v1), (ICLightV2, v2)])
def test_an_enlargement_with_another_checkpoint_is_relit_too(bridge, ic_light, arguments):
    runner = Runner(ic_light(), bridge.ProdgenBridge())

    _, processed = runner.txt2img(hires_checkpoint="third.safetensors", **arguments())

    assert runner.drawn == "relit with a bag"
    assert processed.extra_generation_params["IC-Light patched"] == "third.safetensors"


def test_patches_of_others_go_over_to_the_model_that_draws(bridge):
    class Another(Script):
        def title(self) -> str:
            return "another"

        def before_process(self, p: Any, *args: Any) -> None:
            patch = ModulePatch(create_new_forward_func=lambda _module, old: lambda: f"{old()}, sharpened")
            p.get_model_patcher().add_module_patch("diffusion_model", patch)
            p.get_model_patcher().add_weight_patch("diffusion_model.weight", "sharp")

    runner = Runner(Another(), bridge.ProdgenBridge())

    p, _ = runner.txt2img(checkpoint="second.safetensors")

    assert runner.drawn == "plain, sharpened"
    assert p.model_patcher.weight_patches == {"diffusion_model.weight": ["sharp"]}
    new = p.model_patcher
    assert (new.name, new.load_device, new.weight_inplace_update) == ("model_patcher", "cuda", True)


def test_a_patcher_is_made_anew_only_where_the_model_has_changed(bridge):
    runner = Runner(bridge.ProdgenBridge())
    made = []
    original = Call.__init__

    def remembering(self: Call, *args: Any) -> None:
        original(self, *args)
        made.append(self.model_patcher)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Call, "__init__", remembering)
        kept, _ = runner.txt2img()
        renewed, _ = runner.txt2img(checkpoint="second.safetensors")

    assert kept.model_patcher is made[0]
    assert renewed.model_patcher is not made[1]


def test_a_patched_model_that_did_not_draw_is_an_error_and_not_applied(bridge, monkeypatch):
    monkeypatch.setattr(bridge, "renew_patchers", lambda _p: None)  # as where renewing them fails
    runner = Runner(ICLightV2(), bridge.ProdgenBridge())

    _, processed = runner.txt2img(checkpoint="second.safetensors", **v2())

    assert runner.drawn == PLAIN
    assert "did not draw the picture" in processed.extra_generation_params["IC-Light error"]
    assert "IC-Light" not in processed.extra_generation_params


def test_a_sampling_that_passes_the_patch_by_is_an_error_although_the_model_is_the_right_one(bridge):
    runner = Runner(ICLightV2(), bridge.ProdgenBridge())
    runner._sample = lambda p, _refiner: runner._hook("process_before_every_sampling", p, x=None) or PLAIN

    _, processed = runner.txt2img(**v2())

    assert "first.safetensors) did not draw" in processed.extra_generation_params["IC-Light error"]


def test_a_forge_that_passes_the_patch_by_is_an_error(bridge):
    runner = Runner(ICLightV2(), bridge.ProdgenBridge(), on_forge=True)
    runner._sample = lambda p, _refiner: runner._hook("process_before_every_sampling", p, x=None) or PLAIN

    _, processed = runner.txt2img(**v2())

    assert "first.safetensors) did not draw" in processed.extra_generation_params["IC-Light error"]


def test_a_server_without_a_hook_after_the_sampling_is_told_at_the_end(bridge, monkeypatch):
    monkeypatch.delattr(bridge.ProdgenBridge, "post_sample")

    _, processed = Runner(ICLightV2(), bridge.ProdgenBridge()).txt2img(**v2())

    assert processed.extra_generation_params["IC-Light"] == "applied"


def test_a_refiner_that_goes_on_without_the_patch_is_an_error(bridge):
    runner = Runner(ICLightV2(), bridge.ProdgenBridge())

    _, processed = runner.txt2img(refiner="refiner.safetensors", **v2())

    assert runner.drawn == PLAIN
    assert (
        "first.safetensors; refiner.safetensors went on"
        in (processed.extra_generation_params["IC-Light error"])
    )


def test_an_ic_light_that_patches_nothing_is_an_error(bridge):
    runner = Runner(ICLightThatPatchesNothing(), bridge.ProdgenBridge())

    _, processed = runner.txt2img(**v2())

    assert "patched no model" in processed.extra_generation_params["IC-Light error"]


def test_what_fails_after_the_picture_was_relit_takes_the_claim_back(bridge):
    class FailsAtTheEnd(ICLightV2):
        def postprocess_image(self, p: Any, pp: Any, *args: Any) -> None:
            raise MemoryError("details cannot be restored")

    _, processed = Runner(FailsAtTheEnd(), bridge.ProdgenBridge()).txt2img(**v2())

    assert "details cannot be restored" in processed.extra_generation_params["IC-Light error"]
    assert not {"IC-Light", "IC-Light patched"} & set(processed.extra_generation_params)


def test_a_patch_that_cannot_be_watched_is_neither_claimed_nor_denied(bridge):
    class PatchesInAnotherWay(ICLightV2):
        def apply(self, p: Any) -> None:
            p.extra_result = FOREGROUND
            p.sd_model.forge_objects.unet = ForgeUnet({})

    runner = Runner(PatchesInAnotherWay(), bridge.ProdgenBridge(), on_forge=True)

    _, processed = runner.txt2img(**v2())

    assert processed.extra_generation_params == {"prodgen bridge": bridge.VERSION}


def test_without_the_model_patcher_the_failure_is_told_and_plain_calls_go_on(bridge):
    runner = Runner(ICLightV2(), bridge.ProdgenBridge(), has_patcher=False)

    _, processed = runner.txt2img(checkpoint="second.safetensors", **v2())
    _, plain = runner.txt2img()

    assert "AttributeError" in processed.extra_generation_params["IC-Light error"]
    assert plain.extra_generation_params == {"prodgen bridge": bridge.VERSION}
    assert [
        line for line in runner.logged if "AttributeError" not in line and "model_patcher" not in line
    ] == []


def test_a_patcher_that_cannot_be_made_anew_does_not_end_the_call(bridge):
    class Odd(ModelPatcher):
        def __init__(self, **fields: Any) -> None:
            if fields["model"] is not first:
                raise TypeError("made in another way here")
            super().__init__(**fields)

    runner = Runner(ICLightV2(), bridge.ProdgenBridge())
    first = runner.loaded.model
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "ModelPatcher", Odd)
        _, processed = runner.txt2img(checkpoint="second.safetensors", **v2())

    assert runner.drawn == PLAIN
    assert "did not draw the picture" in processed.extra_generation_params["IC-Light error"]


@pytest.mark.parametrize(("ic_light", "arguments"), [(ICLightV1, v1), (ICLightV2, v2)])
def test_a_wrong_model_is_reported_in_the_result_and_still_logged(bridge, ic_light, arguments):
    runner = Runner(ic_light(), bridge.ProdgenBridge())

    _, processed = runner.txt2img(**arguments(model="FC"))

    assert "SystemError: no such model" in processed.extra_generation_params["IC-Light error"]
    assert "\n" not in processed.extra_generation_params["IC-Light error"]
    assert "without an error" not in processed.extra_generation_params["IC-Light error"]
    assert "IC-Light" not in processed.extra_generation_params
    assert any("no such model" in line for line in runner.logged)


def test_a_missing_foreground_is_reported_although_ic_light_only_logs_it(bridge):
    _, processed = Runner(ICLightV2(), bridge.ProdgenBridge()).txt2img(**v2(foreground=None))

    said = processed.extra_generation_params["IC-Light error"]
    assert said.startswith("before_process: it is switched on, but took no arguments")
    assert "without an error" not in said


def test_arguments_of_the_wrong_dialect_are_reported(bridge):
    _, processed = Runner(ICLightV2(), bridge.ProdgenBridge()).txt2img(**v1())

    assert "took no arguments" in processed.extra_generation_params["IC-Light error"]


def test_a_refused_call_is_not_relit_with_the_call_before(bridge):
    runner = Runner(ICLightV1(), bridge.ProdgenBridge())
    runner.txt2img(**v1(foreground="another shop's bag"))

    _, processed = runner.txt2img(**v1(model="wrong"))

    assert runner.drawn == PLAIN
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
