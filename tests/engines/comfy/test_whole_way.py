"""Each command through a ComfyUI server that executes its graphs: the product is there, in its new light."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from prodgen import files
from prodgen.client import Client
from prodgen.dispatch import lane
from prodgen.images import from_uint8
from prodgen.schema import Img2Img

from .fake_comfy import FakeComfy
from .graph_painter import GraphPainter, used
from .typed_commands import address_of, well_typed

PHOTOS = Path(__file__).parents[3] / "examples" / "photos"
SIDE = 256
WORDS = ("--prompt", "on a wooden table, sunset", "--steps", "3", "--seed", "3")
SMALL = (*WORDS, "--size", f"{SIDE}x{SIDE}")


@pytest.fixture
def painting(comfy: FakeComfy) -> FakeComfy:
    GraphPainter(comfy).install()
    return comfy


@pytest.fixture(scope="module")
def mug(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mug, cut out, so small that a shot takes a second."""
    large = cv2.imread(str(PHOTOS / "mug.png"))
    rgb = cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA)[..., ::-1]
    path = tmp_path_factory.mktemp("photos") / "mug.png"
    files.save(path, from_uint8(rgb))
    well_typed("segment", path, "-o", path.with_name("matte.png"))
    alpha = cv2.imread(str(path.with_name("matte.png")), cv2.IMREAD_GRAYSCALE)
    assert cv2.imwrite(str(path), np.dstack([rgb[..., ::-1], alpha]))
    path.with_name("matte.png").unlink()
    return path


def shot(folder: Path, photo: Path, comfy: FakeComfy, *options: object) -> dict:
    """Shoot; return what `--json` says."""
    return json.loads(
        well_typed(
            "shoot",
            photo,
            *SMALL,
            *options,
            "--backend",
            address_of(comfy),
            "-o",
            folder / "shot.png",
            "--json",
        )
    )


def without(comfy: FakeComfy, *classes: str) -> None:
    for name in classes:
        del comfy.object_info[name]


RELIT = {"kijai": {"ICLightConditioning": 1}, "native": {"ICLightAppply": 1, "VAEEncodeArgMax": 1}}


@pytest.mark.parametrize("pack", RELIT)
def test_a_product_is_shot_into_a_scene_of_words_by_either_pack(painting, mug, tmp_path, pack):
    if pack == "native":
        without(painting, "LoadAndApplyICLightUnet")

    told = shot(tmp_path, mug, painting)

    assert told["verdict"] == "pass", told
    assert used(painting).items() >= RELIT[pack].items()
    assert is_red(tmp_path / "shot.png").mean() > 0.05  # the mug
    assert "IC-Light" in told["proofs"]


def test_light_from_a_side_is_the_start_of_the_picture(painting, mug, tmp_path):
    told = shot(tmp_path, mug, painting, "--light", "left")

    assert told["verdict"] == "pass", told
    light = painting.sent[0]["img"]["inputs"]["image"]  # what is encoded for the sampler to begin with
    start = files.load(painting.files["input", light]).rgb
    assert start[:, : SIDE // 2].mean() > start[:, SIDE // 2 :].mean() + 0.2


def test_a_product_is_shot_into_a_picture_of_ones_own(painting, mug, tmp_path):
    kitchen = np.full((SIDE, SIDE, 3), 0.7, np.float32)
    kitchen[SIDE // 2 :] = 0.35
    files.save(tmp_path / "kitchen.png", kitchen)

    told = shot(tmp_path, mug, painting, "--background", tmp_path / "kitchen.png")

    # The stand-in takes the studio's gloss off the red, which the measurement counts as more colour.
    assert told["verdict"] != "fail", told
    assert "opt_background" in painting.sent[0]["iccond"]["inputs"]
    made = files.load(tmp_path / "shot.png").rgb
    assert abs(made[:8].mean() - 0.7) < 0.1  # the wall above the mug


def test_a_scene_is_painted_around_the_product(painting, mug, tmp_path):
    told = shot(tmp_path, mug, painting, "--recipe", "inpaint")

    assert told["verdict"] == "pass", told
    assert used(painting)["SetLatentNoiseMask"] == 1
    assert files.load(tmp_path / "shot.png").rgb[:8, :8].std() < 0.2  # sky, not the photograph's ground


def test_words_are_drawn_and_drawn_again_by_replay(painting, tmp_path):
    words = ("generate", "--prompt", "a red mug on a wooden table", "--size", "128x128", "--steps", "3")
    there = ("--backend", address_of(painting))

    well_typed(*words, *there, "--seed", "5", "--count", "2", "-o", tmp_path / "two")
    first, second = (files.load(path).rgb for path in sorted((tmp_path / "two").iterdir()))
    told = well_typed("replay", min((tmp_path / "two").iterdir()), *there, "-o", tmp_path / "again.png")

    assert not np.array_equal(first, second)
    assert np.array_equal(files.load(tmp_path / "again.png").rgb, first)
    assert "to the bit" in told


def test_a_picture_is_enlarged_to_the_size_asked_for(painting, mug, tmp_path):
    well_typed(
        "upscale", mug, "--upscale", "300x300", "--backend", address_of(painting), "-o", tmp_path / "l.png"
    )

    large = cv2.imread(str(tmp_path / "l.png"), cv2.IMREAD_UNCHANGED)
    assert large.shape[:2] == (300, 300)
    assert used(painting)["ImageUpscaleWithModel"] == 1


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("checkpoints", "sd15_random"),
        ("loras", "lora_a"),
        ("samplers", "DPM++ 2M"),
        ("schedulers", "Karras"),
        ("upscalers", "4x_random"),
        ("vaes", "ae"),
        ("embeddings", "badwords"),
        ("scripts", "prodgen workflow"),
    ],
)
def test_what_the_server_has_is_listed(comfy, what, name):
    assert name in well_typed("list", what, "--backend", address_of(comfy))


