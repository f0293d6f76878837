"""The shadow on the floor of a picture under way: its kind, its light, and what of it leaves the canvas."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prodgen import light, placement, shadows
from prodgen.color import luminance
from prodgen.errors import PlacementError
from prodgen.images import Matte, resize
from prodgen.light import Light
from prodgen.light.relighting import MOST_FROM_LAMPS
from prodgen.pose import FLOOR_BELOW_DEG, TOLERANCE_DEG, View
from prodgen.shots.frame import Frame
from prodgen.shots.layers import (
    NO_BACKEND,
    Brief,
    CutOut,
    Drawn,
    FinalScene,
    Kept,
    PaintedFloor,
    Placed,
    Pose,
)
from prodgen.shots.light_found import found_light
from prodgen.shots.seen_from import view_of

Kind = Literal["auto", "none", "contact", "cast", "float", "keep"]
"""Which shadow falls on the floor."""

STUDIO_LIGHT = Light(azimuth_deg=-135, elevation_deg=45, softness=0.4, strength=0.6)
"""The light over a plain ground, which shows none of its own.

Convention: a key light half behind, from the left; the shadow falls to the front right, where it is seen."""

GAP = 0.12
"""How high a floating product hovers, in its longer sides, if it is not said. Chosen by eye."""

LEAST_OF_ASKED = Light().strength
"""Least share of the floor's light whose shadow was asked for. Chosen: that of a light by default."""

MANY_RAYS = 72
"""Number of directions in which a light is taken whose shadow was asked for.

Chosen by eye: with fewer a soft shadow falls into streaks."""

SMALL_SIDE_PX = 192
"""Longer side of the product, in pixels, at which what leaves the canvas is measured. Speed."""

TOLD = 0.05
"""Share of a shadow that may leave the canvas unsaid. Chosen: its faint end is not missed."""

LEFT_OUT = "Product shadow: left out"
"""What the embedded backend says in a picture's infotext where it draws no shadow of the product."""

UNEVEN = "Product shadow: on more than a floor"
"""What it says where the shadow falls on steps, a stand or a wall, and not on a flat floor alone."""

FRAME_FADE = 0.04
"""Share of the photograph's sides over which a kept shadow ends at the photograph's frame. Chosen by eye."""

NOISE = 0.012
"""Darkening below which a kept shadow is taken for noise of the photograph. Measured: three 8-bit steps."""


@dataclass(frozen=True)
class Cast:
    """How a shadow is thrown; None leaves it to the picture's light."""

    softness: float | None = None
    azimuth_deg: float | None = None
    length: float | None = None
    gap: float = GAP

    @property
    def is_turned(self) -> bool:
        """Whether the shadow is to fall elsewhere than the picture's light throws it."""
        return self.azimuth_deg is not None

    def by(self, source: Light) -> Light:
        """Return the light that throws such a shadow, as like `source` as that allows."""
        changed: dict[str, float] = {}
        if self.softness is not None:
            changed["softness"] = self.softness
        if self.azimuth_deg is not None:
            changed["azimuth_deg"] = (
                self.azimuth_deg - 180 if self.azimuth_deg > 0 else self.azimuth_deg + 180
            )
        if self.length is not None:
            changed["elevation_deg"] = math.degrees(math.atan(1 / self.length))
        return Light.model_validate({**dict(source), **changed})

    def by_all(self, sources: tuple[Light, ...]) -> tuple[Light, ...]:
        """Return the lights that throw such shadows; the key light alone, the first, is turned."""
        others = replace(self, azimuth_deg=None)
        return (self.by(sources[0]), *(others.by(source) for source in sources[1:]))


def is_plain(frame: Frame) -> bool:
    """Whether the ground is one plain colour: nobody drew it, and it is no picture of the user's."""
    drawn = frame.get(Drawn)
    is_undrawn = drawn is not None and drawn.origin.backend == NO_BACKEND
    return is_undrawn and frame[Placed].backdrop is None


def is_drawn_bare(frame: Frame) -> bool:
    """Whether the backend says that it left the product's shadow out of the scene that it drew."""
    drawn = frame.get(Drawn)
    return drawn is not None and LEFT_OUT in drawn.origin.infotext


