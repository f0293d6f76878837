"""Which settings of an ordinary shot a picture becomes that another one is to be like.

What the user says wins, and what cannot hold beside that is left out; both are told. Nothing of the example
is needed afterwards: the shot holds what was taken, and is replayed alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prodgen.errors import IdleSettingError, SettingError
from prodgen.light import Light, words
from prodgen.placement import read_spot
from prodgen.refusals import CheckedValue
from prodgen.shots.examples import Example, setting_of
from prodgen.shots.recipe import Recipe, Setting
from prodgen.shots.stages import ExtendStage
from prodgen.shots.stages.place import MOVING

MORE_ROOM = ("outpaint", "expand")
"""Settings that ask for more room around the photograph. By definition `outpaint` alone has them."""


class Like(CheckedValue):
    """Which picture a shot was to be like, and what was taken over from it."""

    picture: str
    """The file's name."""

    has_story: bool
    """Whether the picture tells how it was made; else what was taken is estimated."""

    taken: tuple[str, ...] = ()
    """What was taken, by the names of a shot's fields and of a recipe's parameters; settings stands for a
    recipe without its scene."""

    left_out: tuple[str, ...] = ()
    """What does not hold beside what the user says: recipe, prompt, lights, exposure."""

    light: str = ""
    """Words for its key light, where that was estimated from its pixels."""

    def __str__(self) -> str:
        """Say what was taken, and how it was known."""
        named = {"lights": f"light ({self.light})" if self.light else "light"}
        what, left = (
            ", ".join(named.get(name, name.replace("_", " ")) for name in names)
            for names in (self.taken, self.left_out)
        )
        how = "as its story tells" if self.has_story else "estimated, for it carries no story"
        not_taken = f"; not taken, beside what you ask: {left}" if left else ""
        return f"like {self.picture}: {what or 'nothing'}, {how}{not_taken}"


def followed(
    example: Example, fields: Mapping[str, Any], recipe: Recipe | None, settings: Mapping[str, Setting]
) -> dict[str, Any]:
    """Return the fields of a shot that is like an example; what the user gives stays as it is.

    Args:
        example: The picture.
        fields: What the user asks for, by the names of a shot's fields; unset ones are None or empty.
        recipe: The recipe that the user names; None takes the example's, as far as it holds.
        settings: The recipe's settings that the user asks for.

    Raises:
        SettingError: If the example stands on a picture of its user's, which is not given.
    """
    if recipe is None:
        chosen, part = _chosen(example, fields, settings)
    else:
        chosen, part = recipe.with_settings(settings), ""
    holds_scene = _holds_scene(example, fields, chosen, part)
    holds_look = holds_scene and not _shows_other_look(example, fields)
    own = example.settings(chosen, settings, holds_scene=holds_look)
    taken: dict[str, Any] = {}
    if chosen.asks_backend:
        taken |= _words(example, fields, chosen, part, holds_scene=holds_scene)
        if example.seed is not None and fields.get("seed") in (None, example.seed):
            taken["seed"] = example.seed
    if chosen.asks_backend or chosen.takes_light:
        taken |= _lights(example, fields, chosen, part, holds_scene=holds_scene)
    is_estimated = example.light is not None and example.light in taken.get("lights", ())
    like = Like(
        picture=example.name,
        has_story=bool(example.asked),
        taken=(*([part] if part else []), *taken, *own),
        left_out=_left_out(
            example, {**fields, **taken, **settings, **own}, chosen, holds_recipe=bool(recipe or part)
        ),
        light=words(example.light) if is_estimated and example.light is not None else "",
    )
    if _snaps(chosen, settings, own):
        own["snap"] = True
    return {**fields, **taken, "recipe": chosen.with_settings(own), "like": like}


def _chosen(
    example: Example, fields: Mapping[str, Any], settings: Mapping[str, Setting]
) -> tuple[Recipe, str]:
    """Return the recipe to be followed where the user names none, and what of the example's it is.

    That is "recipe", "settings" (the recipe without its scene, where the user says another) or "" (nothing).

    Raises:
        SettingError: If the user asks for a setting that it has not.
    """
    own = example.recipe
    if own is None or not _can_hold(own, fields, settings):
        return Recipe.load("auto").with_settings(settings), ""
    if "material" in own.settings:  # of the example's product, and of no look
        own = own.with_settings({"material": "auto"})
    is_other_scene = bool(fields.get("prompt") or fields.get("background"))
    kept = _without_product(_without_scene(own) if is_other_scene else own)
    try:
        kept = kept.with_settings(_given_way(kept, settings)).with_settings(settings)
    except IdleSettingError as error:
        raise IdleSettingError(error.settings, f"like {example.name}: {error.reason}") from error
    return kept, "settings" if is_other_scene and own.prompt else "recipe"


def _can_hold(own: Recipe, fields: Mapping[str, Any], settings: Mapping[str, Setting]) -> bool:
    """Whether a recipe can make what the user asks for."""
    asks_room = any(settings.get(name) is not None for name in MORE_ROOM)
    return not (
        (asks_room and not set(MORE_ROOM) & set(own.settings))
        or (fields.get("prompt") and not own.asks_backend)
        or (fields.get("background") and not own.takes_background)
        or (fields.get("reference") and not (own.takes_reference or own.is_open))
    )


