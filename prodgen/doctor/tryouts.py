"""Tries what a server only lists: with a tiny picture each, held against the one that comes without it.

Bounded in number and time. Before each the server is asked whether it still works for nobody else, and what a
picture overrides is put back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from prodgen.client import Client
from prodgen.doctor.facts import Attempt
from prodgen.doctor.listed_things import ListedKind
from prodgen.errors import BackendError, ModelFileError, ProdgenError, UnsupportedFeatureError
from prodgen.images import RgbImage, as_floats
from prodgen.schema import ControlNetUnit, Lora, Upscale

Draw = Callable[..., tuple[RgbImage, str | None]]
"""Draws the tiny picture with more fields; returns it, and the VAE that the server says it used."""

FACTOR = 2.0
"""Factor by which a tiny picture is enlarged."""

BEYOND_NOISE = 2.0
"""A picture is changed if it differs by more than so many times what two pictures of one request differ by.

Chosen: a GPU's sums depend on their order, so that one request gives two pictures; on a CPU they are equal,
and every change counts. One such difference is known, and another can be a little larger.
"""


@dataclass(frozen=True)
class TriedThings:
    """What came of trying."""

    attempts: tuple[Attempt, ...] = ()
    cut_short: str = ""
    """Why not all was tried that was to be; "" if all was."""


class Tryouts:
    """Tries things on one server, each in the same way: with, without, compared.

    Args:
        client: Of a server that answers and works for nobody.
        draw: Draws the tiny picture of the examination.
        plain: That picture without anything, (H, W, 3), sRGB, [0, 1].
    """

    def __init__(self, client: Client, draw: Draw, plain: RgbImage) -> None:
        self._client = client
        self._draw = draw
        self._plain = plain
        self._noise: float | None = None
        self._ways: Mapping[ListedKind, Callable[[str], bool]] = {
            "upscaler": self._enlarged,
            "LoRA": lambda name: self._is_plain(draw(loras=(Lora(name=name),))[0]),
            "ControlNet model": lambda name: self._is_plain(draw(controlnet=(_unit(name),))[0]),
            "VAE": self._vae_changes_nothing,
        }

    def run(self, things: Iterable[tuple[ListedKind, str]], *, within_s: float) -> TriedThings:
        """Try these things, one after the other, until the time is up or another caller's work comes."""
        ends = time.monotonic() + within_s
        attempts: list[Attempt] = []
        for kind, name in things:
            if time.monotonic() > ends:
                return TriedThings(tuple(attempts), f"the {within_s:.0f} s for it were over")
            if self._is_busy():
                return TriedThings(tuple(attempts), "another caller's work came")
            try:
                attempts.append(Attempt(kind, name, changes_nothing=self._ways[kind](name)))
            except UnsupportedFeatureError:
                continue  # this kind of server has another way, or none
            except ModelFileError:
                continue  # of another family than the checkpoint; an engine lists no damaged ones
            except ProdgenError as error:
                attempts.append(Attempt(kind, name, error=error))
        return TriedThings(tuple(attempts))

    def _is_busy(self) -> bool:
        try:
            return not self._client.is_idle()
        except BackendError:
            return False  # this kind of server does not say

    def _is_plain(self, picture: RgbImage) -> bool:
        if picture.shape != self._plain.shape:
            return False
        if self._noise is None:
            self._noise = float(np.abs(self._draw()[0] - self._plain).mean())
        return float(np.abs(picture - self._plain).mean()) <= BEYOND_NOISE * self._noise

    def _vae_changes_nothing(self, name: str) -> bool:
        picture, used = self._draw(vae=name)
        # The VAE in use is the same file, where the server says that it used this one.
        return used is None and self._is_plain(picture)

    def _enlarged(self, name: str) -> bool:
        """Return False if an upscaler does more than resize; the client raises NotAppliedError otherwise."""
        self._client.upscale(Upscale(image=_pattern(), upscaler_1=name, upscaling_resize=FACTOR))
        return False


def _pattern(side_px: int = 64) -> RgbImage:
    """Return a picture with edges, a gradient and texture, so that every way to enlarge it differs."""
    y, x = np.mgrid[:side_px, :side_px].astype(np.float32) / side_px
    disc = (np.hypot(x - 0.5, y - 0.5) < 0.3).astype(np.float32)
    squares = ((x * 16).astype(int) + (y * 16).astype(int)) % 2 * 0.25
    return as_floats(np.stack([0.3 + 0.5 * disc, 0.2 + 0.6 * x, 0.3 + squares], axis=-1))


def _unit(model: str) -> ControlNetUnit:
    """Return a unit of ControlNet with the outline of a square, which needs no preprocessor."""
    outline = np.zeros((64, 64, 3), np.uint8)
    cv2.rectangle(outline, (14, 14), (50, 50), (255, 255, 255), 2)
    return ControlNetUnit(model=model, module="none", image=as_floats(outline))


def overridden_by(
    things: Iterable[tuple[ListedKind, str]], client: Client, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options that trying these things overrides for a call, with their present values."""
    keys = {key for kind, name in things if kind == "VAE" for key in client.dialect.vae(name)}
    return {key: options[key] for key in keys if key in options}
