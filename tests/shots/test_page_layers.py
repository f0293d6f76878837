"""Delivery in layers for page programs: what is behind the product, its shadow, the product."""

from __future__ import annotations

import builtins
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageCms

from prodgen import files
from prodgen.cli import main
from prodgen.codecs.icc_profiles import space_of_profile, srgb_profile
from prodgen.errors import ImageError
from prodgen.shots import Result, shoot
from prodgen.shots.layers import FinalScene

pytest.importorskip("psd_tools")
from psd_tools import PSDImage
from psd_tools.constants import Resource

SIDE = 200
TWO_STEPS = 2.5


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A red box on grey with a soft edge, its matte, and a table of planks."""
    folder = tmp_path_factory.mktemp("layers")
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[60:140, 70:130] = 1
    matte = cv2.GaussianBlur(matte, (0, 0), 0.8)
    photo = np.full((SIDE, SIDE, 3), 0.7, np.float32)
    photo = photo * (1 - matte[..., None]) + np.float32([0.7, 0.1, 0.1]) * matte[..., None]
    planks = 0.45 + 0.3 * np.sin(np.arange(SIDE) / 7)[:, None, None] * np.float32([1, 0.8, 0.5])
    files.save(folder / "box.png", photo)
    files.save_matte(folder / "matte.png", matte)
    files.save(folder / "planks.png", np.broadcast_to(planks, photo.shape).astype(np.float32).copy())
    return folder


def packshot(photos: Path, output: Path | None, **settings: object) -> Result:
    given = {"size": "300x300", "place": "middle", "shadow": "cast", **settings}
    matte = photos / "matte.png"
    return shoot(photos / "box.png", matte=matte, recipe="packshot", settings=given, seed=1, output=output)


def in_scene(photos: Path, output: Path, **settings: object) -> Result:
    return shoot(
        photos / "box.png",
        "" if "look" not in settings else "on planks",
        matte=photos / "matte.png",
        background=photos / "planks.png",
        recipe="auto" if "look" in settings else "background",
        backend="embedded://",
        settings={"size": f"{SIDE}x{SIDE}", "shadow": "cast", **settings},
        seed=1,
        output=output,
    )


def laid(path: Path, ground: tuple[float, ...] = (1.0, 1.0, 1.0)) -> np.ndarray:
    """Lay a file's layers on a colour, 0 to 255, as the format says of "normal" and "multiply"."""
    page = PSDImage.open(path)
    under = np.empty((page.height, page.width, 3), np.float64)
    under[:] = ground
    for layer in page:
        pixels = layer.numpy()
        part = under[layer.top : layer.bottom, layer.left : layer.right]
        color = pixels[..., :3] * part if layer.blend_mode.name == "MULTIPLY" else pixels[..., :3]
        part[:] = part + (color - part) * pixels[..., 3:]
    return under * 255


def names(path: Path) -> list[str]:
    return [layer.name for layer in PSDImage.open(path)]


@pytest.mark.parametrize(
    "settings",
    [{}, {"shadow_color": "#3050ff"}, {"shadow": "contact", "reflection": 0.5}, {"transparent": True}],
)
def test_the_layers_of_a_packshot_make_its_picture_to_two_steps(
    photos: Path, tmp_path: Path, settings: dict[str, object]
) -> None:
    """LayerStyle 395: the shadow apart from the product, and right again when laid together."""
    made = packshot(photos, tmp_path / "box.psd", **settings)
    expected = ["shadow", "product"] if "transparent" in settings else ["ground", "shadow", "product"]

    assert names(tmp_path / "box.psd") == expected
    assert np.abs(laid(tmp_path / "box.psd") - made.image * 255).max() < TWO_STEPS


@pytest.mark.parametrize("settings", [{}, {"look": "cinematic"}])
def test_the_layers_of_a_scene_make_its_picture_to_two_steps(
    photos: Path, tmp_path: Path, settings: dict[str, object]
) -> None:
    made = in_scene(photos, tmp_path / "box.psd", **settings)

    assert names(tmp_path / "box.psd") == ["ground", "shadow", "product"]
    assert np.abs(laid(tmp_path / "box.psd", (0, 1, 0)) - made.image * 255).max() < TWO_STEPS