def _without_scene(own: Recipe) -> Recipe:
    """Return a recipe without its words, its light and the exposure of what was drawn for them."""
    kept = own.with_settings({"exposure": None}) if "exposure" in own.settings else own
    if not own.prompt:
        return kept
    usual = Recipe.load("auto") if own.is_open else own
    named = {name: getattr(usual, name) for name in ("name", "description", "negative_prompt")}
    return kept.model_copy(update={**named, "prompt": "", "light": (), "pose": "auto"})


def _without_product(own: Recipe) -> Recipe:
    """Return a recipe without what was said of the product itself: this is another one."""
    return own.with_settings({"material": "auto"}) if "material" in own.settings else own


def _given_way(own: Recipe, settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return the settings of an example's recipe that those of the user exclude, as they are when unsaid."""
    excluded: dict[str, Setting] = {"ground_line": None} if "place" in settings else {}
    if {"place", "ground_line", "rotation_deg"} & set(settings):
        excluded["snap"] = None
    if setting_of(own, "place") == "original" and any(settings.get(name) for name in MOVING):
        excluded["place"] = "auto"
    if read_spot(str(settings.get("place") or "auto")) is None:
        excluded |= {"padding": None, "rotation_deg": 0.0}
    return {name: usual for name, usual in excluded.items() if name not in settings and name in own.settings}


def _keeps_surroundings(recipe: Recipe) -> bool:
    """Whether a recipe continues the photograph's own scene."""
    return any(isinstance(stage, ExtendStage) for stage in recipe.stages)


def _holds_scene(example: Example, fields: Mapping[str, Any], chosen: Recipe, part: str) -> bool:
    """Whether nothing that the user says or shows is another scene than the example's."""
    if fields.get("background") or (_keeps_surroundings(chosen) and part != "recipe"):
        return False
    has_other_words = bool(fields.get("prompt")) or (bool(chosen.prompt) and part != "recipe")
    return not (example.asked and has_other_words)


def _shows_other_look(example: Example, fields: Mapping[str, Any]) -> bool:
    """Whether the user gives a reference picture, and the example was made without one."""
    return bool(example.asked and fields.get("reference") and not example.asked.get("reference"))


def _words(
    example: Example, fields: Mapping[str, Any], chosen: Recipe, part: str, *, holds_scene: bool
) -> dict[str, Any]:
    """Return the words that the user leaves to the example: those of its scene.

    Words beside those of a recipe say what the product is, and this is another one.

    Raises:
        SettingError: If its scene is a picture of its user's, which is not given.
    """
    asked = example.asked
    if not asked or fields.get("background"):
        return {}
    if part:
        needed = {"background": holds_scene, "reference": holds_scene or chosen.takes_reference}
        for name in (name for name, is_needed in needed.items() if is_needed):
            if asked.get(name) and not fields.get(name):
                what = f"{example.name} was made with the {name} {asked[name]!r}"
                raise SettingError(f"{what}; give that picture: --{name} FILE")
    found = {name: asked.get(name) for name in ("negative_prompt", "loras")} if part or holds_scene else {}
    if holds_scene and not chosen.prompt:
        found["prompt"] = example.scene
        if example.recipe is not None and example.recipe.prompt:
            found["negative_prompt"] = asked.get("negative_prompt") or example.recipe.negative_prompt
    return {name: value for name, value in found.items() if value and not fields.get(name)}


def _lights(
    example: Example, fields: Mapping[str, Any], chosen: Recipe, part: str, *, holds_scene: bool
) -> dict[str, Any]:
    """Return the lights of the example, unless the user says or shows where the light comes from.

    The words of a scene bring their light with them: so with others only a light that was asked for holds.
    """
    says_light = any(fields.get(name) for name in ("lights", "light_map", "light_from", "background"))
    if says_light or _shows_other_look(example, fields):
        return {}
    if _keeps_surroundings(chosen) and part != "recipe":
        return {}
    lights = tuple(Light.model_validate(light) for light in example.asked.get("lights") or ())
    if not lights and example.light is not None:
        lights = (example.light,)
    if not lights and not part and holds_scene and example.recipe is not None and not chosen.light:
        lights = example.recipe.light
    return {"lights": lights} if lights else {}


def _snaps(chosen: Recipe, settings: Mapping[str, Setting], own: Mapping[str, Setting]) -> bool:
    """Whether a product that is cut off reaches the canvas' edge, as it would without the example's line."""
    asked = {name: settings.get(name, setting_of(chosen, name)) for name in ("place", "snap", "rotation_deg")}
    is_usual = asked["place"] == "auto" and asked["snap"] is None and not asked["rotation_deg"]
    return "ground_line" in own and is_usual


def _left_out(
    example: Example, held: Mapping[str, Any], chosen: Recipe, *, holds_recipe: bool
) -> tuple[str, ...]:
    """Return what of the example does not hold, by its names.

    Args:
        example: The picture.
        held: What the shot holds, by the names of its fields and of settings.
        chosen: Its recipe.
        holds_recipe: Whether that is the example's, or one that the user names.
    """
    own, scene = example.recipe, example.scene
    has_light = bool(example.asked.get("lights") or example.light or (own is not None and own.light))
    is_lit = any(held.get(name) for name in ("lights", "light_map", "light_from")) or bool(chosen.light)
    missing = {
        "recipe": own is not None and not holds_recipe,
        "prompt": bool(scene) and scene not in (held.get("prompt"), chosen.prompt),
        "lights": has_light and not is_lit,
        "exposure": example.lightness is not None and held.get("exposure") is None,
    }
    return tuple(name for name, is_missing in missing.items() if is_missing)
