"""One number for a matte that needs no truth: how likely it is right, why not, and where it is doubtful.

A matte is called right when its intersection over union (IoU) with the true one is 0.9 at least. Nobody has
the true one; what can be had are several looks at the same photograph (a network at the whole picture and at
a crop, another network, a comparison with the backdrop), and the photograph's own edges along the outline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from prodgen.cutout.doubts import Doubt, unseen_outline
from prodgen.cutout.matting import require_same_size, resized
from prodgen.images import Matte, Plane, RgbImage

WORK_PX = 512
"""Longest side at which a matte is judged. Speed."""

PASS_SCORE, FAIL_SCORE = 0.8, 0.3
"""Scores from which a matte passes, and below which it fails. Chosen."""

QualityStatus = Literal["pass", "warn", "fail"]
"""What follows from a score."""


@dataclass(frozen=True, eq=False)
class MatteQuality:
    """How likely a matte is right, and what speaks against it."""

    score: float
    """Estimated probability, [0, 1], that the IoU with the true matte is 0.9 or more."""
    status: QualityStatus
    """Whether the matte can be used unseen (pass), should be looked at (warn), or is more likely wrong."""
    reasons: tuple[Doubt, ...]
    """What speaks against it, the worst first."""
    doubtful: Plane
    """(h, w), [0, 1], at most 512 px a side: how doubtful the matte is at each place of the photograph."""

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """One doubt with all reasons, or none for a matte that passes."""
        return () if self.status == "pass" else (Doubt("doubtful cut-out", self.score, because=self.reasons),)


def assess(rgb: RgbImage, matte: Matte, looks: Sequence[Plane]) -> MatteQuality:
    """Judge a matte by other looks at the same photograph and by the photograph's own edges.

    Args:
        rgb: (H, W, 3), sRGB, [0, 1], the photograph.
        matte: (H, W), 1 = product, as a segmenter found it.
        looks: Planes of any size, [0, 1], that each cover the whole photograph: mattes that other
            segmenters found, or what networks answered before anything was made of it (probabilities).

    Raises:
        ImageError: If the sizes of photograph and matte differ.
    """
    require_same_size(matte, rgb)
    scale = min(1.0, WORK_PX / max(matte.shape))
    size = (max(16, round(matte.shape[1] * scale)), max(16, round(matte.shape[0] * scale)))
    small = resized(matte, size)
    rim, unseen = unseen_outline(small, resized(rgb, size))
    unseen_share = float(unseen.sum() / max(rim.sum(), 1))
    others = [resized(look, size) for look in looks] or [small]
    agreement = float(np.mean([_soft_iou(small, other) for other in others]))
    score = float(np.clip((agreement - 0.6) / 0.35, 0, 1) * np.clip(1.35 - 2 * unseen_share, 0, 1))
    status: QualityStatus = "pass" if score >= PASS_SCORE else "warn" if score >= FAIL_SCORE else "fail"
    reasons = (
        (1 - agreement, Doubt("looks disagree", 1 - agreement)),
        (unseen_share, Doubt("outline without edges", unseen_share)),
    )
    worst_first = sorted(reasons, key=lambda reason: -reason[0])
    away = np.abs(np.stack(others) - small).mean(axis=0)
    doubtful = np.maximum(away, cv2.GaussianBlur(unseen.astype(np.float32), (0, 0), 2))
    return MatteQuality(
        score, status, tuple(doubt for _, doubt in worst_first if status != "pass"), np.clip(doubtful, 0, 1)
    )


def _soft_iou(one: Matte, other: Matte) -> float:
    return float(np.minimum(one, other).sum() / max(float(np.maximum(one, other).sum()), 1e-6))