def test_the_doctor_tries_everything_and_finds_no_fault(painting):
    told = well_typed("doctor", address_of(painting))

    for name in ("relights fc", "relights fbc", "upscaler", "ControlNet", "drawing"):
        assert any(line.startswith("OK") and name in line for line in told.splitlines()), told


def test_progress_rises_and_a_preview_comes_before_the_picture(painting):
    painting.gate.clear()
    shares, previews = [], []

    def look(progress) -> None:
        shares.append(progress.fraction)
        previews.append(progress.preview)
        if progress.preview is not None:
            painting.gate.set()

    with Client(address_of(painting), previews=True) as client:
        client.txt2img(prompt="a mug", width=64, height=64, steps=4, seed=1, on_progress=look)

    assert shares == sorted(shares)
    assert any(preview is not None for preview in previews)


def test_a_masked_part_is_repainted_and_the_rest_stays(painting):
    photo = np.full((128, 128, 3), 0.4, np.float32)
    zone = np.zeros((128, 128), np.float32)
    zone[32:96, 32:96] = 1

    with Client(address_of(painting)) as client:
        drawn = client.img2img(
            Img2Img(
                prompt="a lamp on a table",
                init_image=photo,
                inpaint_mask=zone,
                width=128,
                height=128,
                steps=4,
                denoising_strength=0.75,
                mask_blur=0,
                seed=1,
            )
        )

    changed = np.abs(drawn.image - photo).max(axis=2) > 0.02
    assert changed[40:88, 40:88].mean() > 0.5
    assert not changed[:24].any()


def test_a_batch_goes_on_with_the_server_that_is_left(painting, mug, tmp_path, monkeypatch):
    monkeypatch.setattr(lane, "SHORTEST_PATIENCE_S", 1.0)
    monkeypatch.setattr(lane, "OVERDUE", 2.0)
    other = FakeComfy()
    GraphPainter(other).install()
    other.dying = "KSampler"
    (tmp_path / "photos").mkdir()
    for number in range(2):
        shutil.copy(mug, tmp_path / "photos" / f"mug-{number}.png")
    there = ("--backend", address_of(other), "--backend", address_of(painting))

    told = well_typed(
        "batch",
        tmp_path / "photos",
        "-o",
        tmp_path / "out",
        *WORDS[:4],
        "--size",
        "128x128",
        "--workers",
        0,
        *there,
    )

    assert "2 of 2 done" in told
    assert "is lost" in told
    assert (len(other.sent), len(painting.sent)) == (1, 2)
    other.stop()


def is_red(path: Path) -> np.ndarray:
    rgb = files.load(path).rgb
    return rgb[..., 0] > 1.6 * rgb[..., 1:].max(axis=2)
