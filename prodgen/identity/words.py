"""What a person reads about a verdict: plain words first, numbers after. Decides nothing.

The one place where a verdict's facts become sentences, for the terminal, the page and the picture's story.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from prodgen.identity.verdict import BrokenLimit, Likeness, Verdict


class _Subject(NamedTuple):
    """One thing that a shop owner looks at, and the numbers that measure it."""

    name: str
    """How a sentence names it: "the product kept ..."."""
    numbers: tuple[str, ...]
    """Fields of `Likeness`."""
    changed: str
    """What is wrong when a number fails."""
    remedy: str
    """What to do about it, whatever drew the scene."""
    seed: str = ""
    """How another seed is named before it, where one gives another picture; "" where none mends it."""


_SUBJECTS = (
    _Subject(
        "its colours",
        (
            "delta_e_mean",
            "delta_e_p95",
            "delta_e_worst_region",
            "chroma_error_median",
            "chroma_error_p95",
            "hue_error_deg",
            "material_shift_stops",
        ),
        "the product's colours changed",
        "take less of the scene's light (--blend; in mode light also --ambience)",
        "try another seed, or ",
    ),
    _Subject(
        "its surface",
        ("detail", "gradient"),
        "the product's surface has other detail",
        "use a sharper photograph",
        "try another seed, or ",
    ),
    _Subject(
        "its print",
        ("print_agreement", "print_sharpness", "text_errors_percent"),
        "the print on the product changed",
        "read it before you publish it",
        "try another seed, and ",
    ),
    _Subject(
        "its outline",
        ("outline_growth_percent", "halo"),
        "the product's outline changed",
        "check the matte",
        "try another seed, and ",
    ),
    _Subject(
        "all its parts",
        ("missing_percent",),
        "a part of the product is missing in the picture",
        "cut it out anew (--segmenter, --box, --points, or a --matte that has all of it)",
    ),
    _Subject(
        "its highlights and shadows",
        ("white_clipping_percent", "black_clipping_percent"),
        "parts of the product are burnt out or drowned in black",
        "take less of the scene's light (--blend)",
    ),
    _Subject(
        "its new light",
        ("light_kept", "light_angle_error_deg"),
        "the product is lit otherwise than its scene",
        "take more of the scene's light (--blend)",
        "try another seed, or ",
    ),
)

_OTHER = _Subject("its numbers", (), "a number is beyond your own limit", "see docs/identity.md")
"""For numbers that only a shop's own limits judge."""

_KEPT = ("its colours", "its surface", "its print", "its outline")
"""Subjects that a passing product is said to have kept; the light is what should change."""


NUMBERS = {
    "delta_e_mean": ("colour", "dE"),
    "delta_e_p95": ("colour, 95th percentile", "dE"),
    "delta_e_worst_region": ("colour, worst region", "dE"),
    "chroma_error_median": ("chroma, median", ""),
    "chroma_error_p95": ("chroma, 95th percentile", ""),
    "hue_error_deg": ("hue of the worst colour", "degrees"),
    "material_shift_stops": ("one colour's lightness", "stops"),
    "mirrored_percent": ("changed reflections", "%"),
    "detail": ("detail", ""),
    "gradient": ("edges", ""),
    "print_agreement": ("print", ""),
    "print_sharpness": ("print sharpness", ""),
    "text_errors_percent": ("letters misread", "%"),
    "outline_growth_percent": ("outline growth", "%"),
    "missing_percent": ("missing of the product", "%"),
    "halo": ("fringe at the edge", "L*"),
    "white_clipping_percent": ("burnt out to white", "%"),
    "black_clipping_percent": ("drowned in black", "%"),
    "light_kept": ("light kept", ""),
    "light_angle_deg": ("light comes from", "degrees"),
    "light_contrast": ("contrast of the light", ""),
    "light_angle_error_deg": ("light's direction", "degrees off"),
    "repaired_percent": ("light weakened on", "%"),
    "metal_percent": ("bare metal, of colours not compared", "%"),
    "see_through_percent": ("seen through and not compared", "%"),
}
"""Name and unit of each number of `Likeness`, as a person reads them."""


def named(number: str, value: str = "") -> tuple[str, str]:
    """Return a number's plain name, and its value with its unit; an unknown one by its field's name."""
    name, unit = NUMBERS.get(number, (number.replace("_", " "), ""))
    return name, f"{value} {unit}".strip()


def headline(verdict: Verdict, likeness: Likeness | None) -> str:
    """Say in a few words, without a number, whether it still is the same product.

    Args:
        verdict: The judgement.
        likeness: The numbers it was made from; None if the product was not found.
    """
    if not verdict.is_product_found or likeness is None:
        return "the product of the photograph cannot be found in the picture"
    if verdict.status == "fail":
        return _listed([subject.changed for subject, _ in _by_subject(verdict.failures)])
    if verdict.status == "warn":
        touched = [subject.name for subject, _ in _by_subject(verdict.broken)]
        return f"nearly the same product: look at {_listed(touched)}"
    return f"the product kept {_listed(_measured(likeness))}{_not_compared(likeness)}"


