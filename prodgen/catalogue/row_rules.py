"""Whether what a row asks can be a shot at all; found out once for all rows that ask alike."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from prodgen.errors import SettingError
from prodgen.files import MAX_TOML_BYTES
from prodgen.schema.prompts import read_lora
from prodgen.shots import Recipe, check, new_shot
from prodgen.shots.recipe import Setting

Settings = tuple[tuple[str, Setting], ...]


@lru_cache(maxsize=4096)
def recipe_with(recipe: str, settings: Settings, digest: str = "") -> Recipe:
    """Return a recipe, by name or TOML file, with its settings.

    Args:
        recipe: Name of a built-in recipe, or path of a TOML file.
        settings: Parameters by name.
        digest: What `recipe_digest` gave for the file; "" for a built-in recipe.

    Raises:
        SettingError: If there is no such recipe, it does not take them, or its file has changed since.
    """
    loaded = _loaded(recipe, digest)
    return loaded.with_settings(dict(settings)) if settings else loaded


@lru_cache(maxsize=256)
def _loaded(recipe: str, digest: str) -> Recipe:
    loaded = Recipe.load(recipe)
    if digest and recipe_digest(recipe) != digest:
        raise SettingError(f"recipe {recipe!r} has changed since the run began; start it again")
    return loaded


def recipe_digest(recipe: str) -> str:
    """Return the digest of a recipe's file; "" for a built-in one, which has none, or if there is no file."""
    path = Path(recipe)
    if path.suffix != ".toml" or not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.sha256(file.read(MAX_TOML_BYTES)).hexdigest()


@lru_cache(maxsize=4096)
def check_kind(
    recipe: str,
    digest: str,
    settings: Settings,
    pose: str | None,
    light: str | None,
    loras: tuple[str, ...],
    *,
    has_prompt: bool,
    has_negative_prompt: bool,
    has_background: bool,
    has_reference: bool,
    has_light_map: bool,
    has_light_from: bool,
    like: str | None,
) -> SettingError | None:
    """Return why no shot of this kind can be made, whatever its photograph and words are; None: it can.

    What the picture at the URL `like` brings is known only when it is fetched: then nothing is refused here.
    """
    if like is not None and "://" in like:
        return None
    try:
        # `auto` leaves the way open, also to the one of the picture that it is to be like.
        is_open = like is not None and recipe == "auto"
        shot = new_shot(
            "photo.png",
            "words" if has_prompt else "",
            negative_prompt="words" if has_negative_prompt else None,
            seed=0,
            recipe=recipe if is_open else recipe_with(recipe, (), digest),
            settings=dict(settings),
            background="background.png" if has_background else None,
            reference="scene.png" if has_reference else None,
            pose=pose,
            light=light or (),
            light_map="map.png" if has_light_map else None,
            light_from="reference.png" if has_light_from else None,
            like=like,
            loras=[read_lora(lora) for lora in loras],
        )
        check(shot)
    except SettingError as error:
        return error
    return None
