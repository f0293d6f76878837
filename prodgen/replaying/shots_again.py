"""Restores a shot from the story in a product picture, with the files that the picture does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from prodgen.errors import ImageError, MissingExtensionError, SettingError
from prodgen.replaying.differences import Difference
from prodgen.replaying.recorded import RecordedShot
from prodgen.schema import model_names, seeds
from prodgen.shots import Shot
from prodgen.shots.reference_units import ReferenceWay, TakenBy
from prodgen.shots.stages import ReferenceStage

if TYPE_CHECKING:
    from prodgen.client import Client


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
    shot = _of_the_seed_used(shot, recorded.story)
    return _by_the_way_taken(shot, recorded.story), _renamed(asked, shot)


def refuse_another_way(shot: Shot, story: Mapping[str, Any], client: Client) -> None:
    """Refuse a server on which the look of a reference picture would be taken over another way than told.

    Args:
        shot: As it is made again.
        story: The picture's.
        client: Connected to the server that will draw.

    Raises:
        SettingError: If the server takes another unit, or another one lights the product; says which.
    """
    told, stage = _told_way(story), _reference_stage(shot)
    if told is None or stage is None:
        return
    try:
        here = stage.way(client)
    except MissingExtensionError:
        here = None
    if here is None or not _is_same_way(told, here):
        now = "which this server does not have" if here is None else f"and here it would be by {here}"
        raise SettingError(
            f"the look of its reference picture was taken over by {told}, {now}; replay it on a server"
            " that has the same, or make a new picture: prodgen shoot --reference FILE"
        )
    was_asked, is_asked = _was_relit(story) or told.relight_failed, stage.relights(client, here)
    if was_asked is not is_asked:
        then, now = ("by IC-Light", "computed from the scene")[:: 1 if _was_relit(story) else -1]
        raise SettingError(
            f"its product's light was {then}, and here it would be {now}; replay it on a server as that"
            " one was, or make a new picture: prodgen shoot --reference FILE"
        )


def light_differences(story: Mapping[str, Any], again: Mapping[str, Any]) -> list[Difference]:
    """Return a difference if IC-Light lit the product for a reference picture in one of two pictures alone.

    Args:
        story: That of the picture that was made again.
        again: That of the new one.
    """
    then, now = _was_relit(story), _was_relit(again)
    if _told_way(story) is None or then is now:
        return []
    words = {True: "by IC-Light", False: "computed from the scene"}
    return [Difference("light", f"light of the product: {words[then]} then, {words[now]} now")]


def _was_relit(story: Mapping[str, Any]) -> bool:
    return "IC-Light" in (story.get("proofs") or ())


def _told_way(story: Mapping[str, Any]) -> ReferenceWay | None:
    """Return how a story says that a reference picture was taken over; None if it says nothing of that."""
    told = story.get("reference")
    if not isinstance(told, dict) or told.get("by") not in get_args(TakenBy):
        return None
    return ReferenceWay(
        told["by"],
        str(told.get("module")),
        told.get("model"),
        relight_failed=told.get("relight_failed") is True,
    )


def _is_same_way(told: ReferenceWay, here: ReferenceWay) -> bool:
    """Whether two ways are one; an adapter's own preprocessor has many names, and a model may have a hash."""
    if told.by != here.by or (told.by == "reference_only" and told.module != here.module):
        return False
    return told.model == here.model or model_names.same_file(told.model or "", here.model or "")


def _reference_stage(shot: Shot) -> ReferenceStage | None:
    return next((stage for stage in shot.recipe.stages if isinstance(stage, ReferenceStage)), None)


def _by_the_way_taken(shot: Shot, story: Mapping[str, Any]) -> Shot:
    """Return the shot with the way named that was taken for its reference picture, where it was left open."""
    told, stage = _told_way(story), _reference_stage(shot)
    if told is None or told.by == "colors" or stage is None or stage.reference_by != "auto":
        return shot
    named = stage.model_copy(update={"reference_by": told.by})
    stages = tuple(named if one is stage else one for one in shot.recipe.stages)
    return shot.model_copy(update={"recipe": shot.recipe.model_copy(update={"stages": stages})})


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
