"""What a server has to take over the look and the set of a reference picture, told by its own lists.

IP-Adapter and the reference preprocessors are units of the ControlNet extension. Both are chosen by name:
the extension lists preprocessors and models, and passes over a unit that does not fit without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

ReferenceBy = Literal["auto", "ip-adapter", "reference_only", "img2img"]
"""How a reference picture is taken over: by one of two units, or as the picture that drawing starts from."""

TakenBy = Literal["ip-adapter", "reference_only", "img2img", "colors"]
"""How a reference picture was taken over: `colors`, where nothing diffuses, takes colours and light alone."""

UNITS: tuple[ReferenceBy, ...] = ("ip-adapter", "reference_only")
"""Ways that need a unit of ControlNet, the better one first: an IP-Adapter is trained for it."""

_AUTOMATIC = "ip-adapter-auto"
"""Preprocessor that finds the encoder of an adapter by itself, by the extension's name."""

_OF_ENCODER = {
    "H": ("ip-adapter_clip_sd15", "ip-adapter_clip_h", "CLIP-ViT-H (IPAdapter)"),
    "H of SDXL": ("ip-adapter_clip_sdxl_plus_vith", "ip-adapter_clip_h", "CLIP-ViT-H (IPAdapter)"),
    "G": ("ip-adapter_clip_sdxl", "ip-adapter_clip_g", "CLIP-ViT-bigG (IPAdapter)"),
}
"""Preprocessors that encode a picture for an IP-Adapter, by encoder; names of three generations of the
extension, as its lists give them."""

_OF_FACES = ("face", "portrait", "instant", "pulid")
"""Marks of adapters that take over a person, not a look: FaceID, InstantID, PuLID; by their files' names."""

_REFERENCE_MODULES = ("reference_only", "reference_adain+attn", "reference_adain")
"""Preprocessors that need no model, in the order in which the extension lists them."""


@dataclass(frozen=True)
class ReferenceWay:
    """How a reference picture was taken over."""

    by: TakenBy
    """Which way was taken."""

    module: str = "none"
    """The preprocessor of its unit."""

    model: str | None = None
    """The model of its unit."""

    is_guess: bool = False
    """Whether nothing told which family the checkpoint is of, where that decides about the unit."""

    relight_failed: bool = False
    """Whether IC-Light was asked to light the product for the scene that was drawn, and did not."""

    @property
    def is_unit(self) -> bool:
        """Whether a unit of ControlNet does it."""
        return self.by in UNITS

    def __str__(self) -> str:
        """Name it as the server does."""
        by = "light and colours alone" if self.by == "colors" else self.by
        return self.model or (self.module if self.is_unit else by)


def find_unit(
    modules: Sequence[str], models: Sequence[str], *, is_sdxl: bool, by: ReferenceBy = "auto"
) -> ReferenceWay | None:
    """Return the unit that takes a reference picture over; None if the server has none.

    Args:
        modules: The extension's preprocessors.
        models: The extension's models.
        is_sdxl: Whether the checkpoint is one of SDXL; an IP-Adapter is made for one family.
        by: A way of `UNITS`, or "auto" for the best that is there.
    """
    if by in ("auto", "ip-adapter"):
        for model in _adapters(models, is_sdxl=is_sdxl):
            encoder = _encoder(model, is_sdxl=is_sdxl)
            fitting = next((x for x in (_AUTOMATIC, *_OF_ENCODER[encoder]) if x in modules), None)
            if fitting is not None:
                return ReferenceWay("ip-adapter", fitting, model)
    if by in ("auto", "reference_only"):
        module = next((x for x in _REFERENCE_MODULES if x in modules), None)
        if module is not None:
            return ReferenceWay("reference_only", module)
    return None


def of_sdxl(models: Sequence[str]) -> list[str]:
    """Return the IP-Adapters among the models that are made for SDXL, by their names."""
    return [name for name in _named(models) if "xl" in name.lower()]


def _named(models: Sequence[str]) -> list[str]:
    return [name for name in models if "ipadapter" in name.lower().replace("-", "").replace("_", "")]


def _adapters(models: Sequence[str], *, is_sdxl: bool) -> Iterator[str]:
    """Yield the IP-Adapters of a family that are not made for faces, the plain one first.

    The `plus` kind copies more of the picture's own objects, and `light` takes less of it.
    """
    names = of_sdxl(models) if is_sdxl else [name for name in _named(models) if "xl" not in name.lower()]
    fitting = [name for name in names if not any(word in name.lower() for word in _OF_FACES)]
    yield from sorted(fitting, key=lambda name: ("light" in name.lower(), "plus" in name.lower()))


def _encoder(model: str, *, is_sdxl: bool) -> str:
    """Return which encoder an IP-Adapter was trained with, as its makers' model card has it (h94/IP-Adapter).

    Those of SD 1.5, and those whose name has "vit-h" or "plus", were trained with ViT-H, the others with
    ViT-bigG.
    """
    if not is_sdxl:
        return "H"
    name = model.lower().replace("_", "-")
    return "H of SDXL" if "vit-h" in name or "vith" in name or "plus" in name else "G"
