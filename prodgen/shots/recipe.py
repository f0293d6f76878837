"""A recipe: named, ordered stages with their parameters, and what is done with the pictures; read from TOML.

It holds what two photographs can share. What belongs to one photograph is a shot's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from prodgen.errors import IdleSettingError, SettingError, UnknownNameError
from prodgen.files import read_toml, reason_of
from prodgen.refusals import CheckedValue
from prodgen.schema import prompts
from prodgen.schema.seeds import MAX_TRIES
from prodgen.shots.frame import Stage
from prodgen.shots.layers import DESCRIPTIONS, Brief, Drawn, FinalScene, Given, Ground, Placed, Pose
from prodgen.shots.read_from_words import PoseField, SeveralLights
from prodgen.shots.stages import STAGES, AnyStage, FloorStage, GroundStage, PlaceStage

Setting = str | int | float | bool | None
"""A parameter's value."""


class Delivery(CheckedValue):
    """How a picture's file is written."""

    quality: int = Field(default=95, ge=1, le=100)
    """Quality of JPEG and WebP files; a WebP of 100 is lossless."""

    transparent: bool = False
    """Whether product and shadow are on transparency, in place of the recipe's plain ground."""

    shadow_layer: bool = False
    """Whether the shadow is a picture of its own beside it, NAME-shadow.png, and the other one has none."""

    metadata: bool = True
    """Whether the picture carries its story: recipe, seed, backend, measured likeness, AI marking."""


