"""A photograph of a jar before a bright sweep, drawn: clear or not, with a lid and a label, and its matte."""

from __future__ import annotations

import cv2
import numpy as np

from prodgen.color import to_linear, to_srgb
from prodgen.images import Matte, RgbImage

SIDE = 320
BODY = slice(90, 260), slice(100, 220)
LID = slice(70, 90), slice(110, 210)
LABEL = slice(170, 225), slice(104, 216)
PANE = slice(105, 160), slice(115, 205)
GLEAM = slice(110, 150), slice(125, 131)


def sweep(tint: tuple[float, float, float] = (1, 1, 1)) -> RgbImage:
    """A backdrop that is brighter below: the floor of a sweep, (H, W, 3), sRGB."""
    rows = np.interp(np.arange(SIDE), [0, 120, 280, SIDE], [0.66, 0.68, 0.84, 0.86])
    return np.broadcast_to((rows[:, None, None] * np.float32(tint)), (SIDE, SIDE, 3)).astype(np.float32)


def matte_of_jar() -> Matte:
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[BODY] = matte[LID] = 1
    return matte


RED, STEEL, WHITE = (0.5, 0.02, 0.02), (0.35, 0.35, 0.35), (0.42, 0.42, 0.42)
"""Colours of lids, linear."""


def jar(
    backdrop: RgbImage,
    *,
    label: str | None = None,
    is_clear: bool = True,
    lid: tuple[float, float, float] = RED,
    tint: tuple[float, float, float] = (1, 1, 1),
) -> RgbImage:
    """A jar with a lid, (H, W, 3), sRGB: its walls dark, a gleam on it, a label if asked."""
    light = to_linear(backdrop).copy()
    body = light[BODY]
    if is_clear:
        body *= np.float32(tint) * 0.9
        body[:, :4] *= 0.3
        body[:, -4:] *= 0.3
        body[-6:] *= 0.4
        light[GLEAM] = 1.0
    else:
        body[:] = np.float32([0.1, 0.2, 0.5])
    light[LID] = lid
    picture = np.asarray(to_srgb(light), np.float32)
    if label is not None:
        picture[LABEL] = backdrop[LABEL]
        ink = np.zeros((SIDE, SIDE), np.uint8)
        cv2.putText(ink, label, (116, 208), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
        picture = np.where(ink[..., None] > 127, np.float32([0.05, 0.05, 0.2]), picture)
    return picture