def test_the_scene_has_no_shadow_left_below_its_own_layer(photos: Path, tmp_path: Path) -> None:
    in_scene(photos, tmp_path / "box.psd")
    page = PSDImage.open(tmp_path / "box.psd")
    ground, shadow = page[0].numpy()[..., :3], page[1]
    plain = shoot(
        photos / "box.png",
        matte=photos / "matte.png",
        background=photos / "planks.png",
        recipe="background",
        settings={"size": f"{SIDE}x{SIDE}", "shadow": "none"},
        seed=1,
    ).frame

    assert np.asarray(shadow.numpy()[..., :3]).min() < 0.6
    deep = np.abs(ground - plain[FinalScene].image) * 255
    assert np.percentile(deep, 99.5) < 4


def test_a_program_that_reads_no_layers_shows_the_picture(photos: Path, tmp_path: Path) -> None:
    made = packshot(photos, tmp_path / "box.psd")
    with Image.open(tmp_path / "box.psd", formats=["PSD"]) as opened:
        flat = np.asarray(opened.convert("RGB"))

    assert np.array_equal(flat, np.round(made.image * 255).astype(np.uint8))


def test_the_product_layer_has_the_photographs_own_pixels(photos: Path, tmp_path: Path) -> None:
    packshot(photos, tmp_path / "box.psd", place="original", size=f"{SIDE}x{SIDE}")
    layer = PSDImage.open(tmp_path / "box.psd")[-1]
    pixels = np.round(layer.numpy() * 255).astype(np.uint8)
    photo = np.asarray(Image.open(photos / "box.png"))[layer.top : layer.bottom, layer.left : layer.right]
    solid = pixels[..., 3] == 255

    assert solid.sum() > 3000
    assert np.array_equal(pixels[..., :3][solid], photo[solid])


def test_the_story_is_in_the_files_xmp_unless_it_is_not_wanted(photos: Path, tmp_path: Path) -> None:
    packshot(photos, tmp_path / "told.psd")
    packshot(photos, tmp_path / "silent.psd", metadata=False)
    told = PSDImage.open(tmp_path / "told.psd").image_resources.get_data(Resource.XMP_METADATA)
    silent = PSDImage.open(tmp_path / "silent.psd").image_resources.get_data(Resource.XMP_METADATA)

    assert b"algorithmicallyEnhanced" in told
    assert b"packshot" in told
    assert not silent


def test_a_shadow_layer_of_its_own_is_refused_beside_layers(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="has the shadow as a layer"):
        packshot(photos, tmp_path / "box.psd", transparent=True, shadow_layer=True)
    assert not list(tmp_path.iterdir())


def test_without_the_extra_layers_are_refused_before_any_work(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name.startswith("psd_tools"):
            raise ImportError(name)
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    done = CliRunner().invoke(
        main, ["shoot", str(photos / "box.png"), "--recipe", "packshot", "-o", str(tmp_path / "box.psd")]
    )

    assert done.exit_code == 1
    assert "pip install 'prodgen[psd]'" in done.output
    assert not list(tmp_path.iterdir())


def test_only_a_shot_has_layers(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="the ending must be one of"):
        files.save(tmp_path / "a.psd", np.zeros((4, 4, 3), np.float32))


def test_a_layered_file_is_small_where_nothing_is(photos: Path, tmp_path: Path) -> None:
    packshot(photos, tmp_path / "box.psd", shadow="contact")
    shadow = PSDImage.open(tmp_path / "box.psd")[1]

    assert shadow.width * shadow.height < 0.6 * 300 * 300
    assert io.BytesIO((tmp_path / "box.psd").read_bytes()).getbuffer().nbytes < 300 * 300 * 12


def test_the_file_says_that_its_colours_are_srgb_in_the_same_bytes_each_time(photos: Path, tmp_path: Path):
    for name in ("one.psd", "two.psd"):
        packshot(photos, tmp_path / name)

    with Image.open(tmp_path / "one.psd") as page, Image.open(tmp_path / "two.psd") as again:
        assert "sRGB" in ImageCms.getProfileDescription(
            ImageCms.ImageCmsProfile(io.BytesIO(page.info["icc_profile"]))
        )
        assert page.info["icc_profile"] == again.info["icc_profile"]


def test_the_profile_that_is_written_is_read_as_srgb():
    assert space_of_profile(srgb_profile(), "rgb") == (None, None)