def is_drawn_uneven(frame: Frame) -> bool:
    """Whether the backend says that the shadow that it drew falls on more than a flat floor."""
    drawn = frame.get(Drawn)
    return drawn is not None and UNEVEN in drawn.origin.infotext


class FloorShadow:
    """The shadow of one product on its floor, for any canvas that is at least as large."""

    def __init__(self, frame: Frame, kind: Kind, cast: Cast, view: View) -> None:
        self.kind, self._frame, self._view = kind, frame, view
        self.notices: tuple[str, ...] = ()
        self._gap = cast.gap if kind == "float" else 0.0
        self._sources: tuple[Light, ...] = (Light(),)
        self._strength, self._floor_top = 0.0, None
        self._behind, self._bounce = 1.0, shadows.FLOOR_BOUNCE
        self._in_photo = np.empty((0, 0), np.float32)
        placed = frame[Placed]
        has_own = frame.get(PaintedFloor) is not None and kind == "auto"
        has_drawn = placed.backdrop is None and (kind == "auto" or not is_plain(frame))
        self._is_drawn = has_own or (has_drawn and not is_drawn_bare(frame))
        if kind == "keep":
            self._in_photo, notice = lift_shadow(frame[CutOut], placed.placement, view)
            self.notices += (notice,) if notice else ()
        elif kind in ("cast", "float") or (kind == "auto" and placed.backdrop is not None):
            sources, found = _lights_of(frame)
            self._sources = _that_reach_the_floor(sources if kind == "auto" else cast.by_all(sources))
            self._strength = _share_of(self._sources)
            if kind != "auto":
                self._strength = max(self._strength, LEAST_OF_ASKED)
            if found is not None and not view.lies_flat:
                self._floor_top, self._behind = found.floor_top, found.behind
                self._bounce = _bounce(frame, found)
        elif kind == "contact":
            self._sources = (Light(elevation_deg=90),)

    def on(self, placed: Placed) -> shadows.Transmission:
        """Return the shadow at the size of a canvas, without what a drawn scene has already.

        It is (H, W), or (H, W, 3) under several lights.
        """
        matte = placed.matte
        if self.kind == "none":
            return np.ones(matte.shape, np.float32)
        wanted = 1 - self._kept(placed.placement) if self.kind == "keep" else self._computed(matte)
        if not self._is_drawn:
            return wanted
        # The backend drew this scene with the product in it, and its shadow as it saw fit; a second one on
        # top would be too dark. What is missing under the product is added.
        scene = self._frame[FinalScene].image
        there = shadows.existing_shadow(scene, matte, lies_flat=self._view.lies_flat)
        there = np.maximum(there, 0.05)
        there = there if wanted.ndim == 2 else there[..., None]
        return np.asarray(np.minimum(wanted / there, 1), np.float32)

    def beyond(self, mirror: Callable[[Matte], Matte] | None = None) -> shadows.Overhang:
        """Return what of the shadow leaves the canvas of the frame.

        Args:
            mirror: Gives the opacity of a mirror image for a matte of any size; None: there is none.
        """
        placed = self._frame[Placed]
        if self.kind == "keep" and mirror is None:
            return self._kept_beyond(placed.placement)
        is_cast = self.kind in ("contact", "cast", "float") or (self.kind == "auto" and not self._is_drawn)
        if mirror is None and not is_cast:
            return shadows.Overhang(0.0, shadows.CanvasRoom())
        box = placed.placement.box
        scale = min(1.0, SMALL_SIDE_PX / max(box.width, box.height))
        height, width = placed.matte.shape
        small = resize(placed.matte, max(round(width * scale), 1), max(round(height * scale), 1))
        side = math.ceil(self._reach * max(box.width, box.height) * scale)
        room = shadows.CanvasRoom(side, side, side, side)
        matte = room.around(small)
        dark = np.zeros_like(matte)
        if is_cast:
            dark = 1 - self._computed(matte, scale=scale, lower_by=side)
            dark = dark if dark.ndim == 2 else dark.max(axis=2)
        if mirror is not None:
            dark = np.maximum(dark, mirror(matte))
        found = shadows.overhang(dark, room)
        return shadows.Overhang(found.share, found.room.times(1 / scale))

    @property
    def _reach(self) -> float:
        if self.kind == "auto":
            return shadows.REACH
        lowest = min(source.elevation_deg for source in self._sources)
        length = 1 / math.tan(math.radians(max(lowest, 8)))
        return max(shadows.REACH, 1.3 * length * (1 + self._gap) + self._gap)

    def _computed(self, matte: Matte, *, scale: float = 1.0, lower_by: int = 0) -> shadows.Transmission:
        """Return the shadow of a matte on a canvas that is smaller, with more space above it.

        Each light takes its own colour out of the floor's where it is hidden, by its share of the light of
        all: a sum in linear light. The lights' mean colour is what the ground shows already.
        """
        pitch, flat = self._view.floor_deg, self._view.lies_flat
        if self.kind == "auto" and self._frame[Placed].backdrop is None:
            contact = shadows.contact_shadow(matte, camera_pitch_deg=pitch, lies_flat=flat)
            return contact * shadows.ambient_occlusion(matte, camera_pitch_deg=pitch, lies_flat=flat)
        whole = sum(source.strength * source.tint for source in self._sources)
        hidden = np.zeros((*matte.shape, 3), np.float32)
        for source in self._sources:
            fallen = shadows.ground_shadow(
                matte,
                azimuth_deg=source.azimuth_deg,
                elevation_deg=source.elevation_deg,
                softness=source.softness,
                strength=self._strength,
                camera_pitch_deg=pitch,
                lies_flat=flat,
                floor_top=None if self._floor_top is None else self._floor_top * scale + lower_by,
                gap=self._gap,
                reach=self._reach,
                behind=self._behind,
                bounce=self._bounce,
                **({} if self.kind == "auto" else {"rays": MANY_RAYS}),
            )
            if len(self._sources) == 1:
                return fallen
            hidden += (1 - fallen)[..., None] * (source.strength * source.tint / whole)
        return np.asarray(1 - hidden, np.float32)

    def _kept(self, where: placement.Placement) -> NDArray[np.float32]:
        """Return the photograph's own shadow on a canvas, as darkness, (H, W)."""
        return placement.apply(where, self._frame[CutOut].seen, self._in_photo)[1]

    def _kept_beyond(self, where: placement.Placement) -> shadows.Overhang:
        """Return what of the photograph's shadow leaves the canvas: measured on one that holds all of it."""
        corners = [
            (0, 0),
            (where.photo_width, 0),
            (0, where.photo_height),
            (where.photo_width, where.photo_height),
        ]
        turn = math.radians(where.rotation_deg)
        xs = [where.scale * (x * math.cos(turn) - y * math.sin(turn)) + where.offset_x for x, y in corners]
        ys = [where.scale * (x * math.sin(turn) + y * math.cos(turn)) + where.offset_y for x, y in corners]
        room = shadows.CanvasRoom(
            max(math.ceil(-min(xs)), 0),
            max(math.ceil(-min(ys)), 0),
            max(math.ceil(max(xs)) - where.width, 0),
            max(math.ceil(max(ys)) - where.height, 0),
        )
        return shadows.overhang(self._kept(with_room(where, room)), room)