class Recipe(CheckedValue):
    """Ordered stages that make one picture, and what is done where the product could not be kept."""

    name: str = Field(min_length=1)
    """What `--recipe` calls it."""

    description: str = ""
    """One line for `prodgen recipes list`."""

    prompt: str = Field(default="", max_length=8000)
    """The scene, in words, for recipes of one kind of scene; a shot's own words are put before it."""

    negative_prompt: str = Field(default="", max_length=8000)
    """Used where none is given with the shot."""

    light: SeveralLights = ()
    """Used where the shot has none, nor a picture that gives the light."""

    pose: PoseField = "auto"
    """Used where the shot says nothing: "flat" for a recipe of what lies on the floor."""

    profile: Literal["editorial", "catalogue"] = "editorial"
    """Limits that the product's likeness is judged by; catalogue is strict."""

    tries: int = Field(default=1, ge=1, le=MAX_TRIES)
    """Pictures drawn, each of another seed, until one is inside the limits."""

    on_failure: Literal["warn", "fail"] = "warn"
    """If none is: deliver the last one with a warning, or fail and keep it aside."""

    delivery: Delivery = Field(default_factory=Delivery)
    """How the file is written."""

    is_open: bool = False
    """Whether another route may be taken where the backend cannot go this one (`prodgen.shots.routes`): a
    scene that is relit becomes one that is painted around the product, instead of being refused."""

    stages: tuple[AnyStage, ...] = Field(min_length=1)
    """In the order in which they are applied."""

    def check(self) -> None:
        """Refuse stages in a wrong order, settings without effect, and an open way that is none."""
        check_order(self.stages)
        self._check_scene()
        if self.is_open and not any(stage.stage == "relight" for stage in self.stages):
            raise SettingError(
                "is_open needs the stage 'relight', in whose place another is taken; leave out is_open"
            )

    def _check_scene(self) -> None:
        """Refuse words, lights, a pose and a blend that no stage has a use for; and LoRAs among the words."""
        read = prompts.read_prompt(self.prompt)
        if read.loras or read.kept_names:
            raise SettingError("prompt: LoRAs cannot be named in a recipe; give them with the shot: --lora")
        if self.prompt and not self.asks_backend:
            raise IdleSettingError(["prompt"], "no stage draws a scene")
        if self.light and not (self.asks_backend or self.takes_light):
            raise IdleSettingError(["light"], "no stage draws a scene, or lights the product")
        if self.pose != "auto" and not self.takes_pose:
            raise IdleSettingError(["pose"], "there is no stage 'pose'")
        idle = [name for stage in self.stages for name in stage.acts_on_light if _is_changed(stage, name)]
        if idle and not any(stage.lights_product for stage in self.stages):
            raise IdleSettingError(idle, f"recipe {self.name!r} gives the product no new light to blend")

    @classmethod
    def load(cls, name: str | Path) -> Self:
        """Return a built-in recipe by name, or the recipe in a TOML file.

        Raises:
            SettingError: If there is none of that name, or the file is no recipe; says which field is wrong.
        """
        known = builtin_recipes()
        if str(name) in known:
            return cls._of(known[str(name)])
        path = Path(name)
        try:
            is_name = path.suffix != ".toml" and not path.is_file()
        except OSError as error:
            raise SettingError(f"recipe {str(path)!r} cannot be read: {reason_of(error)}") from error
        if is_name:
            raise UnknownNameError("recipe", str(name), known, "(or give the path of a .toml file)")
        fields = read_toml(path, called="recipe")
        try:
            return cls._of({"name": path.stem, **fields})
        except SettingError as error:
            raise SettingError(f"recipe {str(path)!r}: {error}") from error

    @classmethod
    def _of(cls, fields: Mapping[str, Any]) -> Self:
        """Return the recipe that a TOML file holds: all its stages, or a built-in one and what is changed.

        Raises:
            SettingError: If it is none; says which field is wrong.
        """
        if "based_on" not in fields:
            return cls.model_validate(fields)
        base, changed = fields["based_on"], fields.get("settings", {})
        if not isinstance(base, str) or base not in builtin_recipes():
            raise UnknownNameError("recipe", str(base), builtin_recipes(), "(in based_on)")
        if not isinstance(changed, Mapping):
            raise SettingError("settings must be a table of settings, such as fill = 0.5 below [settings]")
        whole = cls.load(base).with_settings(changed)
        own = {name: value for name, value in fields.items() if name not in ("based_on", "settings")}
        if isinstance(delivery := own.get("delivery"), Mapping):
            own["delivery"] = {**dict(whole.delivery), **delivery}
        return cls.model_validate({**dict(whole), **own})

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of all parameters that `with_settings` can change, each once."""
        of_parts = [name for part in (self.delivery, *self.stages) for name in type(part).model_fields]
        return tuple(sorted({*_POLICIES, *of_parts} - {"stage"}))

    def with_settings(self, settings: Mapping[str, Setting]) -> Self:
        """Return the recipe with these parameters changed: its own, and those of every stage that has them.

        The built-in `auto` leaves the way open, so what only the recipe `outpaint` or `reference` has
        takes that one; any other open recipe draws by the stage `reference` then.

        Raises:
            SettingError: If no stage has one of them, or a value is out of range.
        """
        if not settings:
            return self
        only = {_OF_ONE_RECIPE[name] for name in _OF_ONE_RECIPE if settings.get(name) is not None}
        if len(only) == 1 and self == type(self).load("auto"):
            return type(self).load(*only).with_settings(settings)
        if only == {"reference"} and self.is_open:
            return self._by_reference().with_settings(settings)
        absent = [name for name in settings if name not in self.settings]
        anywhere = {name for kind in STAGES for name in kind.model_fields}
        for name in absent:
            if name not in anywhere:
                raise UnknownNameError(f"setting of recipe {self.name!r}", name, self.settings)
        if absent:
            names = {_OF_ONE_RECIPE[name] for name in absent if name in _OF_ONE_RECIPE}
            other = f", the recipe {min(names)!r} has" if names else ""
            raise IdleSettingError(absent, f"recipe {self.name!r} has no stage for that{other}")
        fields = {**dict(self), "delivery": _changed(self.delivery, settings)}
        fields |= {name: value for name, value in settings.items() if name in _POLICIES}
        fields["stages"] = tuple(_changed(stage, settings) for stage in self.stages)
        changed = type(self).model_validate(fields)
        changed.refuse_idle(settings)
        return changed

    def refuse_idle(self, settings: Mapping[str, Setting]) -> None:
        """Refuse settings that were asked for and have no effect beside the others of this recipe.

        Raises:
            IdleSettingError: With the reason, and all of one reason.
        """
        places = [stage for stage in self.stages if isinstance(stage, PlaceStage)]
        if idle := [name for stage in places for name in stage.idle_among(settings)]:
            raise IdleSettingError(idle, "at its original place the product stays as it is in the photograph")
        if settings.get("upscaler") and not (self.asks_backend or self.takes_background):
            raise IdleSettingError(["upscaler"], f"recipe {self.name!r} has no scene that it could enlarge")

    def _by_reference(self) -> Self:
        """Return an open recipe with the way of a reference picture taken: its scene, drawn by that stage."""
        (drawing,) = [stage for stage in type(self).load("reference").stages if stage.takes_reference]
        stages = tuple(drawing if stage.stage == "relight" else stage for stage in self.stages)
        return self.model_copy(update={"stages": stages, "is_open": False})

    @property
    def asks_backend(self) -> bool:
        """Whether a stage has a backend draw, so that prompt, seed, light and LoRAs have an effect."""
        return self.paints_floor or any(stage.asks_backend for stage in self.stages)

    @property
    def paints_floor(self) -> bool:
        """Whether a backend paints the floor at the product's foot into a background of the user's."""
        return any(isinstance(stage, FloorStage) and stage.ground == "inpaint" for stage in self.stages)

    @property
    def ground(self) -> Ground:
        """What is done about the floor under the product."""
        return next((x.ground for x in self.stages if isinstance(x, FloorStage | GroundStage)), "auto")

    @property
    def needs_prompt(self) -> bool:
        """Whether a stage asks a backend for what only words can tell."""
        return any(stage.asks_backend and stage.needs_prompt for stage in self.stages)

    @property
    def takes_light(self) -> bool:
        """Whether the lights that are asked for light the product without a drawn scene."""
        return any(stage.takes_light for stage in self.stages)

    @property
    def takes_pose(self) -> bool:
        """Whether a stage takes how the camera looked at the product."""
        return any(Pose in stage.gives for stage in self.stages)

    @property
    def takes_background(self) -> bool:
        """Whether a stage can put the product into a background of the user's."""
        return any(stage.takes_background for stage in self.stages)

    @property
    def takes_reference(self) -> bool:
        """Whether a stage takes the look and the set of a reference picture over."""
        return any(stage.takes_reference for stage in self.stages)


