"""A delivered picture that another one is to be like: what of it becomes settings of an ordinary shot.

A picture of prodgen's own tells how it was made. Of any other one, light, place, size and exposure are
estimated. Nothing of the example is needed afterwards: the shot holds what was taken, and is replayed alone.
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
from prodgen.light import Light, estimate_light, words
from prodgen.masks import bounding_box
from prodgen.placement import read_spot
from prodgen.placement.spots import OnGround
from prodgen.refusals import CheckedValue
from prodgen.shots.exposure import scene_lightness
from prodgen.shots.recipe import Recipe, Setting

KEPT_EXAMPLES, KEPT_SEEDS = 64, 4096
"""Examples and their seeds that are remembered, so that a catalogue reads each once.

Chosen: an example is a kilobyte, a seed a hundred bytes."""

BOX_PX = 2
"""Pixels by which a product's box is larger than its outline. By definition less than one at each side."""

KIND = "shot"
"""What tells the stories of product shots from those of other pictures."""


class Like(CheckedValue):
    """Which picture a shot was to be like, and what was taken over from it."""

    picture: str
    """The file's name."""

    has_story: bool
    """Whether the picture tells how it was made; else what was taken is estimated."""

    taken: tuple[str, ...] = ()
    """What was taken, by the names of a shot's fields and of a recipe's parameters."""

    light: str = ""
    """Words for its key light, where that was estimated from its pixels."""

    def __str__(self) -> str:
        """Say what was taken, and how it was known."""
        named = {"lights": f"light ({self.light})" if self.light else "light"}
        what = ", ".join(named.get(name, name.replace("_", " ")) for name in self.taken) or "nothing"
        how = "as its story tells" if self.has_story else "estimated, for it carries no story"
        return f"like {self.picture}: {what}, {how}"


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
    light: Light
    """The light that is estimated from the picture."""
    asked: Mapping[str, Any]
    """The shot as it was asked, by its story; empty without one."""
    seed: int | None = None
    """The seed that it was drawn of."""

    @property
    def recipe(self) -> Recipe | None:
        """The recipe that it was made by, with its settings; None if it carries no story."""
        return Recipe.model_validate(self.asked["recipe"]) if self.asked else None

    @property
    def fill(self) -> float | None:
        """Share of the canvas that the product's longer side takes."""
        if self.box is None:
            return None
        (left, top, right, bottom), (width, height) = self.box, self.size
        return float(np.clip(max((right - left) / width, (bottom - top) / height), 0.05, 1))

    @property
    def recipe_lights(self) -> tuple[Light, ...]:
        """The lights that its recipe brought."""
        return () if self.recipe is None else self.recipe.light

    def _fills_as(self, asked: Setting) -> bool:
        """Whether a fill that was asked for is this one, up to the pixels of a box."""
        return isinstance(asked, float) and abs(asked - (self.fill or 0)) * min(self.size) < BOX_PX

    def settings(self, recipe: Recipe, given: Mapping[str, Setting]) -> dict[str, Setting]:
        """Return the recipe's settings that make a picture of this size, fill, line and exposure.

        Args:
            recipe: The one to be followed; what it has no stage for is left out.
            given: What the user asks for; it is not decided here.
        """
        word = str(given.get("place") or _setting(recipe, "place") or "auto")
        found: dict[str, Setting] = {"exposure": self.lightness}
        if not (given.get("upscale") or _setting(recipe, "upscale")):
            found["size"] = f"{self.size[0]}x{self.size[1]}"
        if not given.get("padding") and not self._fills_as(_setting(recipe, "fill")):
            found["fill"] = None if self.fill is None else round(self.fill, 4)
        if self.box is not None and isinstance(read_spot(word), OnGround) and "place" not in given:
            found["ground_line"] = round(min(self.box[3] / self.size[1], 1.0), 4)
        return {
            name: value
            for name, value in found.items()
            if value is not None and name not in given and name in recipe.settings
        }


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


@lru_cache(maxsize=KEPT_SEEDS)
def told_seed(path: str) -> int | None:
    """Return the seed that a file's picture was drawn of; None if it does not tell, or is not here."""
    try:
        seed = provenance.read_story(files.read_text(path))["sent"]["seed"]
    except (ProdgenError, KeyError, TypeError):
        return None
    return seed if isinstance(seed, int) else None


