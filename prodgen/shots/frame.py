"""What a stage is, what it works on, and what it may use.

A `Frame` is one picture under way, in layers: the photograph, its product on the canvas, the scene
around it, the light. Frozen: a stage returns a new one. `Tools` are all that a stage may reach.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from prodgen.errors import SettingError
from prodgen.images import Matte, Photo, RgbImage
from prodgen.light import Light
from prodgen.masks import composite
from prodgen.placement import Placement
from prodgen.schema import Generation, Lora

if TYPE_CHECKING:
    from prodgen.client import Client
    from prodgen.cutout import Segmenter
    from prodgen.identity import Likeness, Verdict
    from prodgen.shading import LightField


class Grade(BaseModel):
    """Tone and colour of a look; the defaults change nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    contrast: float = Field(default=1.0, ge=0.5, le=2)
    """Power around middle grey in linear light."""

    saturation: float = Field(default=1.0, ge=0, le=2)
    """Factor of the distance to grey; 0 is black and white."""

    warmth: float = Field(default=0.0, ge=-0.3, le=0.3)
    """Share by which red grows and blue shrinks; negative is cooler."""

    lift: float = Field(default=0.0, ge=0, le=0.2)
    """The sRGB value that black becomes."""


@dataclass(frozen=True)
class Origin:
    """Who drew the scene, and how it can be drawn again."""

    backend: str
    """Name and address of the backend; "none" where no backend was needed."""
    checkpoint: str | None = None
    checkpoint_hash: str | None = None
    infotext: str = ""
    """A1111's own line for the picture that the scene came from."""
    is_generated: bool = True
    """Whether a trained model drew it: decides how the picture must be marked."""

    @classmethod
    def of(cls, drawn: Generation, *, is_diffusion: bool) -> Self:
        """Say who drew a generation."""
        return cls(
            backend=drawn.backend,
            checkpoint=drawn.checkpoint,
            checkpoint_hash=drawn.checkpoint_hash,
            infotext=drawn.infotexts[0] if drawn.infotexts else "",
            is_generated=is_diffusion,
        )


@dataclass(frozen=True)
class Frame:
    """One picture under way. Layers of the canvas' size: `original`, `matte`, `scene`, `product`."""

    photo: Photo
    """The photograph as handed in; never replaced."""
    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    light: Light | None = None
    """What light is asked for; None leaves it to the scene."""
    loras: tuple[Lora, ...] = ()
    grade: Grade = field(default_factory=Grade)
    """The look of the scene; finish applies it."""
    backdrop: RgbImage | None = None
    """The user's own background picture, any size."""
    photo_matte: Matte | None = None
    """The product in the photograph, at the photograph's size."""
    foreground: RgbImage | None = None
    """The photograph with the old background's colour taken out of the product's edge."""
    placement: Placement | None = None
    original: RgbImage | None = None
    """The product's own pixels on the canvas; the truth that identity is measured against."""
    matte: Matte | None = None
    """The product on the canvas."""
    relit: RgbImage | None = None
    """The product as the backend lit it, whole picture, at the size the backend drew it."""
    scene: RgbImage | None = None
    """Everything but the product. Inside the matte it holds whatever was there."""
    product: RgbImage | None = None
    """The product's own pixels in the scene's light."""
    light_field: LightField | None = None
    identity: Likeness | None = None
    """The measured likeness of the product."""
    verdict: Verdict | None = None
    """Which limits of the identity stage's profile that breaks."""
    origin: Origin = field(default_factory=lambda: Origin("none", is_generated=False))
    notices: tuple[str, ...] = ()
    """What was done another way than asked, or had to be guessed; a sentence each."""

    def replace(self, **changes: Any) -> Frame:
        """Return a new frame with these fields changed."""
        return replace(self, **changes)

    def noting(self, *notices: str | None) -> Frame:
        """Return a new frame with these notices added, each only once."""
        new = [notice for notice in notices if notice and notice not in self.notices]
        return replace(self, notices=(*self.notices, *dict.fromkeys(new))) if new else self

    @property
    def picture(self) -> RgbImage:
        """The layers as one picture: the product over the scene."""
        original, matte = self.on_canvas("the picture")
        product = original if self.product is None else self.product
        if self.scene is None:
            return product
        return composite(product, self.in_final_scene("the picture"), matte)

    def cut_out(self, stage: str) -> tuple[RgbImage, Matte]:
        """Return foreground colours and matte of the photograph; `stage` needs them.

        Raises:
            SettingError: If the recipe has no segment stage before it.
        """
        if self.foreground is None or self.photo_matte is None:
            raise SettingError(f"{stage} needs a cut-out product: put the stage 'segment' before it")
        return self.foreground, self.photo_matte

    def on_canvas(self, stage: str) -> tuple[RgbImage, Matte]:
        """Return the product and its matte on the canvas; `stage` needs them.

        Raises:
            SettingError: If the recipe has no place stage before it.
        """
        if self.original is None or self.matte is None or self.placement is None:
            raise SettingError(f"{stage} needs the product on a canvas: put the stage 'place' before it")
        return self.original, self.matte

    def in_scene(self, stage: str) -> RgbImage:
        """Return the scene; `stage` needs it.

        Raises:
            SettingError: If the recipe has no stage before it that makes a scene.
        """
        if self.scene is None:
            raise SettingError(f"{stage} needs a scene: put 'relight', 'background' or 'sweep' before it")
        return self.scene

    def in_final_scene(self, stage: str) -> RgbImage:
        """Return the scene, as large as the canvas; `stage` needs it so.

        Raises:
            SettingError: If there is none, or it still has the size that the backend drew it at.
        """
        scene, (_, matte) = self.in_scene(stage), self.on_canvas(stage)
        if scene.shape[:2] != matte.shape:
            raise SettingError(
                f"{stage} needs the scene at its final size: put the stage 'upscale' before it"
            )
        return scene


@dataclass(frozen=True)
class Tools:
    """What a stage may use, and nothing else. A stage that needs no backend never opens one."""

    client: Callable[[], Client]
    """Gives the connection to the backend, opened at the first call."""
    segmenter: Callable[[str], Segmenter]
    """Gives a segmenter by name."""
    progress: Callable[[str, float], None] = lambda stage, fraction: None
    """Is told how far a stage is, 0 to 1."""


class Stage(BaseModel):
    """One step of a recipe: fields are its parameters, `apply` is its work."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    is_seeded: ClassVar[bool] = False
    """Whether the seed changes what it does; stages before the first such one are done once for all seeds."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return a new frame with this step's work done."""
        raise NotImplementedError(type(self).__name__)  # pragma: no cover - abstract

    def with_settings(self, settings: dict[str, Any]) -> Self:
        """Return this stage with those of the settings that it has, validated."""
        own = {name: value for name, value in settings.items() if name in type(self).model_fields}
        return type(self).model_validate({**self.model_dump(), **own}) if own else self
