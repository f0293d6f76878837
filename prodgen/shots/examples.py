"""A delivered picture that others are to be like: what it tells, or shows, of how they can be made.

A picture of prodgen's own tells how it was made. Of any other one, light, place, size and exposure are
estimated.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from prodgen import cutout, files, provenance
from prodgen.errors import ImageError, ProdgenError, SegmentationError, SettingError
from prodgen.files import PictureSource
from prodgen.images import RgbImage
from prodgen.light import Light, estimate_light
from prodgen.masks import bounding_box
from prodgen.placement import read_spot
from prodgen.placement.canvas_sizes import LEAST_SIDE, MOST_RATIO, MOST_SIDE
from prodgen.placement.spots import OnGround
from prodgen.shots.exposure import scene_lightness
from prodgen.shots.frame import Stage
from prodgen.shots.layers import Drawn
from prodgen.shots.recipe import Recipe, Setting, builtin_recipes

KEPT_EXAMPLES = 1024
"""Examples that are remembered, so that a catalogue reads each once. Chosen: one takes about 10 kB."""

BOX_PX = 2
"""Pixels by which a product's box is larger than its outline. By definition less than one at each side."""

KIND = "shot"
"""What tells the stories of product shots from those of other pictures."""


@dataclass(frozen=True)
class Example:
    """What a picture shows of how another one can be made like it."""

    name: str
    size: tuple[int, int]
    """Width and height in pixels."""
    box: tuple[float, float, float, float] | None
    """The product's left, top, right and bottom in pixels; None if none was found."""
    lightness: float | None
    """Median L* of the scene around the product; None where nothing drew one, or there is none."""
    light: Light | None
    """The light that is estimated from the picture, where the story does not tell it."""
    asked: Mapping[str, Any]
    """The shot as it was asked, by its story; empty without one."""
    seed: int | None = None
    """The seed that it was drawn of."""
    recipe: Recipe | None = None
    """The recipe that it was made by, with its settings, as open as it was asked; None without a story."""

    @property
    def scene(self) -> str:
        """The words for its scene: those of its recipe; where that has none, the shot's own."""
        return (self.recipe.prompt if self.recipe else "") or str(self.asked.get("prompt") or "")

    @property
    def fill(self) -> float | None:
        """Share of the canvas that the product's longer side takes."""
        if self.box is None:
            return None
        (left, top, right, bottom), (width, height) = self.box, self.size
        return float(np.clip(max((right - left) / width, (bottom - top) / height), 0.05, 1))

    @property
    def _canvas(self) -> str:
        """Its size in pixels, or where no canvas may be as large or small, the nearest ratio."""
        width, height = self.size
        if all(LEAST_SIDE <= side <= MOST_SIDE for side in self.size):
            return f"{width}x{height}"
        return f"{float(np.clip(width / height, 1 / MOST_RATIO, MOST_RATIO)):.4g}:1"

    def _fills_as(self, asked: Setting) -> bool:
        """Whether a fill that was asked for is this one, up to the pixels of a box."""
        return isinstance(asked, float) and abs(asked - (self.fill or 0)) * min(self.size) < BOX_PX

    def settings(
        self, recipe: Recipe, given: Mapping[str, Setting], *, holds_scene: bool
    ) -> dict[str, Setting]:
        """Return the recipe's settings that make a picture of this size, fill, line and exposure.

        Args:
            recipe: The one to be followed; what it has no stage for is left out.
            given: What the user asks for; it is not decided here.
            holds_scene: Whether the scene is the example's too, without which its exposure says nothing.
        """
        word = str(given.get("place") or setting_of(recipe, "place") or "auto")
        spot = read_spot(word)
        found: dict[str, Setting] = {"exposure": self.lightness if holds_scene else None}
        if spot is not None:
            found |= self._measures(recipe, given)
        if "ground_line" in found and not (isinstance(spot, OnGround) and "place" not in given):
            del found["ground_line"]
        return {
            name: value
            for name, value in found.items()
            if value is not None and name not in given and name in recipe.settings
        }

    def _measures(self, recipe: Recipe, given: Mapping[str, Setting]) -> dict[str, Setting]:
        """Return the canvas, and the product's share of it and line on it."""
        if self.recipe is not None and setting_of(self.recipe, "canvas") == "grow":
            # What was delivered has grown from the canvas that was asked for, and would grow again.
            return {name: setting_of(self.recipe, name) for name in ("size", "fill", "ground_line")}
        found: dict[str, Setting] = {}
        if not (given.get("upscale") or setting_of(recipe, "upscale")):
            found["size"] = self._canvas
        if not given.get("padding") and not self._fills_as(setting_of(recipe, "fill")):
            found["fill"] = None if self.fill is None else round(self.fill, 4)
        if self.box is not None and self.box[3] <= self.size[1] - 1:  # else it was cut off there
            found["ground_line"] = round(self.box[3] / self.size[1], 4)
        return found


