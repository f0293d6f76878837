"""Scores identity and shading on drawn products, for `benchmarks/calibration.py`: a few seconds a score.

Light, turned hues, print, gloss, outline and verdict each have a figure. The products are drawn by code,
so their true light is known; the spoilings are those of `benchmarks/identity/checks.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "identity"))
import checks

from prodgen import identity, shading
from prodgen.color import LUMA, delta_e, to_lab, to_linear, to_srgb
from prodgen.identity.lettering import text_errors_percent
from prodgen.ocr import Word

MODULES = ("prodgen.identity", "prodgen.shading")

NOTE = (
    "Those are guards and speed settings by their own words, or they concern what these drawn products do"
    " not have: creases, lamps of two colours, coloured walls in a mirror, words that a reader doubts. There"
    " the tests in `tests/identity` and `tests/shading` hold them."
)

Picture = NDArray[np.float32]
Score = dict[str, tuple[float, float]]


def score(module: str | None = None) -> Score:
    """Figure -> (value, smallest change that matters); all, or those that numbers of a module can move."""
    figures: Score = {}
    for part in (_light, _turns, _numbers, _repair, _mirror, _print):
        if module is None or module in MOVED_BY[part.__name__]:
            figures |= part()
    return figures


def _light() -> Score:
    """How far a product restored from each spoiled picture is from the product in its true light."""
    photo, matte = checks.carton()
    plain = to_linear(photo) * checks.light()
    amber = plain * AMBER
    figures: dict[str, float] = {}
    for name, true, relit in _relit(photo, matte, plain, amber):
        pair = shading.pair_pictures(photo, relit, matte, is_registered="slipped" not in name)
        figures[name] = _difference(
            shading.blend(photo, relit, matte, field=shading.read_field(pair)), true, CORE
        )
    night = amber * matte[..., None] + 0.004 * (1 - matte[..., None])
    field = shading.read_field(shading.pair_pictures(photo, to_srgb(night), matte, is_registered=True))
    result = shading.blend(photo, to_srgb(night), matte, field=field)
    figures["edge before a dark scene"] = _difference(result, night, (matte > 0.02) & (matte < 0.98))
    return {f"dE, {name}": (value, 0.1) for name, value in figures.items()}


def _turns() -> Score:
    """How far turned hues are from being found, and what is left of them after they were turned back."""
    photo, matte = checks.carton()
    plain = to_linear(photo) * checks.light()
    amber = plain * AMBER
    inside = matte[..., None]
    veil = 0.5 * amber + 0.5 * (amber @ LUMA)[..., None] * np.float32([1.3, 0.95, 0.6])
    hsv = cv2.cvtColor(to_srgb(plain), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 100) % 360
    spoiled = {
        "Lab": (amber, checks.recolored(to_srgb(veil), -35), -35),
        "HSV": (plain, cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), 100),
    }
    figures: Score = {}
    for name, (true, turned, angle) in spoiled.items():
        relit = to_srgb(true) * (1 - inside) + turned * inside
        pair = shading.pair_pictures(photo, relit, matte)
        result = shading.blend(photo, relit, matte, field=shading.read_field(pair))
        figures[f"dE, hues turned in {name}"] = _difference(result, true, CORE), 0.1
        error = abs((pair.turn.angle_deg - angle + 180) % 360 - 180)
        figures[f"error of the angle in {name}, deg"] = error, 1.0
    return figures


CORE = cv2.erode(checks.carton()[1], np.ones((9, 9))) > 0.9
"""(h, w), the product without its edge."""

AMBER = np.float32([1.12, 0.98, 0.78])
"""Linear sRGB, light of about 4500 K beside daylight."""


def _difference(picture: Picture, linear: Picture, where: NDArray[np.bool_]) -> float:
    """CIEDE2000 between a picture and what it should be, in linear light, mean over `where`."""
    return float(delta_e(to_lab(picture[where]), to_lab(to_srgb(linear)[where])).mean())


def _relit(photo: Picture, matte: Picture, plain: Picture, amber: Picture) -> Any:
    """Name, true linear light on the product, relit picture."""
    inside = matte[..., None]
    yield "honest light", amber, to_srgb(amber)

    sharp = plain.copy()
    sharp[104:112, 80:200] *= 2.0
    sharp[225:265, 90:110] *= 1.8
    yield "reflections", sharp, to_srgb(sharp)

    hue = np.arctan2(*np.moveaxis(to_lab(photo)[..., 2:0:-1], -1, 0))
    chroma = np.hypot(*np.moveaxis(to_lab(photo)[..., 1:], -1, 0))
    off = 2.0 ** (0.6 * np.sin(2 * hue + 1) * np.clip(chroma / 40, 0, 1))[..., None]
    grey = (amber * off) @ LUMA
    veiled = 0.4 * amber * off + 0.6 * grey[..., None] * np.float32([0.85, 1.0, 1.45])
    spoiled = cv2.GaussianBlur(to_srgb(veiled), (0, 0), 1.2)
    yield "veil and redrawn materials", amber, to_srgb(amber) * (1 - inside) + spoiled * inside

    y, x = np.mgrid[: checks.SIDE, : checks.SIDE]
    burnt = plain * (1 + 14 * np.exp(-(((x - 210) / 40) ** 2) - ((y - 170) / 60) ** 2))[..., None]
    yield "over-exposed", burnt.astype(np.float32), to_srgb(burnt.astype(np.float32))

    warp = np.float32([[1.02, 0, 1.5], [0, 1.02, -4]])
    slipped = cv2.warpAffine(to_srgb(amber), warp, (checks.SIDE,) * 2, borderMode=cv2.BORDER_REPLICATE)
    yield "slipped and grown", amber, slipped


COMBINED = {
    "clean": (),
    "surface": ("linen exchanged", "pinstripes moved", "white fringe"),
    "print": ("one word displaced", "print faded by 18 %", "the seal another green"),
    "light": ("highlight over the label", "blacks crushed", "blue almost black", "grown by 2 %"),
    "colour": ("orange dye blotched", "one patch green", "light made flat"),
}
"""Spoilings that do not get in one another's way, measured together to save time."""


