"""Which measured number catches which spoiling: the table of docs/identity-checks.md.

    python benchmarks/identity/checks.py [--output docs/identity-checks.md]

A carton is drawn, put into smooth light (that is the clean result), spoiled in one way after the
other, and measured. For each number the table shows which spoilings push it over its `catalogue`
failure limit, and where it is the only one that does. Needs nothing but prodgen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import identity
from prodgen.color import from_lab, to_lab, to_linear, to_srgb
from prodgen.cutout import left_out
from prodgen.masks import composite

Picture = NDArray[np.float32]
SIDE = 320
LEFT, TOP, RIGHT, BOTTOM = 56, 48, 264, 280
"""Edges of the drawn carton, in pixels."""
LINEN = 208
"""Row from which the carton is linen."""
STRIPES = (54, 63, 72, 81, 90)
"""Rows of the pinstripes."""
FOOT = 255
"""Row from which the carton is cut off."""
PROFILE = "catalogue"


def carton() -> tuple[Picture, Picture]:
    """A carton on a dark ground, and its matte.

    From the top: blue with pinstripes, white with black strokes for print and a green seal, orange linen.
    """
    picture = np.full((SIDE, SIDE, 3), 0.82, np.float32)
    picture[:100] = (0.18, 0.32, 0.68)
    for y in STRIPES:
        picture[y] = (0.42, 0.56, 0.90)
    for line in range(4):
        y = 116 + 22 * line
        for column in range(9 - line):
            x = 72 + 20 * column
            picture[y : y + 12, x : x + 6] = 0.1
            picture[y : y + 4, x : x + 12] = 0.1
    picture[166:202, 206:246] = (0.25, 0.62, 0.30)
    picture[LINEN:] = lightened(np.full_like(picture, (0.75, 0.40, 0.18)), linen(0))[LINEN:]
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[TOP:BOTTOM, LEFT:RIGHT] = 1
    matte = cv2.GaussianBlur(matte, (0, 0), 0.7)
    matte[matte > 0.98], matte[matte < 0.02] = 1, 0
    return composite(picture, np.full_like(picture, 0.24), matte), matte


def light() -> Picture:
    """Smooth light from the right, 0.35 to 0.95."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    return (0.35 + 0.6 * x * (1 - 0.4 * y)).astype(np.float32)[..., None]


def recolored(picture: Picture, degrees: float, chroma: float = 1.0) -> Picture:
    """The hue turned in CIE L*a*b* and the chroma scaled."""
    lab = to_lab(picture)
    color = (lab[..., 1] + 1j * lab[..., 2]) * chroma * np.exp(1j * np.radians(degrees))
    lab[..., 1], lab[..., 2] = color.real, color.imag
    return from_lab(lab)


def lightened(picture: Picture, steps: Picture) -> Picture:
    """`steps`, (h, w), added to L*."""
    lab = to_lab(picture)
    lab[..., 0] += steps
    return from_lab(lab)


def part(picture: Picture, changed: Picture, box: tuple[int, int, int, int]) -> Picture:
    """`changed` within (left, top, right, bottom) of `picture`."""
    left, top, right, bottom = box
    result = picture.copy()
    result[top:bottom, left:right] = changed[top:bottom, left:right]
    return result


def ramp(picture: Picture) -> Picture:
    """The photograph's own light taken the other way round."""
    return to_srgb(to_linear(picture) / light() * light()[:, ::-1])


def text_replaced(picture: Picture) -> Picture:
    """The lower lines of print mirrored: as much ink, other letters."""
    result = picture.copy()
    result[135:200, 70:200] = result[135:200, 70:200][:, ::-1]
    return result


def grain(sigma_px: float, steps: float) -> Picture:
    """Noise of unit size `sigma_px`, `steps` of L* in deviation."""
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(SIDE, SIDE)), (0, 0), sigma_px)
    return (noise / noise.std() * steps).astype(np.float32)


def grown(picture: Picture, percent: float) -> Picture:
    """The carton larger by that much of its area; its print stays where it was."""
    extra = (np.sqrt(1 + percent / 100) - 1) / 2
    wide, tall = (RIGHT - LEFT) * extra, (BOTTOM - TOP) * extra
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    x = np.where(
        x < LEFT + 8,
        np.minimum(x + wide, LEFT + 8),
        np.where(x > RIGHT - 9, np.maximum(x - wide, RIGHT - 9), x),
    )
    y = np.where(
        y < TOP + 8,
        np.minimum(y + tall, TOP + 8),
        np.where(y > BOTTOM - 9, np.maximum(y - tall, BOTTOM - 9), y),
    )
    return cv2.remap(picture, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)


