"""Delivery on transparency: right on any ground, the shadow a layer of its own if asked for."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from prodgen import files
from prodgen.cli import main
from prodgen.errors import IdleSettingError, ImageError
from prodgen.replaying import replay
from prodgen.shots import Result, shoot

SIDE = 240


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A red box on grey, and its matte."""
    folder = tmp_path_factory.mktemp("transparent")
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[70:160, 90:150] = 1
    matte = cv2.GaussianBlur(matte, (0, 0), 0.8)
    photo = np.full((SIDE, SIDE, 3), 0.7, np.float32)
    photo = photo * (1 - matte[..., None]) + np.float32([0.7, 0.1, 0.1]) * matte[..., None]
    files.save(folder / "box.png", photo)
    files.save_matte(folder / "matte.png", matte)
    return folder


def packshot(photos: Path, output: Path | None = None, **settings: object):
    given = {"size": "400x400", "place": "middle", "shadow": "cast"} | settings
    return shoot(
        photos / "box.png",
        matte=photos / "matte.png",
        recipe="packshot",
        settings=given,
        seed=1,
        output=output,
    )


def laid_on(path: Path, ground: tuple[float, float, float]) -> np.ndarray:
    """Return a transparent file on a colour, mixed as page programs do."""
    pixels = np.asarray(Image.open(path).convert("RGBA"), np.float32) / 255
    return pixels[..., :3] * pixels[..., 3:] + np.float32(ground) * (1 - pixels[..., 3:])


@pytest.mark.parametrize(
    ("ending", "color"),
    [("png", None), ("webp", None), ("tif", None), ("png", "#3050ff"), ("png", "#806010")],
)
def test_k8_laid_on_white_it_is_the_packshot(
    photos: Path, tmp_path: Path, ending: str, color: str | None
) -> None:
    """LayerStyle 395: a transparent PNG whose shadow came out wrong."""
    packshot(photos, tmp_path / f"cut.{ending}", transparent=True, quality=100, shadow_color=color)
    expected = packshot(photos, shadow_color=color).image

    assert np.abs(laid_on(tmp_path / f"cut.{ending}", (1, 1, 1)) - expected).max() < 2.5 / 255


@pytest.mark.parametrize("ground", [(0.0, 0.0, 0.0), (0.2, 0.5, 0.8)])
def test_laid_on_black_and_on_a_colour_it_has_neither_halo_nor_veil(
    photos: Path, tmp_path: Path, ground: tuple[float, float, float]
) -> None:
    packshot(photos, tmp_path / "cut.png", transparent=True)
    laid = laid_on(tmp_path / "cut.png", ground)
    alpha = np.asarray(Image.open(tmp_path / "cut.png"))[..., 3]
    floor = laid[alpha < 250]

    assert np.abs(laid[alpha == 0] - np.float32(ground)).max() < 1e-6
    # Between ground and product there is nothing brighter or greener than both.
    assert floor[:, 1].max() <= max(ground[1], 0.12) + 2 / 255
    if sum(ground):
        assert laid[alpha > 40][:, 2].min() < 0.9 * ground[2]


def test_the_shadow_is_a_file_of_its_own_and_both_make_the_whole(photos: Path, tmp_path: Path) -> None:
    packshot(photos, tmp_path / "whole.png", transparent=True)
    packshot(photos, tmp_path / "box.png", transparent=True, shadow_layer=True)
    white = (1.0, 1.0, 1.0)
    shadow = laid_on(tmp_path / "box-shadow.png", white)
    product = np.asarray(Image.open(tmp_path / "box.png"), np.float32) / 255
    both = product[..., :3] * product[..., 3:] + shadow * (1 - product[..., 3:])

    assert shadow.min() < 0.8
    assert np.abs(both - laid_on(tmp_path / "whole.png", white)).max() < 2.5 / 255


@pytest.mark.parametrize(
    ("settings", "idle"),
    [
        ({"shadow_layer": True}, "shadow_layer"),
        ({"shadow_layer": True, "transparent": True, "shadow": "none"}, "shadow_layer"),
        ({"transparent": True, "reflection": 0.4}, "reflection"),
    ],
)
def test_what_transparency_does_not_have_is_refused(
    photos: Path, settings: dict[str, object], idle: str
) -> None:
    with pytest.raises(IdleSettingError, match=idle):
        packshot(photos, **settings)


