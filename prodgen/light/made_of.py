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
    r"chromed?|(?:stainless )?steel|alumini?um|brass|copper|bronze|pewter|nickel|titanium|platinum|metal"
    r"|metallic|(?:silver|gold|chrome)[ -]plated|gilt|sterling(?: silver)?|polished (?:silver|gold)"
)
_PRECIOUS = r"(?:white |rose )?gold|silver"
_JEWELS = (
    r"ring|earring|necklace|bracelet|bangle|pendant|brooch|chain|cufflink|locket|candlestick"
    r"|trophy"
)
_HEADS = (
    r"kettle|teakettle|teapot|coffeepot|pot|pan|saucepan|wok|flask|thermos|bottle|tumbler|mug|cup"
    r"|goblet|bowl|plate|tray|vase|jug|pitcher|carafe|shaker|can|tin|canister|jar|lid|bucket|basket"
    r"|colander|sieve|whisk|ladle|spatula|tongs|spoon|fork|knife|knives|cutlery|scissors|shears"
    r"|grater|opener|grinder|mill|lamp|lantern|torch|flashlight|holder|stand|clock|watch|frame"
    r"|faucet|tap|handle|knob|hook|hinge|key|keyring|lighter|razor|pen|bell|figurine|sculpture"
    r"|dumbbell|wrench|hammer|screwdriver|toaster|maker|machine|container|box"
)
_BETWEEN = (
    r"tea|coffee|espresso|moka|milk|water|wine|beer|beverage|soda|travel|vacuum|insulated|drinking"
    r"|frying|sauce|mixing|salad|serving|cocktail|pepper|salt|spice|candle|desk|table|floor|pendant"
    r"|wall|kitchen|bread|wrist|alarm|photo|ice|lunch|storage|cream|lid|signet|wedding|engagement"
    r"|hoop"
)
_NAMES_METAL = re.compile(
    rf"\b(?:(?P<metal>{_METALS})(?: (?:{_BETWEEN}))? (?:{_HEADS}|{_JEWELS})s?"
    rf"|(?P<precious>{_PRECIOUS})(?: (?:{_BETWEEN}))? (?:{_JEWELS})s?"
    rf"|(?:{_HEADS}|{_JEWELS})s? (?:made )?of (?:\w+ )?(?P<of>{_METALS}|{_PRECIOUS}))$",
    re.IGNORECASE,
)
"""A metal right before what the product is, or after "of"; a word of it that is not known says nothing."""

_DENIES = re.compile(
    r"\b(?:no|not|non|never|without|for|like|(?:poster|picture|photo|print|box|bottle|tube|can|jar) of)\b",
    re.IGNORECASE,
)
"""What before a metal makes it none of the product's."""

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
        if self.source == "said" or not (named_metal(prompt) or read_material(prompt)[0]):
            return self
        return replace(self, is_metal=self.share > 0, confidence=WORDS_CONFIDENCE, source="prompt")

    @property
    def words(self) -> str:
        """Words for the prompt of a backend; "" for what every relighting takes a product for."""
        return METAL_WORDS if self.is_metal else ""

    @property
    def notice(self) -> str | None:
        """Say as what the product is lit, where anything speaks for metal."""
        if self.is_metal and self.share:
            why = (
                "" if self.source == "said" else ", for the prompt names its metal (--material opaque: paint)"
            )
            return (
                f"{self.share:.0%} of the product is lit as bare metal, which takes on the scene's colours:"
                f" there they are not compared{why}"
            )
        if self.is_metal or self.source == "prompt":
            return (
                "no part of the product is plain enough to be bare metal, so all of it is lit as paint; metal"
                " is grey, or of one golden hue, neither black nor printed"
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

    Words for the product stand before the first comma or preposition, and its metal right before what it is,
    or after "of": "steel flask on oak", "kettle made of brass". In doubt it is none: "a flask on brushed
    steel", "steel-cut oats", "bottle of steel cleaner", "steel blue mug".
    """
    end = _ENDS_PRODUCT.search(prompt)
    product = " ".join((prompt if end is None else prompt[: end.start()]).split())
    found = _NAMES_METAL.search(product)
    if found is None or _DENIES.search(product[: found.start()]):
        return None
    return str(next(filter(None, found.groups())))


def read_material(prompt: str) -> tuple[bool, str]:
    """Return whether a prompt says in so many words that the product is bare metal, and the rest of it."""
    rest, times = _SENT.subn("", prompt)
    return times > 0, rest if times else prompt
