"""The whole path of a picture, from the client over the wire to tiny networks with random weights, and
back."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file

from prodgen.client import Client
from prodgen.engines.diffusers import batch_drawing, upscaler_networks, vaes
from prodgen.engines.diffusers.batch_drawing import BatchDrawing
from prodgen.engines.diffusers.diffusers_engine import DiffusersEngine
from prodgen.engines.diffusers.noise import PictureNoise
from prodgen.errors import ProdgenError, SettingError
from prodgen.images import to_uint8
from prodgen.schema import ControlNetUnit, ICLight, Img2Img, Lora, Progress, Txt2Img
from prodgen.server.app import ApiServer, HttpRequest
from prodgen.server.engine import BatchOrder, DrawnPicture, EngineSettings, HiresPass, ModelFile
from prodgen.server.finer_settings import FinerSettings
from prodgen.server.inpainting import RepaintPlan
from prodgen.server.queueing import Stopped
from prodgen.server.transport import ApiTransport
from prodgen.server.wire import Crashed, Refused

SD15, XL = "tiny-sd15", "tiny-sdxl"


@pytest.fixture(scope="module")
def client(models_folder: Path):
    with Client(f"engine://{models_folder}") as opened:
        yield opened


@pytest.fixture(scope="module")
def engine(models_folder: Path):
    made = DiffusersEngine(EngineSettings(models=models_folder))
    made.folder.refresh()
    yield made
    made.close()


def order(engine: DiffusersEngine, **fields) -> BatchOrder:
    checkpoint = next(file for file in engine.folder.checkpoints if file.name == SD15)
    defaults = {
        "prompt": "a mug",
        "negative_prompt": "",
        "seeds": (1,),
        "width": 64,
        "height": 64,
        "steps": 2,
        "checkpoint": checkpoint,
    }
    return BatchOrder(**(defaults | fields))


def silent(share: float, preview: object = None) -> None:
    pass


START = (RepaintPlan(np.full((64, 64, 3), 200, np.uint8)),)


def asked(**fields) -> Txt2Img:
    defaults = {"prompt": "a red mug", "seed": 5, "width": 64, "height": 64, "steps": 3, "checkpoint": SD15}
    return Txt2Img(**(defaults | fields))


def over(picture: np.ndarray, **fields) -> Img2Img:
    """img2img over a picture."""
    return Img2Img(**(asked().sent_fields | {"init_image": picture, "denoising_strength": 0.6} | fields))


@pytest.fixture(scope="module")
def plain(client) -> np.ndarray:
    return client.txt2img(asked()).image


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    levels = np.random.default_rng(3).integers(0, 256, (64, 64, 3))
    return levels.astype(np.float32) * np.float32(1 / 255)


def differ(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.abs(one - other).max() > 2 / 255)


def test_a_seed_draws_a_picture_and_draws_it_again(client, plain):
    again = client.txt2img(asked())

    np.testing.assert_array_equal(again.image, plain)
    assert plain.std() > 0.05
    assert "RNG: NV" in again.infotexts[0]
    assert "Drawn on: " in again.infotexts[0]
    assert differ(client.txt2img(asked(seed=6)).image, plain)


def test_pictures_of_a_batch_are_those_that_each_seed_draws_alone(client, plain):
    batch = client.txt2img(asked(batch_size=3))

    assert batch.seeds == (5, 6, 7)
    np.testing.assert_allclose(batch.images[0], plain, atol=1.5 / 255)
    np.testing.assert_allclose(batch.images[2], client.txt2img(asked(seed=7)).image, atol=1.5 / 255)


@pytest.mark.parametrize("name", ["tiny-sd21", XL, "tiny-sdxl-turbo", "tiny-inpainting"])
def test_other_families_draw_too(client, plain, name):
    picture = client.txt2img(asked(checkpoint=name))

    assert picture.applied.checkpoint is not None
    assert name in picture.applied.checkpoint
    assert differ(picture.image, plain)


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a blue mug"},
        {"prompt": "a (red:1.5) mug"},
        {"negative_prompt": "blurry"},
        {"cfg_scale": 2},
        {"steps": 4},
        {"sampler_name": "Euler a"},
        {"sampler_name": "UniPC"},
        {"scheduler": "Karras"},
        {"clip_skip": 2},
        {"vae": "tiny-vae"},
        {"loras": (Lora(name="tiny-lora", weight=1.0),)},
        {"prompt": "a red mug, tiny-words"},
        {"subseed": 1, "subseed_strength": 0.5},
    ],
    ids=str,
)
def test_each_setting_changes_the_picture(client, plain, change):
    assert differ(client.txt2img(asked(**change)).image, plain)


def test_a_lora_is_gone_from_the_next_picture(client, plain):
    client.txt2img(asked(loras=(Lora(name="tiny-lora", weight=1.0),)))

    np.testing.assert_array_equal(client.txt2img(asked()).image, plain)


@pytest.mark.parametrize("mode", ["fc", "fbc"])
def test_a_relit_product_passes_the_clients_proofs(client, photo, disc, mode):
    background = np.zeros((64, 64, 3), np.float32) if mode == "fbc" else None
    unit = ICLight(mode=mode, foreground=photo, matte=disc, background=background)

    relit = client.txt2img(asked(ic_light=unit))

    assert relit.applied.ic_light is True
    assert len(client.txt2img(asked(ic_light=unit, batch_size=2)).images) == 2
    other = ICLight(mode=mode, foreground=1 - photo, matte=disc, background=background)
    assert differ(relit.image, client.txt2img(asked(ic_light=other)).image)


def test_a_plain_picture_after_a_relit_one_is_what_it_was(client, plain, photo, disc):
    client.txt2img(asked(ic_light=ICLight(foreground=photo, matte=disc)))

    np.testing.assert_array_equal(client.txt2img(asked()).image, plain)


def test_ic_light_with_a_model_that_it_was_not_made_for_is_refused(client, photo, disc):
    with pytest.raises(ProdgenError, match="tiny-fc"):
        client.txt2img(asked(checkpoint=XL, ic_light=ICLight(foreground=photo, matte=disc)))


@pytest.mark.parametrize("upscaler", [None, "Latent (nearest)", "Lanczos", "tiny-x4"])
def test_a_hires_pass_gives_the_larger_size(client, upscaler):
    larger = client.txt2img(
        asked(
            enable_hr=True, hr_scale=2, hr_upscaler=upscaler, denoising_strength=0.5, hr_second_pass_steps=2
        )
    )

    assert larger.image.shape == (128, 128, 3)
    assert larger.image.std() > 0.05


def test_pixels_that_are_kept_come_back_to_the_bit(client, photo):
    mask = np.zeros((64, 64), np.float32)
    mask[:, 32:] = 1

    painted = client.img2img(over(photo, inpaint_mask=mask, mask_blur=0, denoising_strength=1.0)).image

    np.testing.assert_array_equal(painted[:, :32], photo[:, :32])
    assert differ(painted[:, 32:], photo[:, 32:])


def test_every_fill_of_a_mask_gives_another_picture(client, photo):
    mask = np.zeros((64, 64), np.float32)
    mask[16:48, 16:48] = 1
    fills = ("fill", "original", "latent_noise", "latent_nothing")

    pictures = [
        client.img2img(over(photo, inpaint_mask=mask, mask_blur=0, inpainting_fill=fill)).image
        for fill in fills
    ]

    for place, one in enumerate(pictures):
        assert all(differ(one, other) for other in pictures[place + 1 :])


def test_only_the_masked_part_is_painted_at_full_size_and_put_back(client, photo):
    mask = np.zeros((64, 64), np.float32)
    mask[20:40, 20:40] = 1

    painted = client.img2img(over(photo, inpaint_mask=mask, mask_blur=0, inpaint_full_res=True)).image

    np.testing.assert_array_equal(painted[:20], photo[:20])
    assert differ(painted[20:40, 20:40], photo[20:40, 20:40])


@pytest.mark.parametrize(("strength", "steps"), [(0.0, 1), (0.5, 6), (0.75, 8), (1.0, 10)])
def test_img2img_makes_as_many_steps_as_a1111(engine, photo, strength, steps):
    shares: list[float] = []
    start = RepaintPlan((photo * 255).astype(np.uint8))

    list(
        engine.draw(
            order(engine, steps=10, starts=(start,), denoising_strength=strength),
            lambda share, preview=None: shares.append(share),
        )
    )

    assert len(shares) == 1 + steps  # the first report comes before a model is loaded
    assert shares[-1] == 1


def test_the_map_of_a_controlnet_decides(client, plain, photo):
    def drawn(image: np.ndarray, module: str = "none", weight: float = 1.0) -> np.ndarray:
        unit = ControlNetUnit(model="tiny-canny", module=module, image=image, weight=weight)
        return client.txt2img(asked(controlnet=(unit,))).image

    assert differ(drawn(photo), plain)
    white = np.ones_like(photo)
    assert not np.array_equal(drawn(white, weight=2), drawn(0 * photo, weight=2))
    assert not np.array_equal(drawn(photo, "canny", weight=2), drawn(photo, weight=2))
    np.testing.assert_array_equal(drawn(photo, weight=0.0), plain)


def test_previews_show_the_picture_under_way_in_eighths(engine):
    shown = []
    list(engine.draw(order(engine, steps=20), lambda _, preview=None: shown.append(preview)))

    previews = [one for one in shown if one is not None]
    assert len(previews) > 1
    assert all(one.shape == (8, 8, 3) and one.dtype == np.uint8 for one in previews)
    assert not np.array_equal(previews[0], previews[-1])


def test_progress_rises_to_the_end(client):
    told: list[Progress] = []

    client.txt2img(asked(width=128, height=128, steps=40), on_progress=told.append)

    shares = [one.fraction for one in told]
    assert shares == sorted(shares)
    assert shares[-1] > 0.3


def test_an_interrupted_picture_comes_back_as_far_as_it_was(client):
    noticed = threading.Event()

    def stop(progress: Progress) -> None:
        if progress.fraction > 0 and not noticed.is_set():
            noticed.set()
            client.interrupt()

    picture = client.txt2img(asked(width=192, height=192, steps=400), on_progress=stop)

    assert noticed.is_set()
    assert picture.image.shape == (192, 192, 3)
    assert any("told to stop" in notice for notice in picture.notices)


def test_a_network_enlarges_and_alpha_is_kept(client, engine, photo):
    larger = client.upscale(image=photo, upscaler_1="tiny-x4", upscaling_resize=2)
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, 32:] = 200
    cut_out = engine.upscale(np.dstack([to_uint8(photo), alpha]), 128, 128, "tiny-x4")

    assert larger.image.shape == (128, 128, 3)
    np.testing.assert_array_equal(cut_out[..., :3], engine.upscale(to_uint8(photo), 128, 128, "tiny-x4"))
    assert not cut_out[:, :56, 3].any()
    assert (cut_out[:, 72:, 3] == 200).all()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sampler": "DPM adaptive"}, "Sampler not found.*Euler"),
        ({"sampler": "DDIM", "steps": 1}, "ask for 2 or more"),
        ({"finer": FinerSettings(refiner=ModelFile(XL, family="sdxl"))}, "Diffusion XL and 'tiny-sd15' is"),
        ({"schedule": "Turbo"}, "Schedule not found.*Karras"),
        ({"finer": FinerSettings(restore_faces="GFPGAN")}, "restores no faces here: put a GFPGAN"),
    ],
)
def test_what_it_cannot_draw_is_refused_with_the_remedy(engine, fields, said):
    with pytest.raises(Refused) as caught:
        list(engine.draw(order(engine, **fields), silent))

    assert re.search(said, caught.value.detail)


HIRES = HiresPass(128, 64, "Latent", 4, 0.7)


def refined(engine: DiffusersEngine, first: str, second: str | None, **fields) -> np.ndarray:
    """A picture that `second` takes over at half of the noise scale."""
    files = {file.name: file for file in engine.folder.checkpoints}
    finer = FinerSettings(refiner=files[second] if second else None, refiner_switch_at=0.5)
    return drawn(engine, steps=4, checkpoint=files[first], finer=finer, **fields)


def drawn(engine: DiffusersEngine, **fields) -> np.ndarray:
    return next(iter(engine.draw(order(engine, **fields), silent))).pixels


@pytest.mark.parametrize(("tiling", "is_moved"), [(True, True), (False, False)])
def test_a_seamless_picture_of_moved_noise_is_the_picture_moved(engine, monkeypatch, tiling, is_moved):
    wide = {"width": 128, "finer": FinerSettings(tiling=tiling)}
    still = drawn(engine, **wide).astype(int)
    first = PictureNoise.first
    monkeypatch.setattr(PictureNoise, "first", lambda self: first(self).roll(8, dims=-1))  # 8 cells, 64 px

    away = np.abs(drawn(engine, **wide) - np.roll(still, 64, axis=1))

    assert bool(away.max() <= 1) is is_moved


def test_a_seamless_picture_leaves_the_next_one_as_it_was(engine):
    before = drawn(engine)

    assert not np.array_equal(drawn(engine, finer=FinerSettings(tiling=True)), before)
    np.testing.assert_array_equal(drawn(engine), before)


def test_a_refiner_draws_the_last_steps(engine):
    alone = refined(engine, SD15, None)

    assert np.abs(refined(engine, SD15, "tiny-inpainting").astype(int) - alone).max() > 2
    np.testing.assert_array_equal(refined(engine, SD15, SD15), alone)


def test_a_refiner_of_the_same_weights_changes_nothing(engine):
    np.testing.assert_array_equal(refined(engine, XL, "tiny-sdxl-turbo"), refined(engine, XL, None))


def test_a_refiner_has_the_orders_loras(engine):
    loras = ((next(file for file in engine.folder.loras if file.name == "tiny-xl-lora"), 1.0),)

    made = refined(engine, XL, "tiny-sdxl-turbo", loras=loras)

    np.testing.assert_array_equal(made, refined(engine, XL, None, loras=loras))


def test_with_a_hires_pass_the_refiner_draws_in_that_one_alone(engine):
    """A hires pass of no strength leaves the first one, larger."""
    hires = replace(HIRES, denoising_strength=0.0)

    made = refined(engine, SD15, "tiny-inpainting", hires=hires)

    np.testing.assert_array_equal(made, refined(engine, SD15, None, hires=hires))


ANCESTRAL = {"sampler": "Euler a", "steps": 3}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"hires": HIRES}, {"hires": replace(HIRES, prompt="a cat")}),
        ({"hires": HIRES}, {"hires": replace(HIRES, negative_prompt="a cat")}),
        ({"hires": HIRES}, {"hires": replace(HIRES, sampler="Heun")}),
        ({"hires": HIRES}, {"hires": replace(HIRES, schedule="Exponential")}),
        ({"hires": HIRES}, {"hires": replace(HIRES, steps=3)}),
        (ANCESTRAL, ANCESTRAL | {"finer": FinerSettings(eta=0.5)}),
        (ANCESTRAL, ANCESTRAL | {"finer": FinerSettings(eta_noise_seed_delta=31337)}),
        ({}, {"finer": FinerSettings(seed_resize=(96, 96))}),
        ({"starts": START}, {"starts": START, "finer": FinerSettings(initial_noise_multiplier=0.5)}),
    ],
    ids=str,
)
def test_each_finer_setting_changes_the_picture(engine, before, after):
    one, other = (next(engine.draw(order(engine, **fields), silent)).pixels for fields in (before, after))

    assert one.shape == other.shape
    assert np.abs(one.astype(int) - other.astype(int)).max() > 2


def test_progress_rises_once_over_both_passes(engine):
    shares: list[float] = []

    list(
        engine.draw(
            order(engine, hires=replace(HIRES, steps=12)), lambda share, preview=None: shares.append(share)
        )
    )

    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_requests_with_other_words_are_drawn_in_one_batch_as_by_themselves(engine):
    words = ("a mug", "a very long prompt, " * 20)
    both = list(engine.draw(order(engine, seeds=(1, 9), prompts=words, prompt=words[0]), silent))

    for place, seed in enumerate((1, 9)):
        alone = next(engine.draw(order(engine, seeds=(seed,), prompt=words[place]), silent))
        np.testing.assert_allclose(both[place].pixels.astype(int), alone.pixels.astype(int), atol=2)


def test_unloading_changes_no_picture(engine):
    before = next(engine.draw(order(engine), silent)).pixels
    engine.unload()

    np.testing.assert_array_equal(next(engine.draw(order(engine), silent)).pixels, before)


def linked(folder: Path, copy: Path) -> None:
    """Make a folder of links to the models of another one, without what is known of them."""
    without = shutil.ignore_patterns(".*")
    shutil.copytree(folder, copy, ignore=without, copy_function=lambda a, b: Path(b).symlink_to(a))


def test_an_infotext_names_the_embeddings_and_loras_that_were_used_with_the_hashes_of_their_files(
    client, models_folder
):
    def digest(path: str) -> str:
        return hashlib.sha256((models_folder / path).read_bytes()).hexdigest()[:12]

    request = asked(
        negative_prompt="bad, (tiny-words:1.2), worse", loras=(Lora(name="tiny-lora", weight=0.5),)
    )
    told = client.txt2img(request).info["extra_generation_params"]
    plain = client.txt2img(asked(prompt="words that are tiny")).info["extra_generation_params"]

    assert told["TI hashes"] == f"tiny-words: {digest('embeddings/tiny-words.safetensors')}"
    assert told["Lora hashes"] == f"tiny-lora: {digest('Lora/tiny-lora.safetensors')}"
    assert "TI hashes" not in plain


def test_only_pictures_whose_words_call_an_embedding_are_said_to_have_it(engine):
    drawn = engine.draw(
        order(engine, seeds=(1, 2), prompts=("a mug", "tiny-words"), negative_prompts=("", "")), silent
    )

    assert ["TI hashes" in picture.story for picture in drawn] == [False, True]


def test_a_checkpoints_hash_is_null_until_it_was_drawn_with(models_folder, tmp_path):
    linked(models_folder, tmp_path / "m")
    server = ApiServer(DiffusersEngine(EngineSettings(models=tmp_path / "m")))

    def asked_for(method: str, path: str, **fields: object) -> Any:
        headers = {"content-type": "application/json"}
        request = HttpRequest.of(method, f"/sdapi/v1/{path}", headers, json.dumps(fields).encode())
        answer = server.answer(request)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def listed() -> list[tuple[str, str | None, str | None]]:
        return [(x["title"], x["hash"], x["sha256"]) for x in asked_for("GET", "sd-models")]

    digest = hashlib.sha256((models_folder / f"Stable-diffusion/{SD15}.safetensors").read_bytes()).hexdigest()
    assert listed()[0] == (SD15, None, None)
    picture = asked_for("POST", "txt2img", prompt="a mug", width=64, height=64, steps=1)

    assert json.loads(picture["info"])["sd_model_hash"] == digest[:10]
    assert listed()[0] == (f"{SD15} [{digest[:10]}]", digest[:10], digest)
    assert [known for _, known, _ in listed()[1:]] == [None] * 4
    server.close()
    (tmp_path / "m/.prodgen-weights.json").unlink()
    again = ApiServer(DiffusersEngine(EngineSettings(models=tmp_path / "m")))
    assert again.machine.options.find_checkpoint(f"{SD15} [{digest[:10]}]").name == SD15
    assert again.machine.options.find_checkpoint(f"{SD15} [0123456789]") is None
    again.close()


@pytest.mark.parametrize("folder", ["Stable-diffusion", "VAE"])
def test_a_file_that_was_replaced_under_its_name_is_loaded_again(models_folder, tmp_path, folder):
    models = tmp_path / "models"
    linked(models_folder, models)
    engine = DiffusersEngine(EngineSettings(models=models))

    def drawn() -> np.ndarray:
        engine.folder.refresh()
        return next(engine.draw(order(engine, vae=engine.folder.vaes[0]), silent)).pixels

    before = drawn()
    np.testing.assert_array_equal(drawn(), before)
    path = next((models / folder).glob("tiny-sd15.*" if folder == "Stable-diffusion" else "*"))
    assert path.exists()
    changed = {name: tensor.flip(0).clone() for name, tensor in load_file(path).items()}
    path.unlink()
    save_file(changed, path)

    assert not np.array_equal(drawn(), before)
    engine.close()


def test_memory_that_runs_out_is_answered_by_smaller_batches(engine, monkeypatch):
    whole = list(engine.draw(order(engine, seeds=(1, 2, 3)), silent))
    real = batch_drawing.denoise
    sizes: list[int] = []

    def small_memory(guides, start, *args, **kwargs):
        sizes.append(len(start))
        if len(start) > 1:
            raise torch.OutOfMemoryError
        return real(guides, start, *args, **kwargs)

    monkeypatch.setattr(batch_drawing, "denoise", small_memory)
    shares: list[float] = []
    parts = list(
        engine.draw(order(engine, seeds=(1, 2, 3)), lambda share, preview=None: shares.append(share))
    )

    assert sizes == [3, 2, 1, 1, 1]
    assert max(shares) == pytest.approx(1)
    for one, other in zip(parts, whole, strict=True):
        np.testing.assert_allclose(one.pixels.astype(int), other.pixels.astype(int), atol=2)


def test_a_picture_that_fits_no_memory_is_said_in_words_that_clients_know(engine, monkeypatch):
    def no_memory(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(batch_drawing, "denoise", no_memory)
    with pytest.raises(Crashed) as caught:
        list(engine.draw(order(engine), silent))

    assert caught.value.kind == "OutOfMemoryError"
    assert "64 x 64 does not fit this GPU" in caught.value.text


def test_a_caller_that_is_stopped_leaves_the_drawing_to_end_at_its_next_step(engine, monkeypatch):
    steps: list[float] = []
    first = threading.Event()

    def note(share: float, preview: object = None) -> None:
        steps.append(share)
        first.set()

    def interrupted(work):
        engine_run(lambda: threading.Thread(target=work).start())
        first.wait(5)
        raise KeyboardInterrupt

    engine_run = engine._thread.run
    monkeypatch.setattr(engine._thread, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(engine.draw(order(engine, steps=500), note))
    for thread in threading.enumerate():
        if thread.name.startswith("Thread-"):
            thread.join(20)

    assert len(steps) < 400


def test_the_inventory_says_what_is_there_and_how_slow_it_is(engine):
    inventory = engine.inventory()

    assert {file.family for file in inventory.checkpoints} == {"sd15", "sd21", "sdxl", "sdxl-turbo"}
    assert inventory.ic_light == ("FC", "FBC")
    assert not inventory.imitates_flaws
    assert any("on the CPU: about" in note for note in inventory.notes)


def test_an_empty_folder_is_said_with_the_remedy(tmp_path):
    inventory = DiffusersEngine(EngineSettings(models=tmp_path)).inventory()

    assert inventory.checkpoints == ()
    assert f"PRODGEN_MODELS={tmp_path} prodgen weights get sd15-photo" in inventory.notes[0]


def test_a_folder_that_is_not_there_is_said_not_to_be(tmp_path):
    inventory = DiffusersEngine(EngineSettings(models=tmp_path / "none")).inventory()

    assert f"there is no folder {tmp_path / 'none'}" in inventory.notes[0]


def test_the_usual_folder_is_got_into_without_naming_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PRODGEN_MODELS", str(tmp_path))

    assert ": prodgen weights get sd15-photo" in DiffusersEngine().inventory().notes[0]


def test_the_address_of_another_program_is_refused():
    with pytest.raises(SettingError, match="draws on this machine"):
        DiffusersEngine(EngineSettings(address="http://box:8188"))


@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
def test_a_hires_pass_of_other_proportions_crops_what_it_enlarged(engine, monkeypatch, upscaler):
    decoded, decode = [], BatchDrawing._decoded
    monkeypatch.setattr(BatchDrawing, "_decoded", lambda self, x: (decoded.append(x), decode(self, x))[1])

    def enlarged_to(width, height):
        hires = HiresPass(width, height, upscaler, 0, denoising_strength=0.0)
        list(engine.draw(order(engine, hires=hires), silent))
        return decoded[-1]

    whole, cropped = enlarged_to(128, 128), enlarged_to(64, 128)

    assert torch.equal(cropped, whole[..., 4:12])


def test_none_enlarges_by_the_filter_that_extras_take_for_it(engine):
    drawn = [
        next(engine.draw(order(engine, hires=HiresPass(128, 128, name, 0, denoising_strength=0.0)), silent))
        for name in ("None", "Lanczos", "Nearest")
    ]

    assert np.array_equal(drawn[0].pixels, drawn[1].pixels)
    assert not np.array_equal(drawn[0].pixels, drawn[2].pixels)


def test_a_prompt_that_changed_in_the_first_pass_stays_changed_in_the_hires_pass(engine):
    hires = HiresPass(128, 128, "Latent", 2, denoising_strength=0.9)
    first = order(engine, prompt="[a cat:a dog:0.5]", steps=4, hires=hires)
    dog = replace(first, hires=replace(hires, prompt="a dog"))

    assert np.array_equal(*(next(engine.draw(one, silent)).pixels for one in (first, dog)))


def test_many_embeddings_in_a_prompt_do_not_push_the_vae_out(models_folder, tmp_path, monkeypatch):
    root = tmp_path / "models"
    shutil.copytree(models_folder, root)
    for letter in "abcde":
        words = Path(root, "embeddings")
        shutil.copy(words / "tiny-words.safetensors", words / f"word{letter}.safetensors")
    engine = DiffusersEngine(EngineSettings(models=root))
    engine.folder.refresh()
    loads, load = [], vaes.load
    monkeypatch.setattr(vaes, "load", lambda *args, **more: (loads.append(1), load(*args, **more))[1])
    asked = order(engine, prompt="worda wordb wordc wordd worde", steps=1, vae=engine.folder.vaes[0])

    for _ in range(2):
        list(engine.draw(asked, silent))
    engine.close()

    assert len(loads) == 1


def test_an_interrupt_between_two_halves_of_a_batch_keeps_the_first_ones_pictures(engine, monkeypatch):
    painter = engine._ready()
    drawn = np.full((64, 64, 3), 9, np.uint8)
    is_stopped = []

    def fake(asked, report):
        if len(asked.seeds) > 1:
            raise torch.OutOfMemoryError("too large")
        report(0.0)
        is_stopped.append(True)
        return [DrawnPicture(drawn, is_partial=True)]

    def report(share, preview=None):
        if is_stopped:
            raise Stopped

    monkeypatch.setattr(painter, "_drawn", fake)
    made = painter.paint(order(engine, seeds=(1, 2)), report)

    assert [(int(one.pixels[0, 0, 0]), one.is_partial) for one in made] == [(9, True), (127, True)]


def test_enlarging_that_runs_out_of_memory_makes_room_and_then_says_what_to_do(engine, monkeypatch):
    def too_large(*_):
        raise torch.OutOfMemoryError("too large")

    painter, rooms = engine._ready(), []
    monkeypatch.setattr(upscaler_networks, "enlarged_to", too_large)
    monkeypatch.setattr(painter.shelf, "make_room", lambda: rooms.append(1))

    with pytest.raises(Crashed, match="512 x 512 does not fit"):
        painter.upscale(np.zeros((8, 8, 3), np.uint8), 512, 512, engine.folder.upscalers[0].name)
    assert rooms


@pytest.mark.parametrize(("name", "is_told"), [(SD15, True), (XL, False)])
def test_clip_skip_is_told_where_it_did_something(engine, name, is_told):
    checkpoint = next(file for file in engine.folder.checkpoints if file.name == name)
    fields = {"prompt": "a mug", "width": 64, "height": 64, "steps": 1}
    fields["override_settings"] = {"CLIP_stop_at_last_layers": 2, "sd_model_checkpoint": checkpoint.name}
    with httpx.Client(transport=ApiTransport(ApiServer(engine)), base_url="http://engine") as wire:
        answer = wire.post("/sdapi/v1/txt2img", json=fields).json()

    assert ("Clip skip: 2" in json.loads(answer["info"])["infotexts"][0]) is is_told