def test_a_transparent_picture_is_replayed_the_same(photos: Path, tmp_path: Path) -> None:
    packshot(photos, tmp_path / "cut.png", transparent=True)

    again = replay(tmp_path / "cut.png", photo=photos / "box.png", matte=photos / "matte.png")

    assert not again.differences


def test_a_scene_and_a_jpeg_cannot_be_transparent(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="JPEG has no transparency"):
        packshot(photos, tmp_path / "cut.jpg", transparent=True)
    with pytest.raises(ImageError, match="JPEG has no transparency"):
        packshot(photos, transparent=True).save(tmp_path / "cut.jpg")
    with pytest.raises(IdleSettingError, match="makes a scene"):
        shoot(photos / "box.png", "a table", settings={"transparent": True})
    assert not list(tmp_path.iterdir())


def test_a_shadow_layer_does_not_overwrite_the_photograph(photos: Path, tmp_path: Path) -> None:
    photo = tmp_path / "box-shadow.png"
    photo.write_bytes((photos / "box.png").read_bytes())
    before = photo.read_bytes()

    with pytest.raises(ImageError):
        shoot(
            photo,
            matte=photos / "matte.png",
            recipe="packshot",
            settings={"transparent": True, "shadow_layer": True, "shadow": "contact"},
            output=tmp_path / "box.png",
        )
    assert photo.read_bytes() == before


@pytest.mark.parametrize("name", ["box", "box.rejected"])
def test_no_way_of_saving_writes_a_shadow_over_the_photograph(
    photos: Path, tmp_path: Path, name: str
) -> None:
    photo = tmp_path / f"{name}-shadow.png"
    photo.write_bytes((photos / "box.png").read_bytes())
    before = photo.read_bytes()
    given = {"transparent": True, "shadow_layer": True, "shadow": "contact", "on_failure": "fail"}

    def shot(output: Path | None) -> Result:
        return shoot(
            photo, matte=photos / "matte.png", recipe="packshot", settings=given, seed=1, output=output
        )

    with pytest.raises(ImageError, match="would be lost"):
        shot(None).save(tmp_path / f"{name}.png")
    with pytest.raises(ImageError, match="would be lost"):
        shot(tmp_path / "box.png")
    assert photo.read_bytes() == before
    assert list(tmp_path.iterdir()) == [photo]


def test_a_shadow_of_several_pictures_is_not_written_over_the_photograph(
    photos: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "out-left-third-shadow.png"
    photo.write_bytes((photos / "box.png").read_bytes())
    before = photo.read_bytes()
    asked = ["--matte", str(photos / "matte.png"), "--recipe", "packshot", "--shadow", "contact"]
    asked += ["--transparent", "--shadow-layer", "-o", str(tmp_path / "out.png"), "--variants", "2"]

    done = CliRunner().invoke(main, ["shoot", str(photo), *asked])

    assert done.exit_code == 1, done.output
    assert "would be lost" in done.output
    assert photo.read_bytes() == before


def test_the_recipe_cutout_is_the_product_alone_where_it_was(photos: Path, tmp_path: Path) -> None:
    made = shoot(photos / "box.png", matte=photos / "matte.png", recipe="cutout", output=tmp_path / "box.png")
    pixels = np.asarray(Image.open(tmp_path / "box.png"))
    photo, matte = np.asarray(Image.open(photos / "box.png")), np.asarray(Image.open(photos / "matte.png"))

    assert pixels.shape == (SIDE, SIDE, 4)
    assert np.array_equal(pixels[..., 3], matte)
    assert np.array_equal(pixels[..., :3][matte == 255], photo[matte == 255])
    assert made.origin.backend == "none"
    with pytest.raises(ImageError, match="JPEG has no transparency"):
        shoot(photos / "box.png", matte=photos / "matte.png", recipe="cutout", output=tmp_path / "box.jpg")
