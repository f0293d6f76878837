"""What a stage is, what it works on, and what it may use.

A `Frame` is one picture under way: the layers that there are so far, by their type. It is immutable; a stage
returns a new one. `Tools` are all that a stage may reach.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

from prodgen.client import Client
from prodgen.errors import SettingError
from prodgen.images import RgbImage
from prodgen.masks import composite
from prodgen.refusals import CheckedValue
from prodgen.shots.layers import DESCRIPTIONS, FinalScene, Glass, Kept, PaintedFloor, Placed

L = TypeVar("L")


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture under way: `frame[Placed]` is a layer that must be there, `frame.get(Kept)` may be."""

    layers: Mapping[type, Any] = field(default_factory=dict)
    """Each layer by its type."""
    notices: tuple[str, ...] = ()
    """What was done another way than asked, or had to be guessed; a sentence each."""

    def __getitem__(self, kind: type[L]) -> L:
        """Return a layer.

        Raises:
            SettingError: If there is none of that kind; a recipe that was loaded has all that it needs.
        """
        layer = self.get(kind)
        if layer is None:
            raise SettingError(f"this stage needs {DESCRIPTIONS.get(kind, kind.__name__)} before it")
        return layer

    def get(self, kind: type[L]) -> L | None:
        """Return a layer, or None if there is none of that kind yet."""
        return self.layers.get(kind)

    def holding(self, *layers: object) -> Frame:
        """Return a new frame with these layers added, each in place of an earlier one of its kind."""
        return replace(self, layers={**self.layers, **{type(layer): layer for layer in layers}})

    def noting(self, *notices: str | None) -> Frame:
        """Return a new frame with these notices added, each only once."""
        new = [notice for notice in notices if notice and notice not in self.notices]
        return replace(self, notices=(*self.notices, *dict.fromkeys(new))) if new else self

    @property
    def backdrop(self) -> RgbImage | None:
        """The user's background, at the canvas' size, with its floor painted if it was."""
        floor = self.get(PaintedFloor)
        return self[Placed].backdrop if floor is None else floor.backdrop

    @property
    def product(self) -> RgbImage:
        """The product on the canvas, (H, W, 3); of glass, with the scene seen through it."""
        placed, kept = self[Placed], self.get(Kept)
        product = placed.original if kept is None else kept.product
        glass, scene = self.get(Glass), self.get(FinalScene)
        return product if glass is None or scene is None else glass.product_in(scene.image, product, placed)

    @property
    def picture(self) -> RgbImage:
        """The layers as one picture: the product over the scene."""
        scene = self.get(FinalScene)
        return self.product if scene is None else composite(self.product, scene.image, self[Placed].matte)


@dataclass(frozen=True)
class Tools:
    """What a stage may use, and nothing else. A stage that needs no backend never opens one."""

    client: Callable[[], Client]
    """Gives the connection to the backend, opened at the first call."""
    progress: Callable[[str, float], None] = lambda stage, fraction: None
    """Called with a stage's name and how far it is, 0 to 1."""


class Stage(CheckedValue):
    """One step of a recipe: fields are its parameters, `apply` is its work, `stage` is its name."""

    takes: ClassVar[tuple[type, ...]] = ()
    """Layers that must be there before it."""

    gives: ClassVar[tuple[type, ...]] = ()
    """Layers that are there after it."""

    precedes: ClassVar[tuple[type, ...]] = ()
    """Layers that must not be there before it: they would be wrong after it."""

    asks_backend: ClassVar[bool] = False
    """Whether it has a backend draw, so that prompt, seed, light and LoRAs have an effect."""

    needs_prompt: ClassVar[bool] = True
    """Whether a backend that it asks needs words for what to draw."""

    takes_light: ClassVar[bool] = False
    """Whether it lights the product by the lights that are asked for, without a drawn scene."""

    takes_background: ClassVar[bool] = False
    """Whether it can put the product into a background of the user's."""

    is_for_others: ClassVar[bool] = False
    """Whether its layers are of no use but to later stages, so that it is left out where none uses them."""

    takes_reference: ClassVar[bool] = False
    """Whether it takes the look and the set of a reference picture over."""

    lights_product: ClassVar[bool] = False
    """Whether it gives a picture of the product in a new light."""

    stage: str
    """The name by which recipes, progress and times call it."""

    @property
    def uses(self) -> tuple[type, ...]:
        """Layers that it looks at if they are there."""
        return ()

    @property
    def unwanted_shadow(self) -> str:
        """What the scene is to be drawn without, where a backend can leave it out; "" is nothing."""
        return ""

    @property
    def acts_on_light(self) -> tuple[str, ...]:
        """Its settings that are without effect where no stage lights the product anew."""
        return ()

    def foresee(self, frame: Frame) -> None:
        """Refuse, before a backend draws for minutes, what cannot be done with what is there by then.

        Args:
            frame: The product on its canvas; of a recipe whose scene a backend draws or a user gives.

        Raises:
            ProdgenError: If this stage would refuse it after the drawing.
        """

    @abstractmethod
    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return a new frame with this step's work done."""