def read_example(source: PictureSource) -> Example:
    """Return what a picture shows of how another one can be made like it.

    Raises:
        ImageError: If it cannot be read, or its story is damaged.
        SettingError: If its story is of another version.
    """
    if not isinstance(source, str | os.PathLike):
        return _estimated("picture in memory", source)
    path = Path(source)
    try:
        stamp = path.stat()
    except OSError as error:
        raise ImageError(f"{str(path)!r} cannot be read: {files.reason_of(error)}") from error
    return _read(path, stamp.st_mtime_ns, stamp.st_size)


def example_seed(place: str) -> int | None:
    """Return the seed that the picture at a place was drawn of; None if it tells none, or is not here."""
    try:
        return None if "://" in place else read_example(place).seed
    except ProdgenError:  # what is wrong with the picture is told where a shot is made like it
        return None


@lru_cache(maxsize=KEPT_EXAMPLES)
def _read(path: Path, _changed_ns: int, _bytes: int) -> Example:
    chunks = files.read_text(path)
    if not provenance.has_story(chunks):
        return _estimated(path.name, path)
    try:
        story = provenance.read_story(chunks)
        return _told(path, story) if story.get("kind") == KIND else _estimated(path.name, path)
    except (KeyError, TypeError, ValueError, SettingError, ImageError) as error:
        raise SettingError(
            f"the story in {str(path)!r} is damaged or of another version, so no picture can be made like it;"
            " give a copy that is whole, or another picture"
        ) from error


def _told(path: Path, story: Mapping[str, Any]) -> Example:
    width, height = map(int, story["size"])
    left, top, right, bottom = map(float, story["product_box"])
    if min(width, height) < 1 or left >= right or top >= bottom:
        raise ValueError
    lightness = story["scene"]["lightness"]
    asked = dict(story["asked"])
    was_open = bool(story.get("route"))
    box = (left, top, right, bottom)
    has_lit_picture = any(asked.get(name) for name in ("light_map", "light_from"))
    recipe = Recipe.model_validate(asked["recipe"])
    return Example(
        name=path.name,
        size=(width, height),
        box=box,
        lightness=None if lightness is None else float(lightness),
        light=_light(files.load(path).rgb, box) if has_lit_picture and not asked.get("lights") else None,
        asked=asked,
        seed=int(story["sent"]["seed"]),
        recipe=_opened(recipe, story["route"]["taken"]) if was_open else recipe,
    )


def _opened(recipe: Recipe, taken: str) -> Recipe:
    """Return the recipe of a picture with the way as open as it was before the route `taken` was taken.

    What that route brought goes: its stage, of which unusual values stay, its name and its negative prompt.

    Raises:
        ValueError: If there is no such route, or the recipe draws nothing.
    """
    if taken not in builtin_recipes():
        raise ValueError(taken)
    auto, way = Recipe.load("auto"), Recipe.load(taken)
    drew, usual = _drawing(recipe), _drawing(auto)
    changed = {
        name: getattr(drew, name)
        for name, field in type(drew).model_fields.items()
        if name != "stage" and name in type(usual).model_fields and getattr(drew, name) != field.default
    }
    drawing = drew if type(drew) is type(usual) else type(usual).model_validate({**dict(usual), **changed})
    named = auto if recipe.name == way.name else recipe
    is_of_route = recipe.negative_prompt == way.negative_prompt
    return recipe.model_copy(
        update={
            "name": named.name,
            "description": named.description,
            "is_open": True,
            "negative_prompt": auto.negative_prompt if is_of_route else recipe.negative_prompt,
            "stages": tuple(drawing if stage is drew else stage for stage in recipe.stages),
        }
    )


def _drawing(recipe: Recipe) -> Stage:
    """Return the stage that gives a recipe its scene.

    Raises:
        ValueError: If it has none.
    """
    for stage in recipe.stages:
        if Drawn in stage.gives:
            return stage
    raise ValueError(recipe.name)


def _estimated(name: str, source: PictureSource) -> Example:
    picture = files.load(source).rgb
    height, width = picture.shape[:2]
    try:
        matte = cutout.cut_out(picture).matte
        box = bounding_box(matte)
    except (SegmentationError, ImageError):
        return Example(name, (width, height), None, None, estimate_light(picture), {})
    light = estimate_light(picture, matte, holds_product=True)
    edges = (float(box.left), float(box.top), float(box.right), float(box.bottom))
    return Example(name, (width, height), edges, scene_lightness(picture, matte), light, {})


def _light(picture: RgbImage, box: tuple[float, float, float, float]) -> Light:
    """Return the light that is estimated around a product of which only the box is known."""
    matte = np.zeros(picture.shape[:2], np.float32)
    left, top, right, bottom = map(round, box)
    matte[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 1
    return estimate_light(picture, matte, holds_product=True)


def setting_of(recipe: Recipe, name: str) -> Setting:
    """Return the value of a parameter in the first stage that has it; None if none has."""
    return next((getattr(stage, name) for stage in recipe.stages if name in type(stage).model_fields), None)