def _numbers() -> Score:
    """Each measured number in the unit of its gap between warning and failure, and wrong verdicts."""
    photo, matte = checks.carton()
    clean = to_srgb(to_linear(photo) * checks.light())
    light = shading.read_field(shading.pair_pictures(photo, clean, matte, is_registered=True))
    limits = identity.profile_limits("catalogue")
    figures: Score = {}
    wrong = 0
    for name, spoilings in COMBINED.items():
        result = clean
        for spoiling in spoilings:
            changed = checks.SPOILERS[spoiling](result)
            whole = spoiling in checks.WHOLE
            result = changed if whole else result + (changed - result) * matte[..., None]
        likeness = identity.measure(
            photo, result.astype(np.float32), matte, relit=light, asked_azimuth_deg=90.0, is_registered=True
        ).likeness
        wrong += (likeness.verdict("catalogue").status == "pass") != (name == "clean")
        for number, limit in limits.items():
            value = getattr(likeness, number)
            if value is not None:
                figures[f"{number}, {name}"] = float(value), 0.1 * abs(limit.fail - limit.warn)
    return {**figures, "wrong verdicts": (float(wrong), 1.0)}


def _repair() -> Score:
    """How much of a burnt product is repaired, and how far it then is from the photograph in its light."""
    photo, matte = checks.carton()
    x = np.linspace(0.4, 3.2, checks.SIDE, dtype=np.float32)[None, :, None]
    relit = to_srgb(to_linear(photo) * x)
    field = shading.read_field(shading.pair_pictures(photo, relit, matte, is_registered=True))
    repaired = identity.repair(
        field,
        lambda light: shading.blend(photo, relit, matte, field=light),
        lambda picture: identity.measure(photo, picture, matte, relit=field, is_registered=True),
        profile="catalogue",
    )
    likeness = repaired.measurement.likeness
    return {
        "repaired %": (likeness.repaired_percent, 2.0),
        "light kept by the repaired": (likeness.light_kept or 0.0, 0.03),
        "dE of the repaired": (likeness.delta_e_mean, 0.05),
    }