def fringe(picture: Picture) -> Picture:
    """A white rim of one pixel just outside the matte."""
    solid = (carton()[1] > 0).astype(np.uint8)
    rim = cv2.dilate(solid, np.ones((3, 3), np.uint8)) - solid
    return np.where(rim[..., None] > 0, np.float32(0.97), picture).astype(np.float32)


def faded(picture: Picture, share: float) -> Picture:
    """The black strokes drawn towards their ground."""
    strokes = cv2.GaussianBlur((picture.max(axis=-1) < 0.16).astype(np.float32), (0, 0), 0.6)
    ground = cv2.dilate(picture, np.ones((15, 15), np.uint8))
    return picture + (ground - picture) * share * strokes[..., None]


def linen(seed: int) -> Picture:
    """A coarse weave, steps of L*: threads along and across, each a little different."""
    dice = np.random.default_rng(seed)
    along, across = (
        cv2.GaussianBlur(dice.normal(size=(SIDE, SIDE)), (0, 0), sigmaX=x, sigmaY=y)
        for x, y in ((4, 0.9), (0.9, 4))
    )
    weave = along / along.std() + across / across.std()
    return (1.4 * weave).astype(np.float32)


def blotched(picture: Picture, steps: float, share: float) -> Picture:
    """Reddish and greenish blotches of a few pixels on that share of it; lightness as it was."""
    noise = grain(2.0, 1.0)
    lab = to_lab(picture)
    lab[..., 1] += np.where(np.abs(noise) > np.quantile(np.abs(noise), 1 - share), steps * np.sign(noise), 0)
    return from_lab(lab)


def seal_turned(picture: Picture, degrees: float) -> Picture:
    """The hue of the green seal turned, and of nothing else."""
    green = picture[..., 1:2] > np.maximum(picture[..., :1], picture[..., 2:]) + 0.05
    return np.where(green, recolored(picture, degrees), picture).astype(np.float32)


def darkened(picture: Picture, stops: float) -> Picture:
    """What is blue, that much darker."""
    blue = picture[..., 2:] > picture[..., :1] + 0.03
    return np.where(blue, to_srgb(to_linear(picture) * np.float32(2**-stops)), picture).astype(np.float32)


def browned(picture: Picture) -> Picture:
    """The black strokes a dark, warm brown."""
    lab = to_lab(picture)
    lab[picture.max(axis=-1) < 0.13] += np.float32((3.5, 5, 5))
    return from_lab(lab)


def stripes_moved(picture: Picture) -> Picture:
    """The pinstripes drawn where the model thought they might be: as many, three pixels lower."""
    result = picture.copy()
    rows = slice(STRIPES[0] - 3, STRIPES[-1] + 8)
    result[rows] = np.roll(picture, 3, axis=0)[rows]
    return result


def linen_exchanged(picture: Picture) -> Picture:
    """Another weave of the same look in the linen's place."""
    other = lightened(picture, linen(1) - linen(0))
    return part(picture, other, (LEFT, LINEN, RIGHT, BOTTOM))


def cut_off(picture: Picture) -> Picture:
    """The lower linen gone, as if the cut-out had lost it."""
    result = picture.copy()
    result[FOOT:] = to_srgb(to_linear(np.full_like(picture, 0.24)) * light())[FOOT:]
    return result


Spoiler = Callable[[Picture], Picture]

