"""The product stands: its shadow falls on the floor of the scene, as far as it is not there already."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from prodgen import light, shadows
from prodgen.pose import FLOOR_BELOW_DEG, TOLERANCE_DEG, View
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import Brief, FinalScene, Given, Kept, Placed, Pose
from prodgen.shots.seen_from import view_of
from prodgen.transparency import seen


class GroundStage(Stage):
    """Add the shadow that is missing: contact, sky and directional, by the same light as the picture's."""

    takes = (Brief, Placed, FinalScene)
    gives = (FinalScene,)

    stage: Literal["ground"] = "ground"

    shadow: float = Field(default=1.0, ge=0, le=1)
    """Strength; 0 adds none."""

    keep_original_shadow: bool = False
    """Use the real shadow of the photograph instead of a computed one; needs a plain backdrop."""

    reflection: float = Field(default=0.0, ge=0, le=1)
    """Strength of a mirror image on the floor, for glossy floors that the backend drew without one."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with a scene that the product stands in."""
        placed, kept, scene = frame[Placed], frame.get(Kept), frame[FinalScene].image
        view = _view(frame)
        if self.reflection > 0 and not view.lies_flat:
            product = placed.original if kept is None else kept.product
            mirrored, share = shadows.reflection(product, placed.matte, strength=self._mirrored(view))
            scene = (scene * (1 - share[..., None]) + mirrored * share[..., None]).astype(np.float32)
        if self.shadow > 0:
            scene = shadows.apply_shadow(scene, self._transmission(frame, view), opacity=self.shadow)
        idle = self.reflection > 0 and view.lies_flat
        return frame.holding(FinalScene(scene)).noting(
            "reflection is without effect: what lies flat hides its own mirror image" if idle else None
        )

    def _mirrored(self, view: View) -> float:
        """Return the reflection's strength: as asked for the usual view, more head-on, less from above."""
        usual = shadows.mirror_share(shadows.CAMERA_PITCH_DEG)
        return min(self.reflection * shadows.mirror_share(view.floor_deg) / usual, 1.0)

    def _transmission(self, frame: Frame, view: View) -> shadows.Transmission:
        placed, scene = frame[Placed], frame[FinalScene].image
        matte = placed.matte
        if self.keep_original_shadow and placed.placement.is_original:
            return shadows.keep_original_shadow(seen(frame[Given].photo), matte)
        if placed.backdrop is None:
            # The backend drew this scene with the product in it, and its shadow as it saw fit; a second
            # one from a guessed direction would contradict it. What is missing under the product is added.
            pitch, flat = view.floor_deg, view.lies_flat
            wanted = shadows.contact_shadow(matte, camera_pitch_deg=pitch, lies_flat=flat)
            wanted = wanted * shadows.ambient_occlusion(matte, camera_pitch_deg=pitch, lies_flat=flat)
            there = shadows.existing_shadow(scene, matte, lies_flat=view.lies_flat)
            return np.minimum(wanted / np.maximum(there, 0.05), 1).astype(np.float32)
        place = light.estimate_surroundings(scene, matte)
        source = frame[Brief].key_light or place.light
        return shadows.ground_shadow(
            matte,
            azimuth_deg=source.azimuth_deg,
            elevation_deg=source.elevation_deg,
            softness=source.softness,
            strength=source.strength,
            camera_pitch_deg=view.floor_deg,
            lies_flat=view.lies_flat,
            floor_top=None if view.lies_flat else place.floor_top,
        )


def _view(frame: Frame) -> View:
    """Return the view for shadow and reflection: the usual one unless an estimate surely differs from it.

    Measured: within an estimate's tolerance the usual pitch gives the smaller error on path-traced products.
    """
    usual = View(shadows.CAMERA_PITCH_DEG - FLOOR_BELOW_DEG)
    view, pose = view_of(frame), frame.get(Pose)
    if view is None:
        return usual
    is_near = not view.lies_flat and abs(view.floor_deg - usual.floor_deg) <= TOLERANCE_DEG
    return usual if is_near and (pose is None or not pose.is_said) else view
