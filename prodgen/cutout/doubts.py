"""Whether a matte can be used, and what is doubtful about a usable one.

Doubts are facts. Whoever shows them to a person prints them: `str()` puts one into a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from prodgen.cutout.matting import require_same_size
from prodgen.errors import SegmentationError
from prodgen.images import Matte, Pixels, Plane

SMALLEST_SHARE = 0.0005
"""A product below this share of the picture is taken for dust: nothing can be shown of it. Guard."""

LARGEST_SHARE = 0.98
"""Above this there is no background left, which is what failed segmentation looks like. Guard."""

SMALL_SHARE = 0.01
"""Below this the product is usable, but so small that the user should know. Chosen."""

SOFT_SHARE = 0.3
"""Above this share of half-sure pixels, of the product's area, the segmenter has been guessing. Chosen."""

WIDE_SHARE = 0.9
"""Above this a matte is more likely wrong than a product so large: a palette's one transparent colour.
Chosen."""

REMEDY = (
    "name another --segmenter, draw a --box around the product, mark places with --points, or paint over"
    " the matte with a brush and give it with --matte"
)
"""What to try when segmentation fails."""

GIVEN_REMEDY = (
    "in a matte the product is white and the rest black; without one, a segmenter finds the product"
)
"""What to try when a given matte, or a photograph's own transparency, cannot be used."""

Side = Literal["left", "top", "right", "bottom"]

DoubtKind = Literal[
    "no network installed",
    "busy backdrop",
    "tiny product",
    "hardly any background",
    "half-sure matte",
    "hard matte",
    "no transparency",
    "cut off",
    "doubtful cut-out",
    "looks disagree",
    "outline without edges",
    "product outside",
    "backdrop inside",
    "colours against",
    "fine parts",
]
"""What can be doubtful; `Doubt` says what its numbers mean for each."""


@dataclass(frozen=True)
class Doubt:
    """Something about a cut-out that the user should know; `str()` is the sentence for a person."""

    kind: DoubtKind
    share: float = 0.0
    """Tiny product, hardly any background: the product's share of the photo. Half-sure matte: of all that
    is not surely background. Outline without edges: of the outline. Doubtful cut-out: how likely it is right.
    All others: of the cut-out's area, at most 1."""
    sides: tuple[Side, ...] = ()
    """Cut off: where the product touches the photo's border."""
    because: tuple[Doubt, ...] = ()
    """Doubtful cut-out: what speaks against it, the worst first."""

    @property
    def spans_the_photo(self) -> bool:
        """Whether the product goes from border to border, which a backdrop taken for product does."""
        return {"left", "right"} <= set(self.sides) or {"top", "bottom"} <= set(self.sides)

    def __str__(self) -> str:
        return "; ".join(filter(None, (self.fact, self.remedy)))

    @property
    def remedy(self) -> str:
        """What to do about it, on the command line; "" where nothing needs to be done."""
        match self.kind:
            case "no network installed":
                return "a trained network does better: pip install 'rembg[cpu]'"
            case "busy backdrop":
                return "name another --segmenter"
            case "tiny product":
                return "crop the photo to it"
            case "hardly any background":
                return "check the cut-out; a --box around the product takes away what lies outside"
            case "hard matte":
                return "--refine-edge fits its edge to the photo, --feather 1.5 softens it"
            case "cut off" if self.spans_the_photo:
                return "a --box around the product takes the backdrop away"
            case "doubtful cut-out":
                return f"check it (--preview shows where); if wrong, {REMEDY}"
            case _:
                return ""

    @property
    def fact(self) -> str:
        """What is doubtful, without what to do about it."""
        match self.kind:
            case "no network installed":
                return "cut out by the classical segmenter, which is made for plain backdrops"
            case "busy backdrop":
                return "the backdrop is not plain, so the classical cut-out is a guess"
            case "tiny product":
                return f"the product fills only {self.share:.1%} of the photo"
            case "hardly any background":
                return f"{self.share:.0%} of the photo is taken for product"
            case "half-sure matte":
                return f"{self.share:.0%} of the matte is half-sure"
            case "hard matte":
                return "the matte is black and white only, and cuts the product out with scissors"
            case "no transparency":
                return "the photo has no transparency to keep, so it was cut out anew"
            case "cut off":
                sides = " and ".join(filter(None, (", ".join(self.sides[:-1]), self.sides[-1])))
                words = f"the product touches the photo's {sides} and is cut off there"
                return words + ("; if it is whole, the backdrop was taken for it" * self.spans_the_photo)
            case "doubtful cut-out":
                reasons = " and ".join(doubt.fact for doubt in self.because[:2])
                return (
                    f"the cut-out is right with a probability of only {self.share:.0%}"
                    f"{': ' if reasons else ''}{reasons}"
                )
            case "looks disagree":
                return f"{self.share:.0%} of it is product at one look and background at another"
            case "outline without edges":
                return f"{self.share:.0%} of the outline is not seen in the photograph"
            case "product outside":
                return f"what lies outside looks like product ({self.share:.0%} as large as the cut-out)"
            case "backdrop inside":
                return f"{self.share:.0%} of it looks like backdrop or shadow"
            case "colours against":
                return f"along {self.share:.0%} of its rim the colours are the other side's"
            case "fine parts":
                return f"it is so fine that {self.share:.0%} of it lies at its edge"


