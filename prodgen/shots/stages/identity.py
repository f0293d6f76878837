"""The product gets its own pixels back, in the backend's light or blended; it is measured, and repaired."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from prodgen import identity, ocr, placement, shading
from prodgen.cutout import left_out
from prodgen.images import resize
from prodgen.shots import light_found
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.glassware import glass_of, seen_through
from prodgen.shots.layers import Brief, CutOut, Drawn, FinalScene, Kept, Placed
from prodgen.shots.lit_as import metal_share


class IdentityStage(identity.Blending, Stage):
    """Put the photograph's own pixels into the relit picture's light, or blend both in another way."""

    takes = (Brief, CutOut, Placed, Drawn, FinalScene)
    gives = (FinalScene, Kept)

    stage: Literal["identity"] = "identity"

    @property
    def acts_on_light(self) -> tuple[str, ...]:
        """All of the blending."""
        return tuple(identity.Blending.model_fields)

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
        metal = metal_share(frame)
        glass, told = glass_of(frame)
        # What is seen through glass is no change of its colours.
        judged = matte if glass is None else glass.opaque_part(placed)
        key = brief.key_light
        # Light that is not to arrive is not missing.
        asked = None if key is None or key.strength == 0 or not self.lights_anew else key

        clear = 100.0 * max(0.0, 1 - float(judged.sum()) / float(matte.sum()))

        def judge(made: Frame, field: shading.LightField | None = None) -> identity.Measurement:
            return identity.measure(
                photograph,
                made.picture,
                judged,
                relit=field,
                asked_azimuth_deg=None if asked is None else asked.azimuth_deg,
                asked_elevation_deg=0.0 if asked is None else asked.elevation_deg,
                is_registered=relit is None or not self.takes_pixels,
                left_out=beside,
                metal=metal,
                see_through_percent=clear,
            )

        if relit is None:
            kept = frame.holding(Kept(placed.original))
            return seen_through(_judged(kept, judge(kept)), glass).noting(told)
        if placed.backdrop is None:
            # The generated product must not shine through the soft edge of the real one.
            scene = shading.scene_behind(scene, matte)
        # What draws without a model has the product where it was, however little its edges agree.
        is_model = frame[Drawn].origin.is_generated
        pair = shading.pair_pictures(placed.original, relit, matte, metal=metal, is_refusing=is_model)
        blended = self.of(pair, placed.original, relit, matte)
        light = self.light_of(blended.taken, pair)

        def compose(taken: identity.Taken | identity.BlendedRegions) -> Frame:
            product = identity.product_with(taken, placed.original, matte)
            return frame.holding(FinalScene(scene), Kept(product))

        repaired = identity.repair(
            blended.taken, compose, lambda made: judge(made, light), profile=brief.profile
        )
        done = _judged(repaired.composite.noting(blended.notice), repaired.measurement)
        return seen_through(done, glass).noting(told)


def _judged(frame: Frame, measured: identity.Measurement) -> Frame:
    """Return the frame with its numbers and verdict; print is read here, once, on what is delivered."""
    likeness = identity.read_print(measured, ocr.tesseract()).likeness
    verdict = likeness.verdict(frame[Brief].profile)
    judged = frame.holding(replace(frame[Kept], likeness=likeness, verdict=verdict))
    return judged.noting(light_found.difference(judged))