@lru_cache(maxsize=KEPT_EXAMPLES)
def _read(path: Path, _changed_ns: int, _bytes: int) -> Example:
    chunks = files.read_text(path)
    if not provenance.has_story(chunks):
        return _estimated(path.name, path)
    story = provenance.read_story(chunks)
    try:
        return _told(path, story) if story.get("kind") == KIND else _estimated(path.name, path)
    except (KeyError, TypeError, ValueError, SettingError) as error:
        raise SettingError(
            f"the story in {str(path)!r} is damaged or of another version, so no picture can be made like it"
        ) from error


def _told(path: Path, story: Mapping[str, Any]) -> Example:
    width, height = map(int, story["size"])
    left, top, right, bottom = map(float, story["product_box"])
    if min(width, height) < 1 or left >= right or top >= bottom:
        raise ValueError
    lightness = story["scene"]["lightness"]
    asked = dict(story["asked"])
    Recipe.model_validate(asked["recipe"])
    return Example(
        name=path.name,
        size=(width, height),
        box=(left, top, right, bottom),
        lightness=None if lightness is None else float(lightness),
        light=_light(files.load(path).rgb, (left, top, right, bottom)),
        asked=asked,
        seed=int(story["sent"]["seed"]),
    )


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


def _setting(recipe: Recipe, name: str) -> Setting:
    """Return the value of a parameter in the first stage that has it; None if none has."""
    return next((getattr(stage, name) for stage in recipe.stages if name in type(stage).model_fields), None)


def followed(
    example: Example, fields: Mapping[str, Any], recipe: Recipe | None, settings: Mapping[str, Setting]
) -> dict[str, Any]:
    """Return the fields of a shot that is like an example; what the user gives stays as it is.

    Args:
        example: The picture.
        fields: What the user asks for, by the names of a shot's fields; unset ones are None or empty.
        recipe: The recipe that the user names; None takes the example's.
        settings: The recipe's settings that the user asks for.

    Raises:
        SettingError: If the example stands on a background of its user's, which is not given.
    """
    takes_recipe = recipe is None and bool(example.asked)
    chosen = (recipe or example.recipe or Recipe.load("auto")).with_settings(settings)
    own = example.settings(chosen, settings)
    taken: dict[str, Any] = {}
    if chosen.asks_backend:
        taken |= _words(example, fields, chosen, takes_recipe=takes_recipe)
    if fields.get("seed") is None and example.seed is not None and chosen.asks_backend:
        taken["seed"] = example.seed
    if chosen.asks_backend or chosen.takes_light:
        taken |= _lights(example, fields, chosen, takes_recipe=takes_recipe)
    names = (*(["recipe"] if takes_recipe else []), *taken, *own)
    is_estimated = example.light in taken.get("lights", ())
    like = Like(
        picture=example.name,
        has_story=bool(example.asked),
        taken=names,
        light=words(example.light) if is_estimated else "",
    )
    return {**fields, **taken, "recipe": chosen.with_settings(own), "like": like}


def _words(
    example: Example, fields: Mapping[str, Any], chosen: Recipe, *, takes_recipe: bool
) -> dict[str, Any]:
    """Return the words that the user leaves to the example: those of its scene, where its recipe is taken.

    Words beside those of a recipe say what the product is, and this is another one.
    """
    if not takes_recipe or fields.get("background"):
        return {}
    of_scene = () if fields.get("prompt") else ("background",)
    for name in (*of_scene, "reference"):
        if example.asked.get(name) and not fields.get(name):
            needed = f"{example.name} was made with the {name} {example.asked[name]!r}"
            raise SettingError(f"{needed}; give that picture: --{name} FILE")
    names = ["negative_prompt", "loras", *([] if chosen.prompt else ["prompt"])]
    return {name: example.asked[name] for name in names if not fields.get(name) and example.asked.get(name)}


def _lights(
    example: Example, fields: Mapping[str, Any], chosen: Recipe, *, takes_recipe: bool
) -> dict[str, Any]:
    """Return the lights of the example, unless the user says or shows where the light comes from.

    With the words of the example the scene has its light anyhow; with others it is asked for.
    """
    if any(fields.get(name) for name in ("lights", "light_map", "light_from", "background")):
        return {}
    asked = example.asked.get("lights") or ()
    is_in_the_words = takes_recipe and (bool(chosen.prompt) or not fields.get("prompt"))
    has_lit_picture = example.asked.get("light_map") or example.asked.get("light_from")
    if not asked and is_in_the_words and not has_lit_picture:
        return {}
    lights = tuple(Light.model_validate(light) for light in asked)
    return {"lights": lights or (() if takes_recipe else example.recipe_lights) or (example.light,)}
