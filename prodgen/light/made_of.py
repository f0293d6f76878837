"""What a product is made of, as far as light treats it otherwise than paint: bare metal, or not.

A white photo studio shows itself in bare metal, which then looks like light grey paint: a brushed pot and a
grey carton can be the same picture. So metal is believed where it is said, by the user or by the prompt's
words for the product. Owns that decision and its words; which parts are metal, and what they mirror, is the
business of `bare_metal`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from prodgen.images import Matte, RgbImage
from prodgen.light.bare_metal import find_metal

MaterialHint = Literal["auto", "opaque", "metal", "glass"]
"""What a user says of a product's material: nothing, "neither metal nor glass", "what is plain is metal", or
"one sees through it"."""

METAL_WORDS = "polished metal"
"""What a prompt says of a product with bare metal, as a part of its own between commas."""

WORDS_CONFIDENCE = 0.9
"""Confidence in metal that the prompt's words for the product name.

Chosen: they may name what is in it, or a colour."""

USUAL_METAL, LIKELY_METAL = 0.15, 0.7
"""Share of products that are bare metal where nothing says so, and where the photograph looks like it.

Chosen for the first. Measured on rendered photographs for the second: 9 of 10 that look so are metal, but few
grey cloths and stones are among them."""

_METALS = (
    r"chrom(?:e|ed)|(?:stainless[ -])?steel|alumini?um|brass|copper|bronze|pewter|nickel|titanium|platinum"
    r"|metal|metallic|silver[ -]plated|gold[ -]plated|gilt|sterling(?:[ -]silver)?"
)
_NAMES_METAL = re.compile(
    rf"\b(?:{_METALS})\b(?![ -](?:blue|gr[ae]y|green|brown|pink|red|colou?r(?:ed)?|look|effect|paint))",
    re.IGNORECASE,
)
_ENDS_PRODUCT = re.compile(
    r",|\b(?:on|upon|in|inside|at|by|under|beside|behind|above|over|against|among|near|before|with|standing|lying)\b",
    re.IGNORECASE,
)
_SENT = re.compile(rf"(?:^|,)\s*{METAL_WORDS}\s*(?=,|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Material:
    """What a product is made of, and how that is known."""

    is_metal: bool
    """Whether plain parts of it are lit as bare metal."""

    confidence: float
    """Probability, [0, 1], that this is so; 1 where a user said it."""

    source: Literal["said", "prompt", "photograph"]
    """Who says it."""

    share: float
    """Share of the product that is bare metal if any of it is, [0, 1]."""

    looks_mirrored: bool = False
    """Whether its photograph looks like metal; that is told, and decides nothing."""

    is_glass: bool = False
    """Whether a user says that it is glass; what of it is clear is told by `prodgen.glass`."""

    def in_prompt(self, prompt: str) -> Material:
        """Return what is known once the prompt is known too: it may name the product's metal."""
        if self.source == "said" or self.is_metal or not self.share or named_metal(prompt) is None:
            return self
        return replace(self, is_metal=True, confidence=WORDS_CONFIDENCE, source="prompt")

    @property
    def words(self) -> str:
        """Words for the prompt of a backend; "" for what every relighting takes a product for."""
        return METAL_WORDS if self.is_metal else ""

    @property
    def notice(self) -> str | None:
        """Say that a product is lit as metal though nobody said so, or is not though the user did."""
        if self.source == "said" and self.is_metal and not self.share:
            return (
                "no part of the product is plain enough to be bare metal, so all of it is lit as paint; metal"
                " is grey, or of one golden hue, without print"
            )
        if self.source == "prompt":
            return (
                f"{self.share:.0%} of the product is lit as bare metal and mirrors the scene: the prompt"
                " names its metal (--material opaque lights it as paint)"
            )
        if self.source == "photograph" and self.looks_mirrored:
            return (
                f"{self.share:.0%} of the product looks like bare metal, and is lit as paint; with --material"
                " metal it mirrors the scene"
            )
        return None

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "metal": self.is_metal,
            "confidence": round(self.confidence, 2),
            "source": self.source,
            "metal_share": round(self.share, 3),
        }


def find_material(photo: RgbImage, matte: Matte, *, hint: MaterialHint = "auto") -> Material:
    """Tell from its photograph, and from what the user says, whether parts of a product are bare metal.

    Args:
        photo: (H, W, 3), sRGB, the product in a plain bright studio.
        matte: (H, W), 1 = product.
        hint: What the user says.
    """
    if hint in ("opaque", "glass"):
        return Material(is_metal=False, confidence=1.0, source="said", share=0.0, is_glass=hint == "glass")
    found = find_metal(photo, matte)
    share = 0.0 if found is None else found.covers
    if hint == "metal":
        return Material(is_metal=True, confidence=1.0, source="said", share=share)
    looks_mirrored = found is not None and found.looks_mirrored
    return Material(
        is_metal=False,
        confidence=1 - (LIKELY_METAL if looks_mirrored else USUAL_METAL),
        source="photograph",
        share=share,
        looks_mirrored=looks_mirrored,
    )


def named_metal(prompt: str) -> str | None:
    """Return the metal that a prompt names for its product, in its own words; None if it names none.

    Words for the product stand before the first comma or preposition: "steel flask on oak", and not "a flask
    on brushed steel". Colours that are called after metals are none: "steel blue mug".
    """
    end = _ENDS_PRODUCT.search(prompt)
    found = _NAMES_METAL.search(prompt if end is None else prompt[: end.start()])
    return None if found is None else found.group()


def read_material(prompt: str) -> tuple[bool, str]:
    """Return whether a prompt says in so many words that the product is bare metal, and the rest of it."""
    rest, times = _SENT.subn("", prompt)
    return times > 0, rest if times else prompt
