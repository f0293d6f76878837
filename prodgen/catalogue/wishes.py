"""What the user asks of a whole catalogue: the defaults of its rows, and how pictures are named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from prodgen.catalogue.output_pattern import OutputPattern
from prodgen.catalogue.row_rules import recipe_with
from prodgen.catalogue.templates import read_template
from prodgen.cutout import check_box, check_points
from prodgen.errors import IdleSettingError, SettingError, WrongValueError
from prodgen.light import read_lights
from prodgen.placement import VARIANTS
from prodgen.pose import check_pose
from prodgen.refusals import CheckedValue
from prodgen.schema.prompts import read_lora
from prodgen.schema.seeds import MAX_SEED
from prodgen.shots import check_several
from prodgen.shots.recipe import Setting
from prodgen.text2image.wildcards import MAX_PROMPT, Wildcards

MAX_COUNT = 64
"""Most pictures of one product and scene, as with `prodgen shoot`."""

PromptTemplate = Annotated[str, Field(max_length=MAX_PROMPT)]


class Wishes(CheckedValue):
    """What is asked of every row, unless its own cell says otherwise."""

    prompt: PromptTemplate = ""
    """The scene, as a template over columns."""

    scenes: tuple[tuple[str, PromptTemplate], ...] = ()
    """Names and templates of several scenes; every product is shown in each. They replace `prompt` and the
    column of that name, which `{prompt}` puts into them."""

    negative_prompt: PromptTemplate | None = None
    """What should not be seen, as a template; unset: the recipe's."""

    count: int = Field(default=1, ge=1, le=MAX_COUNT)
    """Pictures of each product and scene, of seeds one after another."""

    variants: int | None = Field(default=None, ge=2, le=len(VARIANTS))
    """Places in the scene that every product is shown at; unset: one, which the recipe or `place` decides."""

    seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    """The first seed of every product; unset: made of its sku and scene, so the same in each run."""

    recipe: str = "auto"
    """Name of a recipe, or its TOML file."""

    settings: Mapping[str, Setting] = Field(default_factory=dict)
    """Parameters of the recipe, by name."""

    pose: str | None = None
    """How the camera looked at every product: auto, upright, flat or degrees, in words."""

    light: str | None = None
    """Where the light comes from, in words; several lights are parted by ";"."""

    reference: str | None = None
    """A picture whose look and set every scene takes over."""

    light_map: str | None = None
    """A picture that is bright where light comes from."""

    light_from: str | None = None
    """A reference picture in whose light every product is to stand."""

    like: str | None = None
    """A delivered picture that every one is to be like."""

    background: str | None = None
    """A picture to put every product into."""

    box: str | None = None
    """Where the product is in every photograph, in words, such as "10%,5%,90%,95%"."""

    points: str | None = None
    """Places that are surely product or background in every photograph, in words."""

    loras: tuple[str, ...] = ()
    """LoRAs, as NAME or NAME:WEIGHT."""

    name: str = ""
    """Pattern of the files' names, as a template over columns, sku, scene, seed, number and photo; "": a
    folder for each product."""

    ending: str = ".png"
    """Ending of the files where `name` has none."""

    limit: int | None = Field(default=None, ge=1)
    """Take only so many rows, the first ones."""

    only: str | None = None
    """Take only the products whose sku is like this pattern, such as "MUG-*"."""

    photos: frozenset[str] | None = None
    """Take only the rows of these photographs, by absolute path."""

    allow_outside: bool = False
    """Whether photographs may lie outside of the sheet's folder."""

    allow_urls: bool = False
    """Whether photographs may be URLs."""

    wildcards: Path | None = None
    """Folder of the files NAME.txt that `__NAME__` takes a line of."""

    def check(self) -> None:
        """Refuse what is wrong whatever the sheet says: templates, settings, scenes of one name, folders.

        Raises:
            SettingError: With what is wrong.
        """
        templates = {
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt or "",
            **dict(self.scenes),
        }
        for name, text in templates.items():
            try:
                read_template(text)
            except SettingError as error:
                raise WrongValueError(name, "", f"cannot be read: {error}") from error
        again = [
            name for name, times in Counter(name for name, _ in self.scenes).items() if times > 1 or not name
        ]
        if again:
            raise WrongValueError("scenes", again[0], "must have a name of its own each")
        if self.scenes and self.prompt:
            raise IdleSettingError(["prompt"], "each scene brings its own prompt")
        if self.variants and "place" in self.settings:
            raise IdleSettingError(["place"], "variants choose the places themselves")
        if self.like is None or self.recipe != "auto":  # else the settings are those of that picture's recipe
            recipe = recipe_with(self.recipe, tuple(self.settings.items()))
            check_several(recipe, has_places=self.variants is not None)
        OutputPattern(self.name, self.ending)
        Wildcards(self.wildcards).names()
        for lora in self.loras:
            read_lora(lora)
        if self.pose is not None:
            check_pose(self.pose)
        if self.light is not None:
            read_lights(self.light)
        if self.box is not None:
            check_box(self.box)
        if self.points is not None:
            check_points(self.points)
