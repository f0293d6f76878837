"""What is refused before any work is done: parts of a shot that contradict each other, or its recipe."""

from __future__ import annotations

from pathlib import Path

from prodgen.errors import IdleSettingError, ImageError, SettingError
from prodgen.schema import seeds
from prodgen.shots.layers import Pose
from prodgen.shots.recipe import Recipe
from prodgen.shots.result import refuse_output, rejected_name
from prodgen.shots.shot import Shot
from prodgen.shots.stages import ExtendStage, GroundStage, RelightStage
from prodgen.shots.stages.ground import SCENE_ENDS


def check(shot: Shot) -> None:
    """Refuse what can be known to fail before any work is done.

    Raises:
        SettingError: If parts of the shot contradict each other or its recipe.
        ImageError: If the output cannot be written.
    """
    recipe = shot.recipe
    idle = shot.asked_of_scene(takes_light=recipe.takes_light)
    if idle and not recipe.asks_backend:
        raise IdleSettingError(idle, f"recipe {recipe.name!r} draws no scene")
    if shot.light_from is not None and (shot.lights or shot.light_map is not None):
        raise IdleSettingError(["light_from"], "the light is given already, by light or light_map")
    if shot.light_map is not None and shot.background is not None:
        raise IdleSettingError(["light_map"], "a background has its own light")
    if shot.light_map is not None and not any(isinstance(x, RelightStage) for x in recipe.stages):
        raise IdleSettingError(["light_map"], f"recipe {recipe.name!r} has no stage 'relight'")
    if shot.pose != "auto" and not recipe.takes_pose:
        raise IdleSettingError(["pose"], f"recipe {recipe.name!r} has no stage 'pose'")
    if shot.pose != "auto" and not any(Pose in stage.uses for stage in recipe.stages):
        raise IdleSettingError(["pose"], "there is no shadow to take it; shadow contact or cast makes one")
    _check_reference(shot)
    if recipe.needs_prompt and not (shot.whole_prompt or shot.background or shot.reference):
        raise SettingError(
            "the prompt is empty; say what the scene should be, such as 'a wooden table, sunset', or take the"
            " route that needs no words, --route packshot, or a recipe that brings its scene, such as"
            " --recipe wood-table"
        )
    if recipe.ground != "auto" and not (recipe.asks_backend or recipe.takes_background):
        raise IdleSettingError(["ground"], f"recipe {recipe.name!r} has a plain ground")
    if recipe.ground == "inpaint" and (shot.background is None or not recipe.paints_floor):
        raise IdleSettingError(["ground"], "only a background of yours gets its floor painted (--background)")
    if shot.background is None and recipe.takes_background and not recipe.asks_backend:
        raise SettingError("there is no background to put the product into; give one: --background FILE")
    if shot.background is not None and (recipe.prompt or not recipe.takes_background):
        raise IdleSettingError(["background"], f"recipe {recipe.name!r} draws its own background")
    if recipe.tries > 1 and not recipe.asks_backend:
        raise IdleSettingError(["tries"], f"recipe {recipe.name!r} draws nothing by a seed")
    _check_room(recipe)
    _check_transparency(recipe)
    if shot.output is not None:
        _check_output(shot, shot.output)


def _check_reference(shot: Shot) -> None:
    recipe = shot.recipe
    if shot.reference is None:
        if recipe.takes_reference:
            raise SettingError("there is no picture whose look to take over; give one: --reference FILE")
        return
    if not (recipe.takes_reference or recipe.is_open):
        raise IdleSettingError(["reference"], f"recipe {recipe.name!r} takes no look from a picture")
    if shot.background is not None:
        raise IdleSettingError(["reference"], "a background is the scene already")
    if shot.light_map is not None:
        raise IdleSettingError(["light_map"], "the scene takes its look from a reference picture")


def _check_room(recipe: Recipe) -> None:
    """Refuse more room around the picture that is said twice or not at all, or that a scene cannot have."""
    for stage in recipe.stages:
        if isinstance(stage, ExtendStage) and stage.outpaint is not None and stage.expand is not None:
            raise IdleSettingError(["expand"], "outpaint says already how much room is added")
        if isinstance(stage, ExtendStage) and stage.outpaint is None and stage.expand is None:
            raise SettingError(
                f"recipe {recipe.name!r} adds room around the photograph; say how much: --outpaint 16:9, or"
                " --expand 20%"
            )
        is_scene = recipe.asks_backend or recipe.takes_background
        if isinstance(stage, GroundStage) and stage.canvas == "grow" and is_scene:
            raise SettingError(SCENE_ENDS)


def _check_transparency(recipe: Recipe) -> None:
    delivery = recipe.delivery
    if delivery.shadow_layer and not delivery.transparent:
        raise IdleSettingError(["shadow_layer"], "only a product on transparency has its shadow apart")
    if delivery.transparent and (recipe.asks_backend or recipe.takes_background):
        reason = f"recipe {recipe.name!r} makes a scene, which transparency would throw away"
        raise IdleSettingError(["transparent"], f"{reason}; use recipe 'packshot'")
    if delivery.shadow_layer and any(getattr(stage, "shadow", None) == "none" for stage in recipe.stages):
        raise IdleSettingError(["shadow_layer"], "there is no shadow; shadow contact or cast makes one")
    if delivery.transparent and any(getattr(stage, "reflection", 0) for stage in recipe.stages):
        raise IdleSettingError(["reflection"], "a mirror image needs a floor, and transparency has none")


def _check_output(shot: Shot, output: Path) -> None:
    above = next((folder for folder in output.parents if folder.exists()), None)
    if above is not None and not above.is_dir():
        raise ImageError(
            f"{str(output)!r} cannot be written: {str(above)!r} is no folder; choose another output"
        )
    for seed in seeds.tries(shot.seed, shot.recipe.tries):
        target = seeds.in_name(output, seed)
        refuse_output(shot, target)
        if shot.recipe.on_failure == "fail":
            refuse_output(shot, rejected_name(target))


def check_several(recipe: Recipe, *, count: int = 1, has_places: bool = False) -> None:
    """Refuse several pictures of one product where a recipe would make all of them alike.

    Args:
        recipe: How they would be made.
        count: How many there are to be, each of its own seed.
        has_places: Whether there is to be one for each of several places of the product.

    Raises:
        IdleSettingError: If it draws nothing by a seed, or has no place to choose.
    """
    if count > 1 and not recipe.asks_backend:
        raise IdleSettingError(
            ["count"], f"recipe {recipe.name!r} draws nothing, so that its {count} pictures would be equal"
        )
    if has_places and "place" not in recipe.settings:
        raise IdleSettingError(["variants"], f"recipe {recipe.name!r} leaves the product at its place")
