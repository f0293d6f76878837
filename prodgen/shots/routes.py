"""Which way a picture is made: chosen by what the backend can do and what the shot brings, and why.

A route has the name of the recipe that goes that way. The recipe `auto` leaves the choice between them open;
it is made when the backend is known, before it draws, and told on the terminal, in the JSON and in the story.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prodgen.errors import IdleSettingError
from prodgen.schema import Capabilities
from prodgen.shots.frame import Stage
from prodgen.shots.layers import Drawn
from prodgen.shots.recipe import Recipe
from prodgen.shots.shot import Shot
from prodgen.shots.stages import RelightStage

ROUTES = ("auto", "relight", "background", "inpaint", "packshot", "reference")
"""Names of all routes; each is a built-in recipe's too."""

Reason = Literal["relights", "cannot relight", "cannot relight, own background", "reference"]

_WORDS: Mapping[Reason, str] = {
    "relights": "the backend can relight",
    "cannot relight": "the backend has no IC-Light, so the scene was painted around the product, and the"
    " product's light is computed",
    "cannot relight, own background": "the backend has no IC-Light, so the product's light was computed from"
    " the background, without a model",
    "reference": "a reference picture is given, whose look and set the scene takes over",
}


@dataclass(frozen=True)
class Route:
    """Which way a picture was made where the choice was left open."""

    taken: str
    """Name of the route, which is its recipe's."""

    reason: Reason
    """What decided."""

    idle: tuple[str, ...] = ()
    """What the shot asks for and that route has no use for."""

    @property
    def notice(self) -> str | None:
        """What has to be told because the usual route was not open; None if it was."""
        if self.reason in ("relights", "reference"):
            return None
        without = f"; without effect then: {', '.join(self.idle)}" if self.idle else ""
        return f"route {self.taken}: {_WORDS[self.reason]}{without}"

    def __str__(self) -> str:
        """Say the route and why."""
        return f"{self.taken}: {_WORDS[self.reason]}"

    def as_dict(self) -> dict[str, Any]:
        """Return the route, ready for JSON."""
        return {"asked": "auto", "taken": self.taken, "reason": self.reason, "why": _WORDS[self.reason]}


def choose(shot: Shot, capabilities: Capabilities) -> tuple[Shot, Route]:
    """Return the shot with the recipe of the route that is open to it, and which that is.

    What was changed in the recipe stays changed on every route: `size`, `steps`, a shadow. A model's own
    defaults (steps, sampler) are each route's own.

    Args:
        shot: Its recipe leaves the route open.
        capabilities: What the backend can do.

    Raises:
        IdleSettingError: If the recipe has a changed setting that the only open route has no use for.
    """
    if shot.reference is not None:
        route = Route("reference", "reference")
    elif capabilities.ic_light is not None:
        route = Route("relight", "relights")
    elif shot.background is None:
        route = Route("inpaint", "cannot relight", () if shot.light_map is None else ("light_map",))
    else:
        takes_light = Recipe.load("background").takes_light
        idle = () if shot.recipe.paints_floor else shot.asked_of_scene(takes_light=takes_light)
        route = Route("background", "cannot relight, own background", idle)
    return shot.model_copy(update={"recipe": _along(shot.recipe, route)}), route


def _along(asked: Recipe, route: Route) -> Recipe:
    """Return `asked` with the stage of a route that draws in place of `relight`.

    Its negative prompt stays if it is one of its own; the one of the built-in `auto` becomes the route's,
    and so do name and description: a recipe with a name of its own keeps it.

    Raises:
        IdleSettingError: If a stage that is left out has a changed setting that its substitute has not.
    """
    way = Recipe.load(route.taken)
    usual = {Drawn in stage.gives: stage for stage in way.stages}[True]
    drawing = next(stage for stage in asked.stages if isinstance(stage, RelightStage))
    has_own_words = asked.negative_prompt != Recipe.load("auto").negative_prompt
    taken = drawing if type(drawing) is type(usual) else _with_changes(usual, drawing, route)
    stages = tuple(taken if stage is drawing else stage for stage in asked.stages)
    named = way if asked.name == Recipe.load("auto").name else asked
    return asked.model_copy(
        update={
            "name": named.name,
            "description": named.description,
            "is_open": False,
            "negative_prompt": asked.negative_prompt if has_own_words else way.negative_prompt,
            "stages": stages,
        }
    )


def _with_changes(usual: Stage, asked: Stage, route: Route) -> Stage:
    said = {name: getattr(asked, name) for name in asked.model_fields_set - {"stage"}}
    known, defaults = type(usual).model_fields, type(asked).model_fields
    # What is as it is anyhow on the usual way, such as no second pass, is no loss on a way without it.
    absent = sorted(name for name in said if name not in known and said[name] != defaults[name].default)
    if absent:
        because = (
            "a reference picture is given" if route.reason == "reference" else "the backend has no IC-Light"
        )
        raise IdleSettingError(absent, f"{because}, and route {route.taken!r} does not have that")
    taken = {name: value for name, value in said.items() if name in known}
    return type(usual).model_validate({**dict(usual), **taken})
