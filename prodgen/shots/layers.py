"""The layers of a picture under way, each a type of its own, so that a stage can say what it takes and gives.

    Given       the photograph and the other pictures, as they were handed in
    Brief       what is asked of the scene; a look adds to it
    CutOut      the product's matte in the photograph (prodgen.cutout)
    Material    what the product is made of (prodgen.light)
    Pose        how the camera looked at it there (prodgen.pose)
    Placed      the product on its canvas
    PaintedFloor  a background with the floor painted at the product's foot
    Drawn       the scene as it was drawn, and the product as it was lit there
    FinalScene  the scene at the canvas' size
    Shade       the shadow that was laid on it
    Kept        the product's own pixels in the scene's light, measured and judged
    Glass       what of the product one sees through, in its photograph

Layers are immutable. Those of the canvas' size are `Placed`, `FinalScene`, `Shade` and `Kept`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from pydantic import Field

from prodgen import placement
from prodgen.cutout import CutOut as CutOut
from prodgen.cutout import Point, Rectangle
from prodgen.glass import FoundGlass, see_through
from prodgen.identity import Likeness, Verdict
from prodgen.images import Matte, Photo, RgbImage
from prodgen.light import Light
from prodgen.light.made_of import Material as Material
from prodgen.masks import dilate, erode
from prodgen.placement import Placement
from prodgen.pose import Pose as Pose
from prodgen.pose import PoseHint
from prodgen.refusals import CheckedValue
from prodgen.schema import Lora, Proof
from prodgen.shadows import Transmission

Ground = Literal["auto", "none", "inpaint"]
"""What is done about the floor under the product."""

NO_BACKEND = "none"
"""`Origin.backend` of a scene that no backend drew."""


SMALLEST_JUDGED = 0.03
"""Radius of the smallest opaque part that is judged, in the product's extents. Chosen: wider than a gleam."""

LEAST_JUDGED = 0.3
"""Share of a glass product that must be opaque to be judged alone.

Measured: bottles with labels have 0.5; a tumbler has 0.2, a dark rim and a straw that show no light."""


class Grade(CheckedValue):
    """Tone and colour of a look; the defaults change nothing."""

    contrast: float = Field(default=1.0, ge=0.5, le=2)
    """Power around middle grey in linear light."""

    saturation: float = Field(default=1.0, ge=0, le=2)
    """Factor of the distance to grey; 0 is black and white."""

    warmth: float = Field(default=0.0, ge=-0.3, le=0.3)
    """Share by which red grows and blue shrinks; negative is cooler."""

    lift: float = Field(default=0.0, ge=0, le=0.2)
    """The sRGB value that black becomes."""


@dataclass(frozen=True, eq=False)
class Given:
    """The pictures of one shot as they were read, and hints of where the product is."""

    photo: Photo
    """The photograph; never replaced."""

    matte: Matte | None = None
    """The user's own matte of the product in the photograph."""

    box: Rectangle | str | None = None
    """The product's box in the photograph, in pixels or in words."""

    points: tuple[Point, ...] | str = ()
    """Places that are surely product or surely background, in pixels or in words."""

    pose: PoseHint = "auto"
    """What the user says of how the camera looked at the product."""

    found: CutOut | None = None
    """What an earlier process has found already; it is final."""

    backdrop: RgbImage | None = None
    """The user's own background picture, of any size."""

    reference: RgbImage | None = None
    """A picture whose look and set the scene takes over, of any size."""

    light_map: RgbImage | None = None
    """The user's own light map, of any size."""

    light_from: RgbImage | None = None
    """A reference picture in whose light the product is to stand, of any size."""


@dataclass(frozen=True)
class Brief:
    """What is asked of the scene, and by which limits the product in it is judged."""

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    lights: tuple[Light, ...] = ()
    """The key light first; none leaves the light to the scene."""
    loras: tuple[Lora, ...] = ()
    grade: Grade = field(default_factory=Grade)
    """Tone and colour of the scene; the last stage applies it."""
    profile: str = "editorial"
    """Name of the limits that the product's likeness is judged by."""
    product_words: str = ""
    """What the product is made of, in words for the backend; "" leaves it to the picture of it."""
    camera_words: str = ""
    """How the scene's camera looks, in words for the backend; "" leaves it to the scene."""
    is_read_exactly: bool = False
    """Whether the backend reads every word, as no model does: degrees of a light, and a shadow not wanted."""
    unwanted_shadow: str = ""
    """What the scene is to be drawn without, in words for the backend that can leave it out."""
    asked: tuple[str, ...] = ()
    """What the shot itself asks of a drawn scene, by the options' names; idle where none is drawn."""

    @property
    def key_light(self) -> Light | None:
        """The light that prompt words and shadow take; None if the scene has its own."""
        return self.lights[0] if self.lights else None