class Segmentation(NamedTuple):
    """What a segmenter found."""

    matte: Matte
    """(H, W), 1 = product, soft at the edge, at the photograph's own resolution."""
    doubts: tuple[Doubt, ...] = ()
    """What the segmenter knows to be doubtful about its own work."""
    looks: tuple[Plane, ...] = ()
    """Further looks at the same photograph, by which `quality.assess` judges the matte: what networks
    answered before anything was made of it, [0, 1], at any size; each covers the whole photograph (0 where a
    look at a crop saw nothing)."""


def check_matte(matte: Matte, rgb: Pixels, *, remedy: str = REMEDY) -> list[Doubt]:
    """Refuse a useless matte, whoever made it, and tell facts about a usable one that a user should know.

    Args:
        matte: (H, W), 1 = product.
        rgb: (H, W, 3), the photograph that it belongs to.
        remedy: What an error says to do.

    Returns:
        Doubts, none for a sound matte.

    Raises:
        ImageError: If the sizes differ.
        SegmentationError: If the matte is empty or full.
    """
    require_same_size(matte, rgb)
    share = float(matte.mean())
    if share < SMALLEST_SHARE or float(matte.max()) < 0.5:
        raise SegmentationError(f"no product was found: the matte is empty; {remedy}")
    if share > LARGEST_SHARE:
        raise SegmentationError(f"no background was found: the matte is full; {remedy}")
    doubts: list[Doubt] = []
    if share < SMALL_SHARE:
        doubts.append(Doubt("tiny product", share))
    if share > WIDE_SHARE:
        doubts.append(Doubt("hardly any background", share))
    borders: dict[Side, Matte] = {
        "left": matte[:, 0],
        "top": matte[0],
        "right": matte[:, -1],
        "bottom": matte[-1],
    }
    touched = tuple(side for side, line in borders.items() if float((line > 0.5).mean()) > 0.02)
    if touched:
        doubts.append(Doubt("cut off", sides=touched))
    return doubts


def check_sureness(matte: Matte) -> list[Doubt]:
    """Tell when much of a matte is neither product nor background, as a given one may be by mistake.

    Args:
        matte: (H, W), 1 = product.

    Returns:
        Doubts, none for a matte that is soft at its edge only.
    """
    soft = float(((matte > 0.06) & (matte < 0.94)).mean())
    if soft <= SOFT_SHARE * float(matte.mean()):
        return []
    return [Doubt("half-sure matte", soft / float((matte > 0.06).mean()))]


def check_hardness(matte: Matte) -> list[Doubt]:
    """Tell when a given matte has no soft edge at all, as a brush or a threshold makes it.

    Args:
        matte: (H, W), 1 = product.

    Returns:
        Doubts, none for a matte with a soft edge anywhere.
    """
    is_soft = bool(((matte > 0) & (matte < 1)).any())
    return [] if is_soft else [Doubt("hard matte")]
