"""The product gets its own pixels back, in the light that the backend gave it; and it is measured."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prodgen import identity, placement
from prodgen.images import RgbImage
from prodgen.stages.frame import Frame, Stage, Tools


class Identity(Stage):
    """Take only the light from the relit picture, and apply it to the photograph's own pixels."""

    stage: Literal["identity"] = "identity"

    strength: float = Field(default=1.0, ge=0, le=1)
    """How much of the scene's light the product takes: 0 is the photograph exactly as it is."""

    ambience: float = Field(default=1.0, ge=0, le=1)
    """How much of the light's colour cast it takes."""

    profile: Literal["catalogue", "editorial"] = "editorial"
    """Which limits the likeness is judged by; catalogue is strict."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the lit product and its measured likeness."""
        original, matte = frame.on_canvas("identity")
        scene = frame.in_scene("identity")
        product, field = original, None
        if frame.relit is not None:
            field = identity.light_field(
                original, frame.relit, matte, strength=self.strength, ambience=self.ambience
            )
            product = identity.apply(original, field, matte)
            if frame.backdrop is None:
                # The generated product must not shine through the soft edge of the real one.
                scene = identity.scene_behind(scene, matte)
        lit = frame.replace(product=product, scene=scene, light_field=field)
        asked = None if frame.light is None or frame.light.strength == 0 else frame.light
        measured = identity.measure(
            self._photograph(frame),
            lit.picture,
            matte,
            relit=frame.relit,
            asked_azimuth_deg=None if asked is None else asked.azimuth_deg,
            asked_elevation_deg=0.0 if asked is None else asked.elevation_deg,
        )
        verdict = measured.verdict(self.profile)
        doubts = [f"product {verdict.status} ({self.profile}): {reason}" for reason in verdict.reasons]
        return lit.replace(identity=measured).noting(*doubts)

    @staticmethod
    def _photograph(frame: Frame) -> RgbImage:
        """The photograph itself on the canvas: unlike `original` it still has its own surroundings."""
        if frame.placement is None or frame.photo_matte is None:
            return frame.on_canvas("identity")[0]
        return placement.apply(frame.placement, frame.photo.rgb, frame.photo_matte)[0]
