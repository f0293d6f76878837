"""A product of glass in its scene: what is behind it is seen through it, and its shadow is lighter."""

from __future__ import annotations

import numpy as np

from prodgen import transparency
from prodgen.glass import find_glass, scene_without
from prodgen.shadows import Transmission
from prodgen.shots.frame import Frame
from prodgen.shots.layers import Brief, CutOut, Drawn, FinalScene, Glass, Material, Placed

KEEPS_SURROUNDINGS = "material glass does nothing here: the photograph's own surroundings stay"
"""Told where a photograph is only extended."""


def glass_of(frame: Frame) -> tuple[Glass | None, str | None]:
    """Return the product as glass, if it is taken for it, and a sentence for the user.

    A photograph whose own surroundings stay is right as it is. What was cut out has lost its backdrop; who
    says that it is glass had it before white, as most cut-outs are.
    """
    cut, said = frame[CutOut], frame.get(Material)
    is_glass = said is not None and said.is_glass
    is_solid = said is not None and said.source == "said" and not is_glass
    if is_solid:
        return None, None
    if frame[Placed].keeps_surroundings:
        return None, KEEPS_SURROUNDINGS if is_glass else None
    alpha = cut.photo.matte
    is_cut_out = alpha is not None and float(alpha.min()) < 0.5
    seen = transparency.seen(cut.photo, ground=1.0) if is_cut_out and is_glass else cut.seen
    prompt = frame[Brief].prompt
    found, notice = find_glass(seen, cut.matte, prompt, is_said=is_glass, is_cut_out=is_cut_out)
    return None if found is None else Glass(found), notice


def seen_through(frame: Frame, glass: Glass | None) -> Frame:
    """Return the frame with a product of glass, and the scene that is behind it.

    A drawn scene shows the product that was drawn there; a background of the user's, and a plain ground, show
    themselves.
    """
    if glass is None:
        return frame
    placed, scene = frame[Placed], frame[FinalScene].image
    if frame[Drawn].relit is not None and placed.backdrop is None:
        scene = scene_without(scene, placed.matte)
    return frame.holding(FinalScene(scene), glass)


def shadow_of(frame: Frame, fallen: Transmission) -> Transmission:
    """Return a shadow as its product casts it: glass takes from the light what does not come through it."""
    glass = frame.get(Glass)
    if glass is None:
        return fallen
    return np.asarray(1 - (1 - fallen) * (1 - glass.found.unmixed.share), np.float32)
