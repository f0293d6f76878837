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
    """Pictures drawn, of seed, seed + 1, ..., until one is inside the limits."""

    on_failure: Literal["warn", "fail"] = "warn"
    """If none is: deliver the last one with a warning, or fail and keep it aside."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the lit product and its measured likeness, repaired where that failed."""
        original, matte = frame.on_canvas("identity")
        scene = frame.in_scene("identity")
        if frame.relit is None:
            return self._measured(frame.replace(product=original))
        if frame.backdrop is None:
            # The generated product must not shine through the soft edge of the real one.
            scene = shading.scene_behind(scene, matte)
        field = shading.light_field(
            original, frame.relit, matte, strength=self.strength, ambience=self.ambience
        )
        # Without strength nothing is left of the light in the field, and the picture is asked for it.
        asked = field if field.strength > 0 else frame.relit
        lit = self._lit(frame.replace(scene=scene), field, asked)
        if lit.identity is None or lit.identity.verdict(self.profile).status != "fail":
            return lit
        repaired = identity.repair(
            _photograph(frame), frame.relit, matte, profile=self.profile, foreground=original, field=field
        )
        if repaired.rounds == 0:
            return lit
        share = repaired.identity.repaired_percent
        mended = self._lit(frame.replace(scene=scene), repaired.field, asked, repaired_percent=share)
        return mended.noting(
            f"the scene's light was weakened on {share:.0f} % of the product, to keep it the same product"
        )

    def _lit(
        self,
        frame: Frame,
        field: shading.LightField,
        asked: shading.LightField | RgbImage,
        *,
        repaired_percent: float = 0.0,
    ) -> Frame:
        original, matte = frame.on_canvas("identity")
        product = shading.apply(original, field, matte)
        lit = frame.replace(product=product, light_field=field)
        return self._measured(lit, asked, repaired_percent=repaired_percent)

    def _measured(
        self,
        frame: Frame,
        relit: shading.LightField | RgbImage | None = None,
        *,
        repaired_percent: float = 0.0,
    ) -> Frame:
        _, matte = frame.on_canvas("identity")
        asked = None if frame.light is None or frame.light.strength == 0 else frame.light
        measured = identity.measure(
            _photograph(frame),
            frame.picture,
            matte,
            relit=relit,
            asked_azimuth_deg=None if asked is None else asked.azimuth_deg,
            asked_elevation_deg=0.0 if asked is None else asked.elevation_deg,
            reader=ocr.tesseract(),
        ).model_copy(update={"repaired_percent": repaired_percent})
        verdict = measured.verdict(self.profile)
        doubts = [f"product {verdict.status} ({self.profile}): {reason}" for reason in verdict.reasons]
        return frame.replace(identity=measured, verdict=verdict.status).noting(*doubts)


def _photograph(frame: Frame) -> RgbImage:
    """The photograph itself on the canvas: unlike `original` it still has its own surroundings."""
    if frame.placement is None or frame.photo_matte is None:
        return frame.on_canvas("identity")[0]
    return placement.apply(frame.placement, frame.photo.rgb, frame.photo_matte)[0]
