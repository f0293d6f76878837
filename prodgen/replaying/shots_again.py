"""Restores a shot from the story in a product picture, with the files that the picture does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prodgen.errors import ImageError, SettingError
from prodgen.replaying.differences import Difference
from prodgen.replaying.recorded import RecordedShot
from prodgen.schema import seeds
from prodgen.shots import Shot


def shot_again(
    recorded: RecordedShot,
    files: Mapping[str, str | Path | None],
    *,
    output: Path | None,
) -> tuple[Shot, list[Difference]]:
    """Return the shot, and a difference for each of its files that has another name than before.

    Args:
        recorded: What the picture tells.
        files: The pictures of the shot that are given, by the names of its fields; the photograph among them.
        output: Where the new picture goes.

    Raises:
        SettingError: If a file that the picture was made of is not given.
        ImageError: If the story is damaged.
    """
    asked = recorded.story.get("asked")
    if not isinstance(asked, dict):
        raise ImageError(f"the prodgen story in {str(recorded.path)!r} is damaged")
    photo = files["photo"]
    if photo is None:
        raise SettingError(
            f"this is a product shot of {asked.get('photo')!r}; give that photograph: --photo FILE"
        )
    for name, given in files.items():
        if asked.get(name) and given is None:
            option, words = name.replace("_", "-"), name.replace("_", " ")
            raise SettingError(f"its {words} was {asked[name]!r}; give that picture: --{option} FILE")
    try:
        shot = Shot.from_story(
            asked,
            photo=photo,
            background=files.get("background"),
            matte=files.get("matte"),
            reference=files.get("reference"),
            light_map=files.get("light_map"),
            light_from=files.get("light_from"),
            output=output,
        )
    except SettingError as error:
        raise ImageError(
            f"the story in {str(recorded.path)!r} is damaged or of another version: {error}"
        ) from error
    return _of_the_seed_used(shot, recorded.story), _renamed(asked, shot)


def _of_the_seed_used(shot: Shot, story: Mapping[str, Any]) -> Shot:
    """Return the shot with the seed of the picture: a retry may have drawn it with another than was asked."""
    sent = story.get("sent")
    used = sent.get("seed") if isinstance(sent, dict) else None
    if not isinstance(used, int) or used == shot.seed:
        return shot
    once = shot.recipe.model_copy(update={"tries": 1})
    return shot.model_copy(update={"seed": used % seeds.SEEDS, "recipe": once})


def _renamed(asked: Mapping[str, Any], shot: Shot) -> list[Difference]:
    """Return a difference for each file that has another name than before."""
    now = shot.story()
    return [
        Difference(name, f"{name}: {asked.get(name)!r} then, {now[name]!r} now")
        for name in shot.pictures
        if asked.get(name) != now[name]
    ]