def _mirror() -> Score:
    """Share of a lacquered product that is seen to mirror a room, and of a painted one."""
    side = 200
    photo = np.full((side, side, 3), 0.5, np.float32)
    photo[40:160, 40:160] = (0.55, 0.15, 0.12)
    photo[100:160, 40:160] = (0.15, 0.25, 0.6)
    matte = np.zeros((side, side), np.float32)
    matte[40:160, 40:160] = 1
    y, x = np.mgrid[:side, :side]
    smooth = to_linear(photo) * (0.4 + 0.6 * x / side)[..., None].astype(np.float32)
    panes = (((x // 15 + y // 20) % 2) * 0.06 * y / side)[..., None].astype(np.float32)
    shown = {"paint": smooth, "lacquer": smooth + panes * matte[..., None]}
    found = {
        name: identity.measure(photo, to_srgb(light), matte, is_registered=True).likeness
        for name, light in shown.items()
    }
    judged = {name: likeness.verdict("editorial").status for name, likeness in found.items()}
    return {
        **{
            f"mirrored %, {name}": (likeness.mirrored_percent or 0.0, 2.0) for name, likeness in found.items()
        },
        "wrong verdicts on mirrors": (float(sum(status == "fail" for status in judged.values())), 1.0),
    }


SHAPES = {"n": (7, 14), "m": (22, 14), "o": (14, 14), "e": (14, 14)}
"""Width and height of four letters that a few lines can read: narrow, wide, ring and square."""


def _label(words: tuple[str, ...], side: int = 320) -> Picture:
    label = np.full((240, side), 0.85, np.float32)
    for line, word in enumerate(words):
        x, y = 30, 40 + 60 * line
        for letter in word:
            width, height = SHAPES[letter]
            label[y : y + height, x : x + width] = 0.1
            if letter == "o":
                label[y + 4 : y + height - 4, x + 4 : x + width - 4] = 0.85
            x += width + 5
    return 100 * label


def _read(picture: Picture) -> list[Word]:
    """Read `SHAPES`; thin and small shapes are read less surely."""
    height, width = picture.shape[:2]
    _, labels, boxes, _ = cv2.connectedComponentsWithStats((picture[..., 0] < 0.5).astype(np.uint8))
    lines: list[list[tuple[int, int, int, int, str]]] = []
    for index, (x, y, w, h, area) in sorted(enumerate(boxes), key=lambda item: item[1][0]):
        if index == 0 or area < 30 or h < 8:
            continue
        shape = labels[y : y + h, x : x + w] == index
        solid = shape[h // 3 : h - h // 3, w // 3 : w - w // 3].mean() > 0.5
        letter = "n" if w < 0.75 * h else "m" if w > 1.25 * h else "e" if solid else "o"
        line = next((line for line in lines if abs(line[0][1] - y) < h / 2), None)
        lines.append([(x, y, w, h, letter)]) if line is None else line.append((x, y, w, h, letter))
    return [
        Word(
            "".join(letter for *_, letter in line),
            min(95.0, 60 + 0.5 * max(h for *_, h, _ in line)),
            line[0][0] / width,
            min(y for _, y, *_ in line) / height,
            max(x + w for x, _, w, _, _ in line) / width,
            max(y + h for _, y, _, h, _ in line) / height,
        )
        for line in lines
    ]


def _print() -> Score:
    """Share of letters that read otherwise: on changed words, on a short word, and in other light."""
    inside = np.ones((240, 320), np.float32)
    before = _label(("nemomen", "ennomo", "mooonne"))
    light = np.linspace(0.25, 1.0, 320, dtype=np.float32)[None]
    pairs = {
        "changed": (before, _label(("nemomen", "ennomo", "momonee"))),
        "short": (_label(("omo",)), _label(("ome",))),
        "other light": (before, before * light),
    }
    return {
        f"letters otherwise %, {name}": (text_errors_percent(*pair, inside, _read) or 0.0, 0.75)
        for name, pair in pairs.items()
    }


_LOOK = ("detail", "hues", "outline", "measure", "verdict", "gloss")
MOVED_BY = {
    "_light": {
        f"prodgen.shading.{name}"
        for name in ("illuminant", "field", "materials", "working_pair", "register", "blend", "veil_model")
    },
    "_turns": {"prodgen.shading.turn", "prodgen.shading.veil_model"},
    "_numbers": {f"prodgen.identity.{name}" for name in _LOOK},
    "_repair": {"prodgen.identity.repair"},
    "_mirror": {"prodgen.identity.gloss", "prodgen.identity.verdict"},
    "_print": {"prodgen.identity.lettering"},
}
"""Modules whose numbers move each part's figures most."""
