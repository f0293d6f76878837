"""The product gets its own pixels back, in the backend's light; it is measured, and repaired."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prodgen import identity, ocr, placement, shading
from prodgen.images import RgbImage
from prodgen.shots.frame import Frame, Stage, Tools


class Identity(Stage):
    """Take only the light from the relit picture, and apply it to the photograph's own pixels."""

    stage: Literal["identity"] = "identity"

    strength: float = Field(default=1.0, ge=0, le=1)
    """How much of the scene's light the product takes: 0 is the photograph exactly as it is."""

    ambience: float = Field(default=1.0, ge=0, le=1)
    """How much of the light's colour cast it takes."""

    profile: Literal["catalogue", "editorial"] = "editorial"
    """Which limits the likeness is judged by; catalogue is strict."""

    tries: int = Field(default=1, ge=1, le=16)
    """Pictures drawn, each of another seed, until one is inside the limits."""

    on_failure: Literal["warn", "fail"] = "warn"
    """If none is: deliver the last one with a warning, or fail and keep it aside."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the lit product and its measured likeness, repaired where that failed."""
        original, matte = frame.on_canvas("identity")
        scene = frame.in_scene("identity")
        photograph = _photograph(frame)
        asked = None if frame.light is None or frame.light.strength == 0 else frame.light

        def judge(made: Frame, relit: shading.LightField | None = None) -> identity.Measurement:
            return identity.measure(
                photograph,
                made.picture,
                matte,
                relit=relit,
                asked_azimuth_deg=None if asked is None else asked.azimuth_deg,
                asked_elevation_deg=0.0 if asked is None else asked.elevation_deg,
                is_registered=True,
            )

        if frame.relit is None:
            kept = frame.replace(product=original)
            return self._judged(kept, judge(kept))
        if frame.backdrop is None:
            # The generated product must not shine through the soft edge of the real one.
            scene = shading.scene_behind(scene, matte)
        pair = shading.pair_pictures(original, frame.relit, matte)
        field = shading.read_field(pair, strength=self.strength, ambience=self.ambience)
        # Without strength nothing of the relit light is in the field; how much was kept is still asked.
        light = field if self.strength > 0 else shading.read_field(pair)

        def compose(light_field: shading.LightField) -> Frame:
            product = shading.apply(original, light_field, matte)
            return frame.replace(scene=scene, product=product, light_field=light_field)

        repaired = identity.repair(field, compose, lambda made: judge(made, light), profile=self.profile)
        return self._judged(repaired.composite, repaired.measurement)

    def _judged(self, frame: Frame, measured: identity.Measurement) -> Frame:
        """Return the frame with its numbers and verdict; print is read here, once, on what is delivered."""
        likeness = identity.read_print(measured, ocr.tesseract()).likeness
        return frame.replace(identity=likeness, verdict=likeness.verdict(self.profile))


def _photograph(frame: Frame) -> RgbImage:
    """The photograph itself on the canvas: unlike `original` it still has its own surroundings."""
    if frame.placement is None or frame.photo_matte is None:
        return frame.on_canvas("identity")[0]
    return placement.apply(frame.placement, frame.photo.rgb, frame.photo_matte)[0]
