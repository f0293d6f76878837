"""The shot that a product picture tells of, with the files that the picture does not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prodgen.errors import ImageError, SettingError
from prodgen.replaying.differences import Difference
from prodgen.replaying.recorded import RecordedShot
from prodgen.shots import Recipe, Shot
from prodgen.shots.shot import new_shot


def shot_again(
    recorded: RecordedShot,
    *,
    photo: str | Path | None,
    matte: str | Path | None,
    background: str | Path | None,
    output: Path | None,
) -> tuple[Shot, list[Difference]]:
    """Return the shot to make, and which of its files have other names than those of the first time.

    Raises:
        SettingError: If a file that the picture was made of is not given.
        ImageError: If the story is damaged.
    """
    story = recorded.story
    if photo is None:
        raise SettingError(
            f"this is a product shot of {story.get('source')!r}; give that photograph: --photo FILE"
        )
    if story.get("background") and background is None:
        raise SettingError(f"it was put into {story['background']!r}; give that picture: --background FILE")
    try:
        recipe = Recipe.model_validate(story["recipe"])
    except ValidationError as error:
        raise ImageError(f"the recipe in {str(recorded.path)!r} is damaged or of another version") from error
    if matte is not None:
        recipe = recipe.with_settings({"matte_file": str(matte)})
    shot = new_shot(
        source=photo,
        seed=story.get("seed"),
        output=output,
        recipe=recipe,
        background=background,
        light=story.get("light"),
        **_before_the_style(story, recipe),
    )
    return shot, _renamed(recorded, shot)


def _renamed(recorded: RecordedShot, shot: Shot) -> list[Difference]:
    """Return which files have other names than those that the picture was made of."""
    pairs = {
        name: (recorded.story.get(name), None if path is None else path.name)
        for name, path in {"source": shot.source, "background": shot.background}.items()
    }
    return [
        Difference(name, f"{name}: {before!r} then, {after!r} now")
        for name, (before, after) in pairs.items()
        if before != after
    ]


def _before_the_style(story: Any, recipe: Recipe) -> dict[str, Any]:
    """Return prompts and LoRAs as they were given; the story has them with the look's own added."""
    from prodgen.shots.stages.style import Style, looks

    prompt, negative = str(story.get("prompt") or ""), str(story.get("negative_prompt") or "")
    stored = story.get("loras")
    loras: dict[str, Any] = dict(stored) if isinstance(stored, dict) else {}
    for stage in recipe.stages:
        if isinstance(stage, Style) and stage.style in looks():
            look = looks()[stage.style]
            prompt = prompt.removesuffix(look.prompt).removesuffix(", ")
            negative = negative.removesuffix(look.negative_prompt).removesuffix(", ")
            loras = {
                name: weight for name, weight in loras.items() if name not in {x.name for x in look.loras}
            }
    return {
        "prompt": prompt,
        "negative_prompt": negative,
        "loras": [{"name": name, "weight": weight} for name, weight in loras.items()],
    }
