"""The verdict on a whole picture: the product in it and its cut-out, of which the worse one counts.

What the identity measurement finds unchanged is only what the cut-out kept, so neither says enough alone.
Facts first; the sentences for people are made of them below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prodgen import identity
from prodgen.cutout import MatteQuality
from prodgen.identity import Likeness, Status, Verdict

_CUT_OUT = {
    "pass": "",
    "warn": "the cut-out may be wrong; as cut out, ",
    "fail": "the cut-out is probably wrong; as cut out, ",
}
"""What a person reads about the cut-out before what there is to say about the product in it."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """What is known about one picture: whether its product was kept, and whether its cut-out is right."""

    product: Verdict | None = None
    """Which limits the product breaks; None: it was not measured."""
    likeness: Likeness | None = None
    """The numbers that it was judged by; None: not measured, or the product was not found."""
    cut_out: MatteQuality | None = None
    """How likely the cut-out is right; None: the matte was given, or is the photograph's own alpha."""
    is_drawn_by_seed: bool = True
    """Whether another seed would give another picture, and is therefore a remedy."""

    @property
    def status(self) -> Status | None:
        """The worse of product and cut-out; None if neither was judged."""
        parts = [part.status for part in (self.product, self.cut_out) if part is not None]
        return max(parts, key=("pass", "warn", "fail").index, default=None)

    @property
    def is_failed(self) -> bool:
        """Whether product or cut-out is a failure."""
        return self.status == "fail"

    @property
    def is_cut_out_failed(self) -> bool:
        """Whether the cut-out is a failure."""
        return self.cut_out is not None and self.cut_out.status == "fail"

    @property
    def is_beyond_seeds(self) -> bool:
        """Whether something failed that every scene would have: a wrong cut-out, or a part that it lost."""
        return self.is_cut_out_failed or "missing_percent" in self.failures

    @property
    def failures(self) -> tuple[str, ...]:
        """Names of what failed: fields of `Likeness`, and "cut_out"."""
        product = () if self.product is None else self.product.failures
        return (*(["cut_out"] if self.is_cut_out_failed else []), *(limit.number for limit in product))

    @property
    def headline(self) -> str:
        """Say in a few words, without a number, whether it still is the same product."""
        before = "" if self.cut_out is None else _CUT_OUT[self.cut_out.status]
        if self.product is None:
            return f"{before}the product was not measured"
        return before + identity.headline(self.product, self.likeness)

    @property
    def summary(self) -> str:
        """Say verdict and main numbers in one line, words first."""
        figures = [] if self.likeness is None else [identity.figures(self.likeness)]
        if self.cut_out is not None:
            figures.append(f"cut-out {self.cut_out.score:.2f}")
        numbers = f": {', '.join(figures)}" if figures else ""
        return self.headline if self.status is None else f"{self.headline} ({self.status}{numbers})"

    def reasons(self, *, only_failures: bool = False) -> tuple[str, ...]:
        """Say what is wrong and what to do about it, a sentence each: the cut-out first, then the product.

        Args:
            only_failures: Leave out what is only a warning.
        """
        is_told = self.cut_out is not None and (self.is_cut_out_failed or not only_failures)
        cut_out = self.cut_out.doubts if self.cut_out is not None and is_told else ()
        product: tuple[str, ...] = ()
        if self.product is not None:
            product = identity.reasons(
                self.product, only_failures=only_failures, is_drawn_by_seed=self.is_drawn_by_seed
            )
        return (*map(str, cut_out), *product)

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict, the cut-out's quality and the product's numbers, ready for JSON."""
        quality, likeness = self.cut_out, self.likeness
        return {
            "verdict": self.status,
            "cut_out": None
            if quality is None
            else {
                "score": round(quality.score, 3),
                "status": quality.status,
                "reasons": [
                    {"kind": doubt.kind, "share": round(doubt.share, 3), "text": str(doubt)}
                    for doubt in quality.reasons
                ],
            },
            "identity": None if likeness is None else likeness.model_dump(mode="json"),
        }
