"""Whether a product is taken for glass: what a user says, or what prompt and photograph say together.

A white mug on a white sweep looks like the sweep, as clear glass does. So the photograph alone is never
believed, nor are the words alone: words name the product, and the photograph shows its backdrop through it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from prodgen.glass.unmixing import Unmixed, unmix
from prodgen.images import Matte, RgbImage

LEAST_SHARE = 0.05
"""Share of light from behind that comes through a product called glass, below which that is not believed.

Measured: 0.1 to 0.9 in photographs of glass."""

CUT_OUT = (
    "the product stays opaque: its photograph is a cut-out, and how far the backdrop that was cut away is"
    " seen through glass cannot be told; shoot the photograph that it was cut from"
)
"""Told of glass in a transparent picture."""

_BETWEEN = (
    r"perfume|wine|water|beer|juice|soda|drinking|storage|mason|jam|honey|spice|tea|coffee|cocktail|flower|bud"
    r"|salad|mixing|serving|fruit|candy|cookie|dropper|pump|spray|apothecary|oil|vinegar|medicine|round|square"
    r"|tall|small|large|little|empty|blown|wall(?:ed)?"
)
_VESSELS = (
    r"bottles?|jars?|vases?|tumblers?|carafes?|flacons?|decanters?|goblets?|jugs?|pitchers?|bowls?|cups?|mugs?"
    r"|flasks?|vials?|beakers?|cloches?|domes?|flutes?|teapots?|pots?|paperweights?|ornaments?"
    r"|spheres?|globes?|votives?|lanterns?"
)
_NAMES_GLASS = re.compile(
    r"\b(?:glassware|wine ?glass(?:es)?|drinking glass(?:es)?"
    r"|(?:champagne|beer|whisk(?:e)?y|cocktail|martini|water|juice|shot|highball|tall|empty) glass(?:es)?"
    rf"|(?:glass|clear|transparent|see[ -]through)(?: (?:{_BETWEEN}))? (?:{_VESSELS}))$",
    re.IGNORECASE,
)
_PICTURE_OF = re.compile(
    r"^.*?\b(?:photo(?:graph)?|picture|shot|image|packshot|close[ -]up) of ", re.IGNORECASE
)
_NOT_CLEAR = re.compile(
    r"\b(?:no|not|non|without|fake|milk|milky|frosted|opal(?:escent)?|opaque|porcelain|ceramic|white|painted"
    r"|matte?|enamel(?:led)?)\b",
    re.IGNORECASE,
)
_ENDS_PRODUCT = re.compile(
    r"[,.;:]|\b(?:and|or|on|upon|onto|in|inside|at|by|under|beside|behind|above|over|against|among|amid|near|next"
    r"|before|between|from|through|to|with|standing|lying)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class FoundGlass:
    """A product that is taken for glass, and who says so."""

    unmixed: Unmixed
    """What is seen through it, at its photograph's size."""
    source: Literal["said", "prompt"]
    """Who called it glass."""

    @property
    def notice(self) -> str:
        """Say that it was taken for glass, how clear it is, and what was not judged."""
        seen = (
            f"{self.unmixed.share:.0%} of the light from behind comes through it, and what is seen through"
            " it is not judged"
        )
        if self.source == "said":
            return f"the product is glass, as you say: {seen}"
        return (
            f"the product is taken for glass, as the prompt calls it so: {seen} (--material opaque takes"
            " it for solid)"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"source": self.source, "through": round(self.unmixed.share, 3)}


def named_glass(prompt: str) -> str | None:
    """Return the glass thing that a prompt names as its product, in its own words; None if it names none.

    Words for the product stand before the first comma or preposition, and end with what it is: "glass bottle
    on moss", and neither "a mug next to a glass bottle" nor "glass bottle crate". Milk bottles and frosted
    glass are not clear.
    """
    said = _PICTURE_OF.sub("", prompt)
    end = _ENDS_PRODUCT.search(said)
    named = said if end is None else said[: end.start()]
    found = None if _NOT_CLEAR.search(named) else _NAMES_GLASS.search(named.split(" of ")[0].strip())
    return None if found is None else found.group()


def find_glass(
    seen: RgbImage, matte: Matte, prompt: str, *, is_said: bool = False, is_cut_out: bool = False
) -> tuple[FoundGlass | None, str | None]:
    """Return the product as glass, if it is taken for it, and a sentence where that is in doubt.

    Args:
        seen: The photograph before its own backdrop, (H, W, 3), sRGB, [0, 1].
        matte: (H, W), 1 = product.
        prompt: The scene in words; its first words may name the product.
        is_said: Whether the user says that the product is glass.
        is_cut_out: Whether the photograph has lost its backdrop; `seen` then has another.
    """
    named = named_glass(prompt)
    if named is None and not is_said:
        return None, None
    unmixed = unmix(seen, matte)
    if unmixed is not None and (is_said or unmixed.share >= LEAST_SHARE):
        found = FoundGlass(unmixed, "said" if is_said else "prompt")
        return found, found.notice + ("; white is taken for the backdrop cut away" if is_cut_out else "")
    if is_cut_out:
        return None, CUT_OUT
    if is_said:
        return None, "its photograph shows no plain backdrop through the product, so it stays opaque"
    if unmixed is None:
        return None, (
            f"the prompt names a {named}, but its photograph shows no plain backdrop through it, so it"
            " stays opaque"
        )
    return None, (
        f"the prompt names a {named}, but little of its photograph's backdrop is seen through it: it stays"
        " opaque (--material glass lets the scene through)"
    )
