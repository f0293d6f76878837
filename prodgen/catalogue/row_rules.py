"""Whether what a row asks can be a shot at all; found out once for all rows that ask alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from prodgen.catalogue.order import BESIDE_PHOTO
from prodgen.errors import SettingError
from prodgen.files import MAX_TOML_BYTES
from prodgen.schema.prompts import read_lora
from prodgen.shots import Recipe, check, check_several, new_shot
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


def check_kind(
    asked: Mapping[str, Any], *, count: int, has_variants: bool, has_prompt: bool
) -> SettingError | None:
    """Return why no shot of this kind can be made, whatever its photograph and words are; None: it can.

    What the picture at the URL `like` brings is known only when it is fetched: then nothing is refused here.

    Args:
        asked: What a row decides beside photograph, prompt and seed, by the names of `new_shot`.
        count: How many pictures of seeds one after another it is to have.
        has_variants: Whether it is to stand at several places.
        has_prompt: Whether there are words for the scene.
    """
    like = asked.get("like")
    if like is not None and "://" in like:
        return None
    return _check_kind(
        asked.get("recipe", ""),
        asked.get("recipe_sha256", ""),
        tuple(asked.get("settings", {}).items()),
        asked.get("pose"),
        asked.get("light"),
        tuple(asked.get("loras", ())),
        frozenset(name for name in ("negative_prompt", *BESIDE_PHOTO) if name in asked),
        like,
        _stamp(like),
        count=count,
        has_variants=has_variants,
        has_prompt=has_prompt,
    )


@lru_cache(maxsize=4096)
def _check_kind(
    recipe: str,
    digest: str,
    settings: Settings,
    pose: str | None,
    light: str | None,
    loras: tuple[str, ...],
    given: frozenset[str],
    like: str | None,
    _like_stamp: tuple[int, int],
    *,
    count: int,
    has_variants: bool,
    has_prompt: bool,
) -> SettingError | None:
    """Find out what `check_kind` says; the stamp tells the contents of the picture `like` apart."""
    try:
        # `auto` leaves the way open, also to the one of the picture that it is to be like.
        is_open = like is not None and recipe == "auto"
        pictures: dict[str, Any] = {
            name: f"{name}.png" for name in BESIDE_PHOTO if name in given and name != "like"
        }
        shot = new_shot(
            "photo.png",
            "words" if has_prompt else "",
            negative_prompt="words" if "negative_prompt" in given else None,
            seed=0,
            recipe=recipe if is_open else recipe_with(recipe, (), digest),
            settings=dict(settings),
            pose=pose,
            light=light or (),
            like=like,
            loras=[read_lora(lora) for lora in loras],
            **pictures,
        )
        check(shot)
        check_several(shot.recipe, count=count, has_places=has_variants)
    except SettingError as error:
        return error
    return None


def _stamp(path: str | None) -> tuple[int, int]:
    """Return what tells that a file was written anew: when, in nanoseconds, and its bytes; 0, 0: no file."""
    try:
        found = None if path is None else Path(path).stat()
    except OSError:
        found = None
    return (0, 0) if found is None else (found.st_mtime_ns, found.st_size)
