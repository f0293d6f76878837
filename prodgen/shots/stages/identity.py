"""The product gets its own pixels back, in the backend's light; it is measured, and repaired."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from prodgen import identity, ocr, placement, shading
from prodgen.cutout import left_out
from prodgen.images import resize
from prodgen.shots import light_found
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import Brief, CutOut, Drawn, FinalScene, Kept, Placed


class IdentityStage(Stage):
    """Take only the light from the relit picture, and apply it to the photograph's own pixels."""

    takes = (Brief, CutOut, Placed, Drawn, FinalScene)
    gives = (FinalScene, Kept)

    stage: Literal["identity"] = "identity"

    strength: float = Field(default=1.0, ge=0, le=1)
    """How much of the scene's light the product takes: 0 is the photograph exactly as it is."""

    ambience: float = Field(default=1.0, ge=0, le=1)
    """How much of the light's colour cast it takes."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the lit product and its measured likeness, repaired where that failed."""
        brief, placed, relit, scene = frame[Brief], frame[Placed], frame[Drawn].relit, frame[FinalScene].image
        cut, matte = frame[CutOut], placed.matte
        # Unlike `original`, the photograph still has its own surroundings.
        photograph, _ = placement.apply(placed.placement, cut.seen, cut.matte)
        beside = left_out(cut.seen, cut.matte)
        if beside.any():
            beside = resize(beside, *cut.matte.shape[::-1])
            _, beside = placement.apply(placed.placement, cut.seen, beside)
        key = brief.key_light
        asked = None if key is None or key.strength == 0 else key

        def judge(made: Frame, field: shading.LightField | None = None) -> identity.Measurement:
            return identity.measure(
                photograph,
                made.picture,
                matte,
                relit=field,
                asked_azimuth_deg=None if asked is None else asked.azimuth_deg,
                asked_elevation_deg=0.0 if asked is None else asked.elevation_deg,
                is_registered=True,
                left_out=beside,
            )

        if relit is None:
            kept = frame.holding(Kept(placed.original))
            return _judged(kept, judge(kept))
        if placed.backdrop is None:
            # The generated product must not shine through the soft edge of the real one.
            scene = shading.scene_behind(scene, matte)
        pair = shading.pair_pictures(placed.original, relit, matte)
        field = shading.read_field(pair, strength=self.strength, ambience=self.ambience)
        # Without strength nothing of the relit light is in the field; how much was kept is still asked.
        light = field if self.strength > 0 else shading.read_field(pair)

        def compose(light_field: shading.LightField) -> Frame:
            product = shading.apply(placed.original, light_field, matte)
            return frame.holding(FinalScene(scene), Kept(product, light_field))

        repaired = identity.repair(field, compose, lambda made: judge(made, light), profile=brief.profile)
        return _judged(repaired.composite, repaired.measurement)


def _judged(frame: Frame, measured: identity.Measurement) -> Frame:
    """Return the frame with its numbers and verdict; print is read here, once, on what is delivered."""
    likeness = identity.read_print(measured, ocr.tesseract()).likeness
    verdict = likeness.verdict(frame[Brief].profile)
    judged = frame.holding(replace(frame[Kept], likeness=likeness, verdict=verdict))
    return judged.noting(light_found.difference(judged))
