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

Picture = NDArray[np.float32]
SIDE = 320
LEFT, TOP, RIGHT, BOTTOM = 56, 48, 264, 280
"""Of the carton."""
PROFILE = "catalogue"


def carton() -> tuple[Picture, Picture]:
    """A carton with orange, blue and white parts and black strokes, on light grey; and its matte."""
    picture = np.full((SIDE, SIDE, 3), 0.8, np.float32)
    picture[TOP:BOTTOM, LEFT:RIGHT] = 0.82
    picture[208:BOTTOM, LEFT:RIGHT] = (0.75, 0.40, 0.18)
    picture[TOP:100, LEFT:RIGHT] = (0.18, 0.32, 0.68)
    for line in range(4):
        y = 116 + 22 * line
        for column in range(9 - line):
            x = 72 + 20 * column
            picture[y : y + 12, x : x + 6] = 0.1
            picture[y : y + 4, x : x + 12] = 0.1
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[TOP:BOTTOM, LEFT:RIGHT] = 1
    matte = cv2.GaussianBlur(matte, (0, 0), 0.7)
    matte[matte > 0.98], matte[matte < 0.02] = 1, 0
    return picture, matte


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
    """A white rim of two pixels just outside the matte."""
    solid = (carton()[1] > 0).astype(np.uint8)
    rim = cv2.dilate(solid, np.ones((5, 5), np.uint8)) - solid
    return np.where(rim[..., None] > 0, np.float32(0.97), picture).astype(np.float32)


def faded(picture: Picture, share: float) -> Picture:
    """The black strokes drawn towards their ground."""
    strokes = cv2.GaussianBlur((picture.max(axis=-1) < 0.16).astype(np.float32), (0, 0), 0.6)
    ground = cv2.dilate(picture, np.ones((15, 15), np.uint8))
    return picture + (ground - picture) * share * strokes[..., None]


Spoiler = Callable[[Picture], Picture]

SPOILERS: dict[str, Spoiler] = {
    "hue turned by 40 degrees": lambda p: recolored(p, 40),
    "half the saturation": lambda p: recolored(p, 0, 0.5),
    "blurred by 2.5 px": lambda p: cv2.GaussianBlur(p, (0, 0), 2.5),
    "ghost at 9 px": lambda p: (0.6 * p + 0.4 * np.roll(p, 9, axis=1)).astype(np.float32),
    "shifted by 3 px": lambda p: np.roll(p, 3, axis=1),
    "grown by 2 %": lambda p: grown(p, 2.0),
    "text replaced": text_replaced,
    "hue turned by 8 degrees": lambda p: recolored(p, 8),
    "one patch green": lambda p: part(p, recolored(p, 70), (70, 230, 110, 262)),
    "one word displaced": lambda p: part(p, np.roll(p, 10, axis=1), (72, 182, 130, 196)),
    "print faded by a fifth": lambda p: faded(p, 0.2),
    "fine grain": lambda p: lightened(p, grain(0.7, 3.5)),
    "highlight over the label": lambda p: part(
        p, lightened(p, np.full((SIDE, SIDE), 40, np.float32)), (190, 110, 262, 200)
    ),
    "blacks crushed": lambda p: np.where(p.max(axis=-1, keepdims=True) < 0.13, 0, p).astype(np.float32),
    "light made flat": lambda p: to_srgb(to_linear(p) / light() * np.float32(0.6)),
    "lit from the other side": ramp,
    "white fringe": fringe,
}
"""Applied to the product alone, but for those of `WHOLE`."""

WHOLE = ("grown by 2 %", "white fringe")
"""Spoilers that reach over the matte's edge."""

WITHOUT_RELIT = ("lit from the other side",)
"""Measured as a picture from elsewhere is: nobody knows what the relit one was."""


def measured(name: str | None) -> identity.Identity:
    """Measure the clean result (None), or the one spoiled in this way."""
    photo, matte = carton()
    scene = np.where(matte[..., None] > 0, photo, np.float32(0.3) * photo).astype(np.float32)
    clean = to_srgb(to_linear(scene) * light())
    result = clean
    if name is not None:
        changed = SPOILERS[name](clean)
        result = changed if name in WHOLE else clean + (changed - clean) * matte[..., None]
    relit = None if name in WITHOUT_RELIT else clean
    return identity.measure(scene, result.astype(np.float32), matte, relit=relit, asked_azimuth_deg=90.0)


def failing(found: identity.Identity) -> set[str]:
    """Names of the numbers over their failure limit."""
    limits = identity.profile_limits(PROFILE)
    values = {name: getattr(found, name) for name in limits}
    values["outline_growth_percent"] = abs(values["outline_growth_percent"] or 0.0)
    return {n for n, limit in limits.items() if values[n] is not None and limit.judge(values[n]) == "fail"}


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
        shown = "" if value is None else f"{value:.2f}"
        lines.append(f"| `{number}` | {shown} | {len(caught)} | {', '.join(alone) or 'none here'} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("docs/identity-checks.md"))
    output = parser.parse_args().output
    output.write_text(table(), "utf-8")


if __name__ == "__main__":
    main()
