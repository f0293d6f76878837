"""The product stands: its shadow falls on the floor of the scene, as far as it is not there already."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from prodgen import light, shadows
from prodgen.shots.frame import Frame, Stage, Tools


class Ground(Stage):
    """Add the shadow that is missing: contact, sky and directional, by the same light as the picture's."""

    stage: Literal["ground"] = "ground"

    shadow: float = Field(default=1.0, ge=0, le=1)
    """Strength; 0 adds none."""

    keep_original_shadow: bool = False
    """Use the real shadow of the photograph instead of a computed one; needs a plain backdrop."""

    reflection: float = Field(default=0.0, ge=0, le=1)
    """Strength of a mirror image on the floor, for glossy floors that the backend drew without one."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with a scene that the product stands in."""
        _, matte = frame.on_canvas("ground")
        scene = frame.in_final_scene("ground")
        if self.reflection > 0:
            mirrored, share = shadows.reflection(
                frame.product if frame.product is not None else frame.on_canvas("ground")[0],
                matte,
                strength=self.reflection,
            )
            scene = (scene * (1 - share[..., None]) + mirrored * share[..., None]).astype(np.float32)
        if self.shadow > 0:
            scene = shadows.apply_shadow(scene, self._transmission(frame), opacity=self.shadow)
        return frame.replace(scene=scene)

    def _transmission(self, frame: Frame) -> shadows.Transmission:
        _, matte = frame.on_canvas("ground")
        scene = frame.in_scene("ground")
        if self.keep_original_shadow and frame.placement is not None and frame.placement.is_original:
            return shadows.keep_original_shadow(frame.photo.rgb, matte)
        if frame.backdrop is None:
            # The backend drew this scene with the product in it, and its shadow as it saw fit; a second
            # one from a guessed direction would contradict it. What is missing under the product is added.
            wanted = shadows.contact_shadow(matte) * shadows.ambient_occlusion(matte)
            there = shadows.existing_shadow(scene, matte)
            return np.minimum(wanted / np.maximum(there, 0.05), 1).astype(np.float32)
        place = light.estimate_surroundings(scene, matte)
        source = frame.light or place.light
        return shadows.ground_shadow(
            matte,
            azimuth_deg=source.azimuth_deg,
            elevation_deg=source.elevation_deg,
            softness=source.softness,
            strength=source.strength,
            floor_top=place.floor_top,
        )
