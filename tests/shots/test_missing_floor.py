"""A scene with nothing to stand on is found out and said, and shadow auto does what fits it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from prodgen import files
from prodgen.errors import IdleSettingError
from prodgen.presence import find_missing_floor
from prodgen.shots import Recipe, prepare, shoot
from prodgen.shots.footing import hovers
from prodgen.shots.frame import Frame, Tools
from prodgen.shots.layers import Brief, Drawn, FinalScene, Origin, Placed, Shade
from prodgen.shots.shot import new_shot
from prodgen.shots.stages import GroundStage

SIDE = 240


def noise(octaves: int, *, seed: int = 0) -> np.ndarray:
    rng, field = np.random.default_rng(seed), np.zeros((SIDE, SIDE), np.float32)
    for octave in range(octaves):
        coarse = rng.normal(size=(2 ** (octave + 2),) * 2).astype(np.float32)
        field += 0.5**octave * cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return (field / field.std())[..., None]


def bricks() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    shifted = x + (y // 16 % 2) * 20
    tone = np.random.default_rng(1).normal(0, 1, (40, 40))[y // 16, shifted // 40][..., None]
    mortar = ((y % 16 < 2) | (shifted % 40 < 2))[..., None]
    wall = np.where(mortar, np.float32(0.68), np.float32([0.55, 0.27, 0.2]) * (1 + 0.12 * tone))
    return cv2.GaussianBlur(np.clip(wall, 0, 1).astype(np.float32), (0, 0), 0.8)


def down() -> np.ndarray:
    return np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None]


def clear_sky() -> np.ndarray:
    sky = np.float32([0.2, 0.4, 0.75]) * (1 - down()) + np.float32([0.7, 0.82, 0.93]) * down()
    return np.broadcast_to(sky, (SIDE, SIDE, 3)).copy()


def cloudy_sky() -> np.ndarray:
    share = np.clip(noise(6) * 0.4 + 0.3, 0, 1)
    return (clear_sky() * (1 - share) + 0.95 * share).astype(np.float32)


def evening_over_hills() -> np.ndarray:
    sky = np.float32([0.5, 0.45, 0.5]) * (1 - down()) + np.float32([0.8, 0.6, 0.5]) * down()
    hills = np.clip(0.12 + 0.03 * noise(6), 0, 1)
    return np.where(down() > 0.9, hills, sky).astype(np.float32)


def night() -> np.ndarray:
    sky = np.full((SIDE, SIDE, 3), 0.01, np.float32)
    sky[::37, ::23] = 0.8
    return sky


def seen_along(texture: np.ndarray, pitch_deg: float) -> np.ndarray:
    """A texture on a floor that ends at a grey wall."""
    pitch, focal = np.radians(pitch_deg), SIDE * 1.4
    x, y = np.meshgrid(np.arange(SIDE) - SIDE / 2, (SIDE / 2 - np.arange(SIDE)) / focal)
    below = np.sin(pitch) - y * np.cos(pitch)
    away = 1 / np.maximum(below, 0.05)
    maps = ((70 * x / focal * away).astype(np.float32), (70 * np.cos(pitch) * away).astype(np.float32))
    floor = cv2.remap(texture, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.where((below > 0.05)[..., None], floor, np.float32(0.6)).astype(np.float32)


def studio(color: tuple[float, float, float]) -> np.ndarray:
    bend = 1 / (1 + np.exp(-(down() - 0.6) / 0.08))
    return np.clip(np.broadcast_to(np.float32(color) * (0.75 + 0.25 * bend), (SIDE, SIDE, 3)), 0, 1)


WITHOUT = {
    "wall": (bricks, "wall"),
    "clear sky": (clear_sky, "sky"),
    "cloudy sky": (cloudy_sky, "sky"),
    "evening": (evening_over_hills, "sky"),
    "night": (night, "void"),
}
FLOORS = {
    "paving": lambda: seen_along(bricks(), 12),
    "paving from higher up": lambda: seen_along(bricks(), 28),
    "stone": lambda: seen_along(np.clip(0.5 + 0.1 * noise(7) + np.zeros(3), 0, 1).astype(np.float32), 18),
    "a grainy photograph": lambda: (
        0.5 + np.random.default_rng(3).normal(0, 0.04, (SIDE, SIDE, 1)) + np.zeros(3)
    ).astype(np.float32),
    "white studio": lambda: studio((0.98, 0.98, 0.98)),
    "blue studio": lambda: studio((0.45, 0.62, 0.9)),
    "black studio": lambda: studio((0.1, 0.1, 0.11)),
}


def standing() -> np.ndarray:
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[90:190, 90:150] = 1
    return matte


@pytest.mark.parametrize("kind", WITHOUT)
def test_k17_a_scene_without_a_floor_is_found_out(kind: str) -> None:
    """text2room 13, infinigen 376, InternScenes 12: things that float, as nothing was there to stand on."""
    draw, surface = WITHOUT[kind]
    missing = find_missing_floor(draw(), standing())

    assert missing is not None
    assert missing.surface == surface


@pytest.mark.parametrize("kind", FLOORS)
def test_a_floor_is_not_missed(kind: str) -> None:
    assert find_missing_floor(FLOORS[kind](), standing()) is None


def test_the_floors_of_real_places_are_not_missed(shared: Path) -> None:
    plates = sorted((shared / "truth").glob("plate_*.png"))

    assert len(plates) >= 10
    for plate in plates:
        scene = files.load(plate).rgb
        height, width = scene.shape[:2]
        matte = np.zeros((height, width), np.float32)
        matte[int(0.35 * height) : int(0.75 * height), int(0.35 * width) : int(0.65 * width)] = 1
        assert find_missing_floor(scene, matte) is None, plate.name


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footing")
    matte = cv2.GaussianBlur(standing(), (0, 0), 0.8)
    photo = 0.8 * (1 - matte[..., None]) + np.float32([0.7, 0.3, 0.2]) * matte[..., None]
    files.save(folder / "box.png", photo.astype(np.float32))
    files.save_matte(folder / "matte.png", matte)
    for name, (draw, _) in WITHOUT.items():
        files.save(folder / f"{name}.png", draw())
    return folder


def ground_of(
    photos: Path,
    scene: np.ndarray,
    *,
    prompt: str = "",
    origin: Origin | None = None,
    pose: object = 12,
    **settings: object,
) -> Frame:
    """Return the frame after the ground: in a scene of the user's, or one that was drawn."""
    recipe = Recipe.load("relight").with_settings({"place": "original"})
    shot = new_shot(photos / "box.png", "a prompt", matte=photos / "matte.png", pose=pose, recipe=recipe)  # type: ignore[arg-type]
    frame = prepare(shot).frame
    drawn = Drawn(scene, None, origin or Origin("none", is_generated=False))
    placed = replace(frame[Placed], backdrop=scene if origin is None else None)
    held = frame.holding(placed, FinalScene(scene), drawn, Brief(prompt))
    return GroundStage.model_validate(settings).apply(held, Tools(client=lambda: None))  # type: ignore[arg-type, return-value]