_POLICIES = ("negative_prompt", "profile", "tries", "on_failure")
"""Fields of a recipe itself that are settings as well."""

_OF_ONE_RECIPE = {
    "outpaint": "outpaint",
    "expand": "outpaint",
    "reference_by": "reference",
    "reference_weight": "reference",
}
"""Settings that one built-in recipe has and no other."""


def _changed(part: CheckedValue, settings: Mapping[str, Setting]) -> CheckedValue:
    """Return a stage or another part with those of the settings that it has, checked.

    Its `model_fields_set` still names what was said, also where that equals the default.
    """
    own = {name: value for name, value in settings.items() if name in type(part).model_fields}
    said = {name: getattr(part, name) for name in part.model_fields_set}
    return type(part).model_validate({**said, **own}) if own else part


def _is_changed(stage: Stage, name: str) -> bool:
    return bool(getattr(stage, name) != type(stage).model_fields[name].default)


def check_order(stages: Sequence[Stage]) -> None:
    """Refuse stages whose layers are not there when they are needed, or would be wrong afterwards.

    Raises:
        SettingError: If a stage stands too early or too late, or nothing makes a picture; says what to do.
    """
    there: dict[type, str] = {Given: "", Brief: ""}
    for stage in stages:
        for layer in stage.takes:
            if layer not in there:
                raise SettingError(_missing(stage.stage, layer))
        for layer in stage.precedes:
            if layer in there:
                raise SettingError(f"{stage.stage} comes too late: put it before {there[layer]!r}")
        there |= dict.fromkeys(stage.gives, stage.stage)
    if Placed not in there:
        raise SettingError(_missing("the picture", Placed))
    if Drawn in there and FinalScene not in there:
        raise SettingError(_missing("the picture", FinalScene))


def _missing(who: str, layer: type) -> str:
    makers = [kind for kind in STAGES if layer in kind.gives and layer not in kind.takes]
    names = [repr(kind.model_fields["stage"].default) for kind in makers]
    either = " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    where = "into the recipe" if who == "the picture" else "before it"
    noun = "the stage " if len(names) == 1 else ""
    return f"{who} needs {DESCRIPTIONS[layer]}: put {noun}{either} {where}"


@cache
def builtin_recipes() -> dict[str, dict[str, Any]]:
    """Return the recipes that come with prodgen, as their TOML says, by name."""
    folder = files("prodgen.shots") / "recipes"
    found = [
        tomllib.loads(item.read_text("utf-8")) for item in folder.iterdir() if item.name.endswith(".toml")
    ]
    return {fields["name"]: fields for fields in sorted(found, key=lambda fields: str(fields["name"]))}
