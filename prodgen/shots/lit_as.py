"""The material that a product is lit as, once the prompt is known, which may name it."""

from __future__ import annotations

from dataclasses import replace

from prodgen.images import Matte
from prodgen.light.bare_metal import find_metal
from prodgen.light.made_of import read_material
from prodgen.shots.frame import Frame
from prodgen.shots.layers import Brief, Material, Placed


def with_material(frame: Frame) -> Frame:
    """Return the frame with what photograph, user and prompt say of the product's material, and a notice."""
    found = frame.get(Material)
    if found is None:
        return frame
    brief = frame[Brief]
    known = found.in_prompt(brief.prompt)
    # What is sent for metal is said by `Material.words` alone: "opaque" is stronger than a prompt.
    brief = replace(brief, prompt=read_material(brief.prompt)[1])
    return frame.holding(known, brief).noting(known.notice)


def is_metal(frame: Frame) -> bool:
    """Return whether plain parts of the product are lit as bare metal."""
    found = frame.get(Material)
    return found is not None and found.is_metal


def metal_share(frame: Frame) -> Matte | None:
    """Return how surely a pixel of the canvas is of bare metal, (h, w); None if nothing is lit so."""
    parts = find_metal(frame[Placed].original, frame[Placed].matte) if is_metal(frame) else None
    return None if parts is None else parts.share