@dataclass(frozen=True, eq=False)
class Placed:
    """The product on its canvas; all pictures have the canvas' size."""

    placement: Placement
    original: RgbImage
    """The product's own pixels; the truth that its likeness is measured against."""
    matte: Matte
    """The product, 1 = product."""
    backdrop: RgbImage | None = None
    """The user's own background, cut to the canvas."""
    keeps_surroundings: bool = False
    """Whether `original` has the photograph's own surroundings at the product's edge, because they stay."""


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
    prompt: str = ""
    """The prompt that was sent: words of the look and of the light are in it."""
    negative_prompt: str = ""
    """The negative prompt that was sent."""
    loras: Mapping[str, float] = field(default_factory=dict)
    """The LoRAs that were sent, with their weights."""
    proofs: Mapping[str, Proof] = field(default_factory=dict)
    """How it is known that what was asked for ran, by feature."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """The scene as it was drawn, at the size at which it was drawn."""

    scene: RgbImage
    """Everything but the product, of any size; inside the matte it holds whatever was there."""
    relit: RgbImage | None
    """The whole picture with the product as the backend lit it; None where nothing lit it."""
    origin: Origin


@dataclass(frozen=True, eq=False)
class PaintedFloor:
    """A background of the user's, with the floor at the product's foot painted by a model."""

    backdrop: RgbImage | None
    """(H, W, 3), of the canvas' size, the user's to the bit outside a narrow strip; None in a hand-over."""
    origin: Origin
    """Who painted it."""


@dataclass(frozen=True, eq=False)
class FinalScene:
    """The scene at the canvas' size. Inside the matte it holds whatever was there."""

    image: RgbImage


@dataclass(frozen=True, eq=False)
class Shade:
    """The shadow that was laid on the scene, at the canvas' size."""

    transmission: Transmission
    """(H, W), under several lights (H, W, 3): the share of linear light left, its opacity included."""
    color: str = "#000000"
    """Colour that white has in a full shadow."""

    @property
    def by_channel(self) -> Transmission:
        """The transmission as (H, W, 1) or (H, W, 3)."""
        return self.transmission if self.transmission.ndim == 3 else self.transmission[..., None]


@dataclass(frozen=True, eq=False)
class Kept:
    """The product's own pixels in the scene's light, on the canvas."""

    product: RgbImage
    likeness: Likeness | None = None
    """The measured likeness of the product; None while it is being measured."""
    verdict: Verdict | None = None
    """Which limits of the profile it breaks."""


@dataclass(frozen=True, eq=False)
class Glass:
    """A product that one sees through; whatever scene there is in the end is seen."""

    found: FoundGlass
    """What is clear, at the photograph's size, and who called it glass."""

    def on(self, placed: Placed) -> tuple[RgbImage, RgbImage]:
        """Return on the canvas, (H, W, 3), linear, the shares of `Unmixed`: through and own."""
        unmixed, where = self.found.unmixed, placed.placement
        blank = np.zeros(unmixed.through.shape[:2], np.float32)
        through, _ = placement.apply(where, unmixed.through, blank, fill=0)
        own, _ = placement.apply(where, unmixed.own, blank, fill=1)
        return through, own

    def opaque_part(self, placed: Placed) -> Matte:
        """Return, (H, W), 1 = product, what of it can be judged; where next to nothing can, all of it."""
        _, own = self.on(placed)
        opaque = placed.matte * own.min(axis=2)
        radius = SMALLEST_JUDGED * float(np.sqrt(placed.matte.sum()))
        # Gleams and rims are in no light but their own.
        opaque = opaque * dilate(erode(opaque, radius), radius + 1)
        is_enough = float(opaque.sum()) > LEAST_JUDGED * float(placed.matte.sum())
        return np.asarray(opaque, np.float32) if is_enough else placed.matte

    def product_in(self, scene: RgbImage, product: RgbImage, placed: Placed) -> RgbImage:
        """Return the product, (H, W, 3), sRGB, with a scene seen through it."""
        return see_through(product, scene, placed.matte, *self.on(placed))


DESCRIPTIONS: Mapping[type, str] = {
    Given: "a photograph",
    Brief: "a prompt",
    CutOut: "a cut-out product",
    Material: "what the product is made of",
    Pose: "how the camera looked at the product",
    Placed: "the product on a canvas",
    PaintedFloor: "a painted floor",
    Drawn: "a scene",
    FinalScene: "the scene at its final size",
    Kept: "the measured product",
    Shade: "the product's shadow",
    Glass: "a product of glass",
}
"""What each layer is, for sentences."""
