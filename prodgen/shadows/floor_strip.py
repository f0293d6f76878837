"""The narrow strip of floor under and around a product's foot, where a missing contact shows."""

from __future__ import annotations

import cv2
import numpy as np

from prodgen.images import Matte
from prodgen.masks import dilate
from prodgen.shadows.casting import CAMERA_PITCH_DEG, ambient_occlusion

HIDDEN_SKY = 0.2
"""Share of an even sky that the product hides from the floor of the strip.

Chosen by eye on four products: the strip then reaches a sixth of the product's width beyond its foot; at 0.1
it is twice as wide, and at 0.5 a line that a model's latent cells, 8 pixels wide, can draw nothing in."""


def floor_strip(
    matte: Matte, *, camera_pitch_deg: float = CAMERA_PITCH_DEG, lies_flat: bool = False
) -> Matte:
    """Return the floor that touches the product or is next to it: 1 = in the strip, (H, W), 0 or 1.

    It goes on under the product, so that it has an outer edge only. Floor that the product darkens from
    afar, as under an arch or beside what lies as if it stood, is no foot's; all 0 where no foot is found.

    Args:
        matte: (H, W), 1 = product.
        camera_pitch_deg: How far the camera looks down.
        lies_flat: Whether the product lies on the floor; the strip then goes all round it.

    Raises:
        PlacementError: If the matte is empty.
    """
    seen = ambient_occlusion(matte, bounce=0.0, camera_pitch_deg=camera_pitch_deg, lies_flat=lies_flat)
    dark = (seen < 1 - HIDDEN_SKY).astype(np.uint8)
    _, pieces = cv2.connectedComponents(dark, connectivity=8)
    product = np.asarray(dilate((matte > 0.5).astype(np.float32), 1)) > 0
    touching = np.setdiff1d(pieces[product], 0)
    return np.isin(pieces, touching).astype(np.float32)