def darkest_row(frame: Frame) -> int:
    """The row below the foot, at 190, in which the shadow is darkest."""
    return 190 + int(frame[Shade].transmission[190:230, 100:140].mean(axis=1).argmin())


def test_k17_before_a_wall_the_product_hovers_and_before_a_sky_it_throws_no_shadow(photos: Path) -> None:
    """text2room 13, infinigen 376, InternScenes 12: says so, and throws no contact onto nothing."""
    wall, sky = ground_of(photos, bricks()), ground_of(photos, clear_sky())

    assert wall.notices == (
        "no floor is seen under the product: the scene is one surface from its top to below the foot (a wall,"
        " or a floor from above), so its shadow is a hovering product's; --ground none takes it for a floor",
    )
    assert darkest_row(wall) > darkest_row(ground_of(photos, bricks(), ground="none")) + 2
    assert any("the foot is in the sky, so it throws no shadow" in notice for notice in sky.notices)
    assert sky.get(Shade) is None
    assert np.array_equal(sky[FinalScene].image, clear_sky())


def test_a_missing_floor_is_in_the_story(photos: Path) -> None:
    made = shoot(
        photos / "box.png",
        matte=photos / "matte.png",
        background=photos / "clear sky.png",
        recipe="background",
        settings={"size": f"{SIDE}x{SIDE}", "place": "original"},
        seed=1,
    )

    assert made.story()["scene"]["floor"] == {"is_painted": False, "instead": "sky"}


def test_a_shadow_that_was_asked_for_is_thrown_and_the_missing_floor_told(photos: Path) -> None:
    made = ground_of(photos, clear_sky(), shadow="contact")

    assert made[Shade].transmission.min() < 0.7
    assert any("suits a product that stands on nothing" in notice for notice in made.notices)


@pytest.mark.parametrize("settings", [{"ground": "none"}, {"shadow": "float"}, {"pose": "flat"}])
def test_nothing_is_told_where_it_was_answered_or_the_floor_is_seen_from_above(
    photos: Path, settings: dict[str, object]
) -> None:
    assert not [notice for notice in ground_of(photos, bricks(), **settings).notices if "no floor" in notice]


@pytest.mark.parametrize(
    ("prompt", "is_hovering"),
    [
        ("mug levitating in a mint studio", True),
        ("floating above clouds", True),
        ("a bottle, suspended in mid-air", True),
        ("on a floating shelf", False),
        ("beside floating candles", False),
        ("not levitating, on an oak table", False),
        ("on an oak table", False),
    ],
)
def test_words_for_a_product_that_hovers(prompt: str, is_hovering: bool) -> None:
    assert hovers(prompt) is is_hovering


def test_a_product_that_hovers_by_its_prompt_has_no_line_of_contact(photos: Path) -> None:
    """The embedded backend draws the wide shadow itself; a diffusion server's scene gets one."""
    scene = np.full((SIDE, SIDE, 3), 0.6, np.float32)
    prompt, server = "levitating in a grey studio", Origin("a server")
    embedded = ground_of(photos, scene, prompt=prompt, origin=Origin("embedded", is_generated=False))
    hovering = ground_of(photos, scene, prompt=prompt, origin=server)
    standing = ground_of(photos, scene, prompt="in a grey studio", origin=server)

    assert np.array_equal(embedded[FinalScene].image, scene)
    assert darkest_row(hovering) > darkest_row(standing) + 2
    assert not embedded.notices + hovering.notices


@pytest.mark.parametrize("ground", ["none", "inpaint"])
def test_a_plain_ground_has_no_floor_to_miss(photos: Path, ground: str) -> None:
    with pytest.raises(IdleSettingError, match="has a plain ground"):
        shoot(photos / "box.png", matte=photos / "matte.png", recipe="packshot", settings={"ground": ground})
