"""A shot: everything that decides one picture, small enough to travel to a worker."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PlainSerializer, PlainValidator, SerializeAsAny, field_validator

from prodgen import files
from prodgen.cutout import Point, Rectangle, check_box, check_points
from prodgen.errors import ImageError, SettingError
from prodgen.files import PictureSource
from prodgen.images import Photo
from prodgen.light import Light, read_lights
from prodgen.pose import PoseHint
from prodgen.refusals import CheckedValue
from prodgen.schema import Lora, prompts, seeds
from prodgen.shots.examples import read_example
from prodgen.shots.like import Like, followed
from prodgen.shots.read_from_words import AS_IT_IS, PoseField, SeveralLights
from prodgen.shots.recipe import Recipe, Setting

IN_MEMORY = "picture in memory"
"""What stories call a picture that has no file."""


class HeldPicture:
    """A picture that was handed over in memory. Equal to another one if its pixels are."""

    def __init__(self, photo: Photo) -> None:
        self.photo = photo

    @cached_property
    def digest(self) -> bytes:
        """Digest of the pixels."""
        whole = hashlib.sha256(repr(self.photo.pixels.shape).encode())
        whole.update(self.photo.pixels.tobytes())
        if self.photo.matte is not None:
            whole.update(self.photo.matte.tobytes())
        return whole.digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HeldPicture) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def _hold(source: object) -> Path | HeldPicture:
    if isinstance(source, HeldPicture):
        return source
    if isinstance(source, str | os.PathLike):
        return Path(source)
    return HeldPicture(files.load(source))  # type: ignore[arg-type]  # what is no picture is refused there


def _as_json(picture: Path | HeldPicture) -> str:
    if isinstance(picture, HeldPicture):
        raise SettingError("a picture in memory cannot be written as JSON; save it and give its path")
    return str(picture)


ShotPicture = Annotated[
    Path | HeldPicture, PlainValidator(_hold), PlainSerializer(_as_json, when_used="json")
]
"""A picture of a shot: a path stays a path; whatever else is a picture is read when the shot is made."""

ShotBox = Annotated[Rectangle | str, PlainValidator(check_box), AS_IT_IS]
"""A box in pixels, or in words, which may be shares of any photograph."""

ShotPoints = Annotated[tuple[Point, ...] | str, PlainValidator(check_points), AS_IT_IS]
"""Points in pixels, or in words, which may be shares of any photograph."""

PICTURES = ("photo", "matte", "background", "reference", "light_map", "light_from")
"""Fields of a shot that are pictures."""


class Shot(CheckedValue):
    """One picture to be made: paths, words and numbers (and pixels only where a picture has no file)."""

    photo: ShotPicture
    """The product's photograph."""

    prompt: str = Field(default="", max_length=8000)
    """The scene, in words; or words for the product, where the recipe brings the scene."""

    negative_prompt: str | None = Field(default=None, max_length=8000)
    """What should not be seen; unset: the recipe's."""

    seed: int = Field(default_factory=seeds.draw, ge=0, le=seeds.MAX_SEED)
    """Decides the scene; drawn if not given, always recorded."""

    output: Path | None = None
    """Where the picture goes, with "{seed}" for the seed that was used; unset: it stays in memory."""

    recipe: SerializeAsAny[Recipe] = Field(default_factory=lambda: Recipe.load("auto"))
    """How it is made."""

    background: ShotPicture | None = None
    """A picture of the user's to put the product into."""

    reference: ShotPicture | None = None
    """A picture whose look and set the scene takes over; the product in it is none of ours."""

    matte: ShotPicture | None = None
    """A matte of the user's, white = product, of the photograph's size; spares the segmenter."""

    box: ShotBox | None = None
    """The product's box in the photograph: left, top, right, bottom in pixels, or in words; helps where it is
    lost."""

    points: ShotPoints = ()
    """Places that are surely product or surely background: x, y, which; or in words."""

    pose: PoseField = "auto"
    """How the camera looked at the product: auto leaves it to the recipe, which estimates it unless it says
    otherwise; upright says that it stands, flat that it is a flat lay from straight above; or degrees, 0
    (head-on) to 90 (from above)."""

    lights: SeveralLights = ()
    """Up to four lights, the key light first; without one the recipe's, or the scene has its own."""

    light_map: ShotPicture | None = None
    """A picture that is bright where light comes from; relighting starts from it."""

    light_from: ShotPicture | None = None
    """A reference picture in whose light the product is to stand; its light is estimated."""

    loras: tuple[Lora, ...] = ()
    """LoRAs by the backend's names."""

    is_repeat: bool = Field(default=False, exclude=True)
    """Whether it is asked beside one before it from which its seed alone tells it; decides nothing of it."""

    like: Like | None = None
    """Which delivered picture it was to be like; what was taken from it stands in the other fields."""

    @field_validator("prompt", "negative_prompt")
    @classmethod
    def _clean(cls, value: str | None) -> str | None:
        return None if value is None else value.replace("\0", "").strip()

    @property
    def whole_prompt(self) -> str:
        """The shot's own words, and behind them the recipe's."""
        return ", ".join(filter(None, [self.prompt, self.recipe.prompt]))

    @property
    def asked_lights(self) -> tuple[Light, ...]:
        """The shot's own lights, else the recipe's, unless a picture of the user's gives the light."""
        has_lit_picture = any((self.light_map, self.light_from, self.background, self.reference))
        return self.lights or (() if has_lit_picture else self.recipe.light)

    @property
    def asked_pose(self) -> PoseHint:
        """What the shot says of the pose, else the recipe."""
        return self.recipe.pose if self.pose == "auto" else self.pose

    @property
    def pictures(self) -> Mapping[str, Path | HeldPicture | None]:
        """The pictures that it is made of, by the names of their fields."""
        return {name: getattr(self, name) for name in PICTURES}

    def asked_of_scene(self, *, takes_light: bool) -> tuple[str, ...]:
        """Return what of it only a drawn scene has a use for, by the options' names.

        Args:
            takes_light: Whether lights have a use without a drawn scene.
        """
        wanted = {
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "light": () if takes_light else self.lights,
            "light_map": self.light_map,
            "light_from": None if takes_light else self.light_from,
            "loras": self.loras,
        }
        return tuple(name for name, value in wanted.items() if value)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that it is made of."""
        return tuple(picture for picture in self.pictures.values() if isinstance(picture, Path))

    @property
    def key(self) -> str:
        """Digest of everything that decides the pixels, the files' content included; not of where they are.

        Raises:
            ImageError: If a file cannot be read.
        """
        words = self.model_dump(mode="json", exclude={*self.pictures, "output", "like"})
        digest = hashlib.sha256(repr(sorted(words.items())).encode())
        if self.recipe.is_open:
            # What was said stays on every route; what was not is each route's own.
            said = [sorted(stage.model_fields_set - {"stage"}) for stage in self.recipe.stages]
            digest.update(repr(said).encode())
        for picture in self.pictures.values():
            digest.update(b"-" if picture is None else _digest(picture))
        return digest.hexdigest()

    def story(self) -> dict[str, Any]:
        """Return the shot as it was asked, ready for JSON; of its pictures only the files' names.

        Of a recipe that leaves the route open it has what was said; the rest is each route's own.
        """
        names = {what: _name(picture) for what, picture in self.pictures.items()}
        told = self.model_dump(mode="json", exclude={*names, "output"})
        if self.recipe.is_open:
            for stage, fields in zip(self.recipe.stages, told["recipe"]["stages"], strict=True):
                for name in fields.keys() - stage.model_fields_set - {"stage"}:
                    del fields[name]
        return {**names, **told}

    @classmethod
    def from_story(
        cls,
        story: Mapping[str, Any],
        *,
        photo: PictureSource,
        background: PictureSource | None = None,
        reference: PictureSource | None = None,
        matte: PictureSource | None = None,
        light_map: PictureSource | None = None,
        light_from: PictureSource | None = None,
        output: str | Path | None = None,
    ) -> Self:
        """Return the shot that a story tells of, made of these pictures.

        Raises:
            SettingError: If the story is damaged, or of another version.
        """
        given = (photo, matte, background, reference, light_map, light_from)
        pictures = dict(zip(PICTURES, given, strict=True))
        return cls.model_validate({**story, **pictures, "output": output})


def new_shot(
    photo: PictureSource,
    prompt: str = "",
    *,
    negative_prompt: str | None = None,
    seed: int | None = None,
    output: str | Path | None = None,
    recipe: str | Path | Recipe = "auto",
    settings: Mapping[str, Setting] | None = None,
    background: PictureSource | None = None,
    reference: PictureSource | None = None,
    matte: PictureSource | None = None,
    box: Rectangle | str | None = None,
    points: Sequence[Point] | str = (),
    pose: str | float | None = None,
    light: str | Light | Sequence[str | Light] | None = None,
    light_map: PictureSource | None = None,
    light_from: PictureSource | None = None,
    loras: Sequence[str | Lora] = (),
    like: PictureSource | None = None,
    is_repeat: bool = False,
) -> Shot:
    """Return a shot; see `prodgen.shots.shoot` for what each part means.

    LoRA tags in the prompt (`<lora:name:0.5>`) become LoRAs: a server ignores unknown tags without a word,
    but an unknown LoRA is refused.

    Raises:
        SettingError: If a field is wrong; says which.
        ImageError: If a picture in memory is none.
    """
    named = tuple(prompts.read_lora(lora) if isinstance(lora, str) else lora for lora in loras)
    read = prompts.read_prompt(prompt, loras=named)
    fields: dict[str, Any] = {
        "photo": photo,
        "prompt": read.words,
        "negative_prompt": negative_prompt,
        "seed": seed,
        "output": output,
        "background": background,
        "reference": reference,
        "matte": matte,
        "box": box,
        "points": points,
        "pose": pose,
        "lights": read_lights(light),
        "light_map": light_map,
        "light_from": light_from,
        "loras": read.loras,
        "is_repeat": is_repeat,
    }
    chosen = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe)
    if like is None:
        fields["recipe"] = chosen.with_settings(settings or {})
    else:
        # `auto` leaves the way open, also to the one of the example.
        fields = followed(read_example(like), fields, None if recipe == "auto" else chosen, settings or {})
    return Shot.model_validate({name: value for name, value in fields.items() if value is not None})


def _name(picture: Path | HeldPicture | None) -> str | None:
    if picture is None:
        return None
    return picture.name if isinstance(picture, Path) else IN_MEMORY


def _digest(picture: Path | HeldPicture) -> bytes:
    if isinstance(picture, HeldPicture):
        return picture.digest
    try:
        return hashlib.sha256(picture.read_bytes()).digest()
    except OSError as error:
        raise ImageError(f"{str(picture)!r} cannot be read: {files.reason_of(error)}") from error