def figures(likeness: Likeness) -> str:
    """List the main numbers in one line."""
    parts = [
        f"colour dE {likeness.delta_e_mean:.1f}",
        f"worst region {likeness.delta_e_worst_region:.1f}",
        f"detail {likeness.detail:.2f}",
    ]
    if likeness.print_agreement is not None:
        parts.append(f"print {likeness.print_agreement:.2f}")
    if likeness.text_errors_percent is not None:
        parts.append(f"misread {likeness.text_errors_percent:.0f} %")
    if likeness.outline_growth_percent is not None:
        parts.append(f"outline {likeness.outline_growth_percent:+.1f} %")
    if likeness.light_kept is not None:
        parts.append(f"light kept {likeness.light_kept:.2f}")
    return ", ".join(parts)


def summary(verdict: Verdict, likeness: Likeness) -> str:
    """Say verdict and main numbers in one line, words first."""
    return f"{headline(verdict, likeness)} ({verdict.status}: {figures(likeness)})"


def reasons(
    verdict: Verdict, *, only_failures: bool = False, is_drawn_by_seed: bool = True
) -> tuple[str, ...]:
    """Say what is wrong, a sentence for each thing a person can look at; failures first.

    Each sentence has the change, what to do about it, and the numbers in brackets.

    Args:
        verdict: The judgement.
        only_failures: Leave out what is only a warning.
        is_drawn_by_seed: Whether another seed gives another picture, so that it is named as a remedy.
    """
    if not verdict.is_product_found:
        return (
            "the product of the photograph cannot be found in the result; it may have been redrawn, mirrored"
            " or turned: compare pictures that show it from the same side, or give its --matte",
        )
    warnings = () if only_failures else verdict.broken[len(verdict.failures) :]
    return (
        *_sentences(verdict.failures, "failed", with_seed=is_drawn_by_seed),
        *_sentences(warnings, "warning", with_seed=is_drawn_by_seed),
    )


def notices(verdict: Verdict, likeness: Likeness, *, is_drawn_by_seed: bool = True) -> tuple[str, ...]:
    """Say all that whoever gets the picture must know: weakened light, and each broken limit.

    Args:
        verdict: The judgement.
        likeness: The numbers it was made from.
        is_drawn_by_seed: As of `reasons`.
    """
    weakened = likeness.repaired_percent
    said = (
        f"the scene's light was weakened on {weakened:.0f} % of the product, to keep it the same product",
    )
    return (*(said if round(weakened) else ()), *reasons(verdict, is_drawn_by_seed=is_drawn_by_seed))


def _sentences(broken: Iterable[BrokenLimit], word: str, *, with_seed: bool) -> list[str]:
    return [
        f"{_advice(subject, with_seed=with_seed)} ({word}: {', '.join(map(_figure, limits))})"
        for subject, limits in _by_subject(broken)
    ]


def _advice(subject: _Subject, *, with_seed: bool) -> str:
    return f"{subject.changed}: {subject.seed if with_seed else ''}{subject.remedy}"


def _figure(limit: BrokenLimit) -> str:
    side = "below" if limit.is_least else "above"
    name, value = named(limit.number, f"{limit.value:.2f}")
    return f"{name} {value} is {side} {limit.bound:g}"


def _by_subject(broken: Iterable[BrokenLimit]) -> list[tuple[_Subject, list[BrokenLimit]]]:
    """Broken limits under the subject that they measure, in the order in which subjects appear."""
    owner = {number: subject for subject in _SUBJECTS for number in subject.numbers}
    found: dict[_Subject, list[BrokenLimit]] = {}
    for limit in broken:
        found.setdefault(owner.get(limit.number, _OTHER), []).append(limit)
    return list(found.items())


def _measured(likeness: Likeness) -> list[str]:
    """Subjects of `_KEPT` of which at least one deciding number was measured."""
    is_measured = {
        "its colours": round(likeness.metal_percent) < 100,
        "its print": likeness.print_agreement is not None,
        "its outline": likeness.outline_growth_percent is not None,
    }
    return [name for name in _KEPT if is_measured.get(name, True)]


def _not_compared(likeness: Likeness) -> str:
    """Say what share of the product the numbers say nothing of; "" if there is none to speak of."""
    metal, clear = round(likeness.metal_percent), round(likeness.see_through_percent)
    parts = [f"the colours of {metal} % of it, bare metal"] if metal else []
    parts += [f"{clear} % of it, which one sees through"] if clear else []
    return f"; not compared: {_listed(parts)}" if parts else ""


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