SPOILERS: dict[str, Spoiler] = {
    "hue turned by 40 degrees": lambda p: recolored(p, 40),
    "half the saturation": lambda p: recolored(p, 0, 0.5),
    "blurred by 2.5 px": lambda p: cv2.GaussianBlur(p, (0, 0), 2.5),
    "ghost at 9 px": lambda p: (0.6 * p + 0.4 * np.roll(p, 9, axis=1)).astype(np.float32),
    "shifted by 3 px": lambda p: np.roll(p, 3, axis=1),
    "grown by 2 %": lambda p: grown(p, 2.0),
    "text replaced": text_replaced,
    "hue turned by 5 degrees": lambda p: recolored(p, 5),
    "one patch green": lambda p: part(p, recolored(p, 70), (70, 230, 110, 262)),
    "one word displaced": lambda p: part(p, np.roll(p, 10, axis=1), (72, 182, 130, 196)),
    "print faded by 18 %": lambda p: faded(p, 0.18),
    "faint colour blotches": lambda p: blotched(p, 5.0, 0.45),
    "black ink turned brown": browned,
    "orange dye blotched": lambda p: part(p, blotched(p, 10.0, 0.6), (LEFT, LINEN, RIGHT, BOTTOM)),
    "the seal another green": lambda p: seal_turned(p, -25),
    "blue darker by a stop and a half": lambda p: darkened(p, 1.5),
    "blue almost black": lambda p: darkened(p, 2.5),
    "linen exchanged": linen_exchanged,
    "linen smoothed to plastic": lambda p: part(
        p, cv2.bilateralFilter(p, 0, 0.1, 4), (LEFT, LINEN, RIGHT, BOTTOM)
    ),
    "pinstripes moved": stripes_moved,
    "fine grain": lambda p: lightened(p, grain(0.7, 3.0)),
    "highlight over the label": lambda p: part(
        p, lightened(p, np.full((SIDE, SIDE), 40, np.float32)), (190, 110, 262, 162)
    ),
    "blacks crushed": lambda p: np.where(p.max(axis=-1, keepdims=True) < 0.13, 0, p).astype(np.float32),
    "light made flat": lambda p: to_srgb(to_linear(p) / light() * np.float32(0.6)),
    "lit from the other side": ramp,
    "white fringe": fringe,
    "a part lost with its matte": cut_off,
}
"""Applied to the product alone, but for those of `WHOLE`."""

WHOLE = ("grown by 2 %", "white fringe", "a part lost with its matte")
"""Spoilers that reach over the matte's edge."""

CUT_OFF = ("a part lost with its matte",)
"""Measured with a matte that has lost the part as well."""

WITHOUT_RELIT = ("lit from the other side", "blue darker by a stop and a half", "blue almost black")
"""Measured as a picture from elsewhere is: nobody knows what the relit one was."""


def measured(name: str | None) -> identity.Likeness:
    """Measure the clean result (None), or the one spoiled in this way."""
    photo, matte = carton()
    clean = to_srgb(to_linear(photo) * light())
    result = clean
    if name is not None:
        changed = SPOILERS[name](clean)
        result = changed if name in WHOLE else clean + (changed - clean) * matte[..., None]
    relit = None if name in WITHOUT_RELIT else clean
    if name in CUT_OFF:
        matte[FOOT:] = 0
    found = identity.measure(
        photo,
        result.astype(np.float32),
        matte,
        relit=relit,
        asked_azimuth_deg=90.0,
        left_out=left_out(photo, matte),
    )
    return found.likeness


def failing(found: identity.Likeness) -> set[str]:
    """Names of the numbers over their failure limit."""
    return {limit.number for limit in found.verdict(PROFILE).failures}


def table() -> str:
    """The page, as Markdown."""
    clean = measured(None)
    found = {name: measured(name) for name in SPOILERS}
    failed = {name: failing(numbers) for name, numbers in found.items()}
    lines = [
        "# What each measured number catches",
        "",
        "Made by `python benchmarks/identity/checks.py`: a drawn carton in smooth light, spoiled in",
        f"{len(SPOILERS)} ways, against the failure limits of the `{PROFILE}` profile. The clean result is",
        f"`{clean.verdict(PROFILE).status}`.",
        "",
        "| spoiling | catalogue | editorial | numbers beyond the failure limit |",
        "|---|---|---|---|",
    ]
    for name, numbers in found.items():
        verdicts = " | ".join(numbers.verdict(profile).status for profile in (PROFILE, "editorial"))
        told = ", ".join(f"`{n}` {getattr(numbers, n):.2f}" for n in sorted(failed[name]))
        lines.append(f"| {name} | {verdicts} | {told or 'none'} |")
    lines += ["", "| number | clean | caught | caught by it alone |", "|---|---|---|---|"]
    for number in identity.profile_limits(PROFILE):
        caught = [name for name in SPOILERS if number in failed[name]]
        alone = [name for name in caught if failed[name] == {number}]
        value = getattr(clean, number)
        shown = "not measured" if value is None else f"{round(value, 2) + 0.0:.2f}"
        lines.append(f"| `{number}` | {shown} | {len(caught)} | {', '.join(alone) or 'none here'} |")
    lines += [
        "",
        "What reads print (`text_errors_percent`) is not asked here: the strokes are no words. A label on",
        "which 340 g became 840 g is caught by it alone (`tests/test_identity_lettering.py`).",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("docs/identity-checks.md"))
    output = parser.parse_args().output
    output.write_text(table(), "utf-8")


if __name__ == "__main__":
    main()