def with_room(where: placement.Placement, room: shadows.CanvasRoom) -> placement.Placement:
    """Return the placement on a canvas with more room around it."""
    moved = {"offset_x": room.left, "left": room.left, "right": room.left}
    moved |= {"offset_y": room.top, "top": room.top, "bottom": room.top}
    larger = {name: getattr(where, name) + by for name, by in moved.items()}
    larger |= {
        "width": where.width + room.left + room.right,
        "height": where.height + room.top + room.bottom,
    }
    return where.model_copy(update=larger)


def grown(frame: Frame, room: shadows.CanvasRoom) -> Frame:
    """Return the frame on a larger canvas; its plain ground goes on."""
    if not room.sides:
        return frame
    placed, kept = frame[Placed], frame.get(Kept)
    larger = Placed(
        with_room(placed.placement, room), room.around(placed.original), room.around(placed.matte)
    )
    scene = FinalScene(room.around(frame[FinalScene].image, by_edge=True))
    frame = frame.holding(larger, scene)
    if kept is None:
        return frame
    return frame.holding(Kept(room.around(kept.product), kept.likeness, kept.verdict))


def cut_off(beyond: shadows.Overhang, what: str, *, plain: bool) -> str | None:
    """Say how much of a shadow or mirror image the canvas cuts off, and what helps; None: too little."""
    if beyond.share < TOLD:
        return None
    remedy = "--canvas grow makes room" if plain else "a smaller --fill or another --place makes room"
    return (
        f"{beyond.share:.0%} of the {what} falls outside the canvas, at the"
        f" {' and '.join(beyond.room.sides)}; {remedy}"
    )


def view_of_floor(frame: Frame) -> View:
    """Return the view for shadow and reflection: the usual one unless an estimate surely differs from it.

    Measured: within an estimate's tolerance the usual pitch gives the smaller error on path-traced products.
    """
    usual = View(shadows.CAMERA_PITCH_DEG - FLOOR_BELOW_DEG)
    view, pose = view_of(frame), frame.get(Pose)
    if view is None:
        return usual
    is_near = not view.lies_flat and abs(view.floor_deg - usual.floor_deg) <= TOLERANCE_DEG
    return usual if is_near and (pose is None or not pose.is_said) else view


def _lights_of(frame: Frame) -> tuple[tuple[Light, ...], light.Surroundings | None]:
    """Return the lights that throw the shadow, asked for or found in the scene, and what surrounds them."""
    key, placed = found_light(frame), frame[Placed]
    asked = () if key is None else (key, *frame[Brief].lights[1:])
    if is_plain(frame):
        return asked or (STUDIO_LIGHT,), None
    found = light.estimate_surroundings(frame[FinalScene].image, placed.matte)
    return asked or (found.light,), found


def _share_of(lights: tuple[Light, ...]) -> float:
    """Return the share of the floor's light that comes from these, at most what lamps give the product."""
    shares = [one.strength for one in lights]
    return min(sum(shares), max(MOST_FROM_LAMPS, *shares))


def _that_reach_the_floor(lights: tuple[Light, ...]) -> tuple[Light, ...]:
    """Return the lights over the horizon that give any light; the key light alone if none does."""
    return tuple(one for one in lights if one.strength > 0 and one.elevation_deg > 0) or lights[:1]


def _bounce(frame: Frame, found: light.Surroundings) -> float:
    """Return the share of the light that the product hides from its floor which it sends there itself."""
    placed, kept = frame[Placed], frame.get(Kept)
    product = placed.original if kept is None else kept.product
    return shadows.bounce(product, placed.matte, float(luminance(found.above[None])[0]))


def lift_shadow(
    cut: CutOut, where: placement.Placement, view: View
) -> tuple[NDArray[np.float32], str | None]:
    """Return the photograph's own shadow as darkness, (H, W), and a sentence if its frame cuts it off.

    Raises:
        PlacementError: If the photograph has no backdrop, or none on which a shadow can be told.
    """
    if cut.photo.matte is not None and float(cut.photo.matte.mean()) < 1:
        raise PlacementError(
            "the photograph is a cut-out without a backdrop, so it has no shadow to keep;"
            " use --shadow contact or cast"
        )
    # The line where product and floor meet is finer than what can be told from the backdrop.
    line = shadows.contact_shadow(cut.matte, camera_pitch_deg=view.floor_deg, lies_flat=view.lies_flat)
    dark = 1 - shadows.keep_original_shadow(cut.seen, cut.matte) * line
    dark = np.asarray(np.maximum(dark - NOISE, 0) / (1 - NOISE), np.float32)
    if where.is_original:
        return dark, None
    edges = {"left": dark[:, 0], "top": dark[0], "right": dark[:, -1], "bottom": dark[-1]}
    cut_at = [side for side, edge in edges.items() if float((edge > 0.1).mean()) > 0.01]
    height, width = dark.shape
    for axis, size in ((0, height), (1, width)):
        steps = np.arange(size, dtype=np.float32) + 0.5
        ramp = np.clip(np.minimum(steps, size - steps) / (FRAME_FADE * size), 0, 1)
        dark = dark * (ramp[:, None] if axis == 0 else ramp[None, :])
    told = f"the photograph cuts its shadow off at the {' and '.join(cut_at)}, so it fades out there"
    return dark.astype(np.float32), told if cut_at else None
