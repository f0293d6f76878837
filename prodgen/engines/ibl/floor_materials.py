"""What floors are made of: colour, relief and gloss as formulas of the floor's coordinates.

Each material is a function of a `Plane` and gives a `Surface`; the table at the end names them. Colours are
linear-light albedos, as such materials measure (white paper 0.8, oak 0.25, asphalt 0.06). Owns looks; knows
neither light nor camera.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from prodgen.color import LUMA, to_linear
from prodgen.engines.ibl.panorama import Array
from prodgen.engines.ibl.plane import Pattern, Plane

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Surface:
    """A floor, unlit."""

    albedo: Array
    """(h, W, 3), linear."""
    relief: Pattern | None = None
    """(h, W) heights, units; None is flat."""
    gloss: Pattern | float = 0.0
    """Factor on what Fresnel lets a smooth surface mirror: (h, W) or one number; 1 is physical."""
    roughness: float = 0.3
    """0 a mirror, 1 matt."""


class FloorFinish(NamedTuple):
    """How a material is used."""

    paint: Callable[[Plane, float], Surface]
    """The formula; its second argument is 1 when the surface is wet, else 0."""
    is_table: bool
    """Ends behind the product, as a table does; else it reaches into the scene."""
    turns: float
    """How far the seed may turn it, radians."""


def _srgb(red: int, green: int, blue: int) -> Array:
    return to_linear(np.array([red, green, blue], np.float32) / np.float32(255))


def _mix(low: Array, high: Array, share: Pattern) -> Array:
    return (low + (high - low) * np.clip(share, 0, 1)[..., None]).astype(np.float32)


def tinted(surface: Surface, colour: Colour) -> Surface:
    """The surface in another colour: its own pattern of light and dark on the `colour` (sRGB) asked for."""
    albedo = surface.albedo
    bright = albedo @ LUMA
    pattern = bright / max(float(bright.mean()), 1e-4)
    wanted = to_linear(np.array(colour, np.float32))
    own = albedo / np.maximum(bright, 1e-4)[..., None]
    hue = 0.12 * own * float(wanted @ LUMA) + 0.88 * wanted
    # Black stone has light veins: on dark colours the pattern is turned over and softened.
    if float(wanted @ LUMA) < 0.08 and float(bright.mean()) > 0.3:
        pattern = 1 + 5.0 * np.clip(1 - pattern, 0, 1)
    mixed = np.clip(hue * pattern[..., None], 0.002, 0.9).astype(np.float32)
    return Surface(mixed, surface.relief, surface.gloss, surface.roughness)


def _boards(plane: Plane, width: float) -> tuple[Array, Array, Array]:
    """Number of the board, distance from its nearest edge, and a random value in [0, 1) for each board."""
    position = plane.z / np.float32(width) + np.float32(plane.phase[1] % 1)
    number = np.floor(position)
    inside = position - number
    chance = np.sin(number * np.float32(127.1) + np.float32(plane.phase[0])) * np.float32(43758.547)
    return (
        number,
        (np.minimum(inside, 1 - inside) * np.float32(width)).astype(np.float32),
        chance - np.floor(chance),
    )


def _wood(
    plane: Plane, dark: Array, light: Array, *, board: float, contrast: float, gloss: float, worn: float = 0.0
) -> Surface:
    number, edge, chance = _boards(plane, board)
    shift = (number * np.float32(7.7) % np.float32(31)).astype(np.float32)
    sway = plane.noise(0.55, 1.4, seed=3) + 0.5 * plane.noise(1.4, 2.6, seed=5)
    rings = plane.noise(0.5, 11.0, seed=1, warp=shift + sway * 1.7)
    rings = rings + 0.7 * plane.noise(0.8, 28.0, seed=2, warp=shift * 2 + sway * 3.5)
    fibre = plane.noise(2.2, 60.0, seed=4, warp=shift) + 0.9 * plane.noise(6.0, 115.0, seed=6, warp=shift)
    pores = np.clip(plane.noise(10.0, 105.0, seed=7, warp=shift) - 0.42, 0, 1)
    share = 0.56 + contrast * (0.28 * rings + 0.20 * fibre) - 0.55 * contrast * pores + 0.26 * (chance - 0.5)
    albedo = _mix(dark, light, share)
    if worn:
        grey = plane.layers(2.2, 3, stretch=2.5, seed=9)
        albedo = albedo * (1 + worn * 0.35 * grey)[..., None]
    seam = plane.line(edge, 0.010, is_across=False)
    albedo = albedo * (1 - 0.62 * seam)[..., None]
    shine = gloss * (0.85 + 0.25 * fibre) * (1 - seam)
    return Surface(
        np.clip(albedo, 0.004, 0.9).astype(np.float32),
        0.0012 * fibre,
        np.clip(shine, 0, 1).astype(np.float32),
        0.28,
    )


def wood(plane: Plane, wet: float) -> Surface:
    """Oiled oak boards."""
    return _wood(
        plane, _srgb(112, 72, 42), _srgb(196, 146, 98), board=0.5, contrast=1.0, gloss=0.30 + 0.4 * wet
    )


def pine(plane: Plane, wet: float) -> Surface:
    """Pale, quiet boards: pine, ash."""
    return _wood(
        plane, _srgb(196, 158, 114), _srgb(232, 206, 168), board=0.7, contrast=0.8, gloss=0.22 + 0.4 * wet
    )


def walnut(plane: Plane, wet: float) -> Surface:
    """Dark, polished boards."""
    return _wood(
        plane, _srgb(44, 27, 19), _srgb(112, 74, 50), board=0.55, contrast=1.0, gloss=0.42 + 0.3 * wet
    )


def driftwood(plane: Plane, wet: float) -> Surface:
    """Grey boards that have seen weather."""
    return _wood(
        plane,
        _srgb(88, 80, 72),
        _srgb(176, 166, 152),
        board=0.44,
        contrast=1.25,
        gloss=0.05 + 0.4 * wet,
        worn=1.0,
    )


def marble(plane: Plane, wet: float) -> Surface:
    """Polished white marble, grey veins in two weights."""
    sway = plane.layers(0.9, 3, seed=11)
    broad = np.abs(plane.noise(0.75, 1.25, seed=12, warp=1.1 * sway) + 0.22 * sway)
    fine = np.abs(plane.noise(1.9, 2.8, seed=14, warp=1.6 * sway) + 0.25 * plane.layers(3.0, 3, seed=15))
    where = np.clip(0.55 + 0.9 * plane.noise(0.6, 0.7, seed=16), 0, 1)
    vein = 0.75 * np.exp(-broad * 11) * where + 0.36 * np.exp(-fine * 24) * (1 - 0.5 * where)
    cloud = 0.5 + 0.5 * plane.layers(0.8, 4, seed=17)
    albedo = _mix(_srgb(226, 225, 223), _srgb(244, 243, 240), cloud)
    albedo = albedo * (1 - np.clip(vein, 0, 0.85)[..., None] * np.array([0.66, 0.62, 0.57], np.float32))
    return Surface(albedo.astype(np.float32), None, 0.30, 0.08)


def terrazzo(plane: Plane, wet: float) -> Surface:
    """Polished chips of marble in pale cement."""
    albedo = np.broadcast_to(_srgb(226, 221, 213), (*plane.shape, 3)).copy()
    albedo *= (1 + 0.03 * plane.layers(30.0, 2, seed=151))[..., None]
    for at, (chip, size, least) in enumerate(
        (
            (_srgb(92, 86, 82), 13.0, 0.30),
            (_srgb(186, 122, 92), 15.0, 0.32),
            (_srgb(150, 152, 150), 19.0, 0.26),
            (_srgb(244, 242, 238), 16.0, 0.26),
            (_srgb(120, 108, 96), 28.0, 0.30),
        )
    ):
        # Where two smooth fields are both high there is a chip; its edge is broken, not round.
        one, other = (plane.noise(size, size, seed=153 + 4 * at + turn) for turn in (0, 1))
        share = np.clip((np.minimum(one, other) - least) * 14, 0, 1) * plane.fading(size, size)
        albedo = _mix(albedo, np.broadcast_to(chip, albedo.shape), share)
    return Surface(albedo.astype(np.float32), None, 0.35 + 0.3 * wet, 0.12)


def stone(plane: Plane, wet: float) -> Surface:
    """A slab of warm limestone, honed by use."""
    cloud = plane.layers(1.3, 5, seed=21, gain=0.6)
    speckle = plane.layers(28.0, 3, seed=23, gain=0.75)
    pits = np.clip(plane.noise(19, 22, seed=26) - 0.68, 0, 1)
    share = 0.52 + 0.24 * cloud + 0.12 * speckle - 0.45 * pits
    albedo = _mix(_srgb(128, 114, 98), _srgb(204, 190, 168), share)
    height = 0.010 * plane.layers(2.6, 4, seed=28, gain=0.55) - 0.006 * pits + 0.0012 * speckle
    return Surface(_darker(albedo, wet), height, 0.08 + 1.1 * wet, 0.4 - 0.28 * wet)


def slate(plane: Plane, wet: float) -> Surface:
    """Dark split slate with its layered steps."""
    grain = plane.layers(24.0, 3, seed=33, gain=0.7)
    layers = plane.layers(1.5, 4, seed=31, gain=0.6, stretch=1.6)
    steps = layers * 2 + 0.22 * plane.layers(11.0, 2, seed=35) + 0.06 * grain  # splintered, not contour lines
    terrace = (np.floor(steps) + np.clip((steps - np.floor(steps)) * 4, 0, 1)).astype(np.float32)
    albedo = _mix(_srgb(40, 43, 47), _srgb(92, 95, 98), 0.45 + 0.14 * layers + 0.13 * grain)
    height = 0.004 * terrace * plane.fading(6, 8) + 0.002 * grain
    return Surface(_darker(albedo, wet), height, 0.12 + 0.5 * wet, 0.34 - 0.15 * wet)


def concrete(plane: Plane, wet: float) -> Surface:
    """Smooth cast concrete: clouds, a few pores."""
    cloud = plane.layers(0.7, 5, seed=41, gain=0.62)
    grain = plane.layers(36.0, 2, seed=43)
    pores = np.clip(plane.noise(17, 17, seed=45) - 0.95, 0, 1) * 2.2
    albedo = _mix(_srgb(128, 127, 124), _srgb(186, 184, 179), 0.5 + 0.24 * cloud + 0.10 * grain - 0.6 * pores)
    return Surface(
        _darker(albedo, wet), -0.005 * pores + 0.0010 * grain, 0.10 + 0.55 * wet, 0.42 - 0.25 * wet
    )


def asphalt(plane: Plane, wet: float) -> Surface:
    """A street; wet, it has a skin of water with puddles that mirror the lights."""
    grit = plane.layers(34.0, 3, seed=51, gain=0.8)
    cloud = plane.layers(0.8, 4, seed=53)
    albedo = _mix(_srgb(44, 45, 48), _srgb(96, 96, 98), 0.42 + 0.26 * grit + 0.12 * cloud)
    pool = np.clip(0.5 + 1.6 * plane.layers(0.75, 3, seed=55, gain=0.4), 0, 1)
    gloss = wet * (0.9 + 1.3 * pool) + (1 - wet) * 0.05
    height = 0.0042 * grit * (1 - 0.85 * wet * pool)
    return Surface(_darker(albedo, wet), height, gloss.astype(np.float32), 0.5 - 0.3 * wet)


def _darker(albedo: Array, wet: float) -> Array:
    """Water in the pores of a surface swallows light: wet things are darker and deeper in colour."""
    return np.power(albedo, np.float32(1 + 0.32 * wet)).astype(np.float32) if wet else albedo


def sand(plane: Plane, wet: float) -> Surface:
    """Fine sand, combed by the wind, with a few footless dunes."""
    sway = plane.layers(0.8, 3, seed=61)
    ripple = plane.noise(0.9, 7.5, seed=62, warp=1.5 * sway) * np.clip(
        0.7 + 0.7 * plane.noise(0.5, 0.5, seed=63), 0, 1
    )
    dune = plane.layers(0.55, 3, seed=64, gain=0.45)
    grain = plane.layers(70.0, 3, seed=66, gain=0.85)
    albedo = _mix(
        _srgb(182, 152, 116), _srgb(232, 208, 172), 0.52 + 0.10 * ripple + 0.10 * dune + 0.20 * grain
    )
    height = 0.016 * ripple + 0.05 * dune + 0.0014 * grain
    return Surface(_darker(albedo, wet), height, 0.0 + 0.4 * wet, 0.6)


def snow(plane: Plane, wet: float) -> Surface:
    """Settled snow."""
    soft = plane.layers(0.9, 4, seed=71, gain=0.45)
    grain = plane.layers(45.0, 3, seed=73, gain=0.8, stretch=0.5)
    spark = np.clip(plane.noise(120, 120, seed=75) - 0.95, 0, 1)
    albedo = (
        _mix(_srgb(230, 235, 242), _srgb(252, 252, 252), 0.6 + 0.12 * soft + 0.12 * grain)
        * (1 + spark)[..., None]
    )
    return Surface(np.clip(albedo, 0, 1).astype(np.float32), 0.034 * soft + 0.0006 * grain, 0.02, 0.6)


UPRIGHT = 0.34
"""What grows stands up, so it is not foreshortened: its noise is stretched into the depth by 1 / this."""


def moss(plane: Plane, wet: float) -> Surface:
    """Cushions of moss, with brown litter between them."""
    cushion = plane.layers(3.2, 3, seed=81, gain=0.55, stretch=0.55)
    tuft = plane.layers(30.0, 4, seed=83, gain=0.92, stretch=UPRIGHT)
    litter = np.clip(plane.layers(1.6, 4, seed=86, gain=0.6) * 1.6 - 0.5, 0, 1)
    green = _mix(_srgb(24, 38, 14), _srgb(116, 132, 52), 0.42 + 0.20 * cushion + 0.30 * tuft)
    crumbs = plane.layers(18.0, 3, seed=88, gain=0.8, stretch=0.6)
    brown = _mix(_srgb(44, 31, 20), _srgb(132, 100, 66), 0.45 + 0.36 * crumbs)
    albedo = green + (brown - green) * litter[..., None]
    height = 0.030 * cushion + 0.0042 * tuft * (1 - litter) + 0.004 * crumbs * litter - 0.01 * litter
    return Surface(_darker(albedo.astype(np.float32), wet * 0.5), height.astype(np.float32), 0.02, 0.7)


def grass(plane: Plane, wet: float) -> Surface:
    """A short lawn."""
    patch = plane.layers(1.1, 3, seed=91)
    blade = (
        plane.noise(80, 27, seed=92)
        + 0.9 * plane.noise(140, 46, seed=93)
        + 0.8 * plane.noise(30, 14, seed=94)
    )
    albedo = _mix(_srgb(30, 46, 18), _srgb(136, 152, 70), 0.40 + 0.14 * patch + 0.28 * blade)
    return Surface(_darker(albedo, wet * 0.5), 0.0026 * blade + 0.012 * patch, 0.03, 0.7)


def soil(plane: Plane, wet: float) -> Surface:
    """Dark, crumbly earth."""
    crumb = plane.layers(9.0, 4, seed=101, gain=0.75)
    albedo = _mix(
        _srgb(40, 29, 22), _srgb(122, 92, 66), 0.42 + 0.28 * crumb + 0.1 * plane.layers(1.2, 2, seed=105)
    )
    return Surface(_darker(albedo, wet), 0.013 * crumb, 0.02 + 0.4 * wet, 0.6)


def linen(plane: Plane, wet: float) -> Surface:
    """Washed linen with gentle folds."""
    weave_x = plane.noise(190, 16, seed=111) + 0.6 * plane.noise(90, 7, seed=112)
    weave_z = plane.noise(16, 190, seed=113) + 0.6 * plane.noise(7, 90, seed=114)
    slub = plane.noise(3.0, 110, seed=116) + plane.noise(110, 3.0, seed=118)
    sway = plane.layers(0.6, 2, seed=119)
    fold = plane.noise(0.55, 1.5, seed=115, warp=1.3 * sway)
    # Rounded where it turns: a ridge with an edge would be paper, lit on one side and dark on the other.
    crease = 1 - np.sqrt(np.square(plane.noise(0.8, 1.0, seed=117, warp=1.0 * sway)) + 0.06)
    share = 0.62 + 0.07 * (weave_x + weave_z) + 0.022 * slub
    albedo = _mix(_srgb(204, 193, 176), _srgb(244, 238, 228), share)
    return Surface(albedo, 0.034 * fold + 0.016 * crease**3 + 0.0003 * (weave_x + weave_z), 0.0, 0.8)


def silk(plane: Plane, wet: float) -> Surface:
    """Satin laid in broad folds; its sheen follows them."""
    sway = plane.layers(0.7, 2, seed=121)
    fold = plane.noise(0.9, 1.3, seed=123, warp=2.4 * sway) + 0.45 * plane.noise(
        2.0, 2.6, seed=124, warp=3.0 * sway
    )
    ridge = np.clip(1 - 1.6 * np.abs(fold), 0, 1) ** 2
    thread = plane.noise(260, 30, seed=126)
    albedo = _mix(
        _srgb(150, 138, 124), _srgb(242, 233, 220), 0.45 + 0.30 * fold + 0.30 * ridge + 0.04 * thread
    )
    sheen = np.clip(0.10 + 0.30 * ridge, 0, 1).astype(np.float32)
    return Surface(albedo, 0.14 * fold, sheen, 0.5)


def water(plane: Plane, wet: float) -> Surface:
    """A skin of still water over dark ground."""
    ripple = plane.noise(2.6, 4.6, seed=131) + 0.45 * plane.noise(6.0, 11.0, seed=133)
    albedo = _mix(_srgb(24, 38, 44), _srgb(40, 60, 66), 0.5 + 0.3 * plane.layers(0.7, 2, seed=135))
    return Surface(albedo, 0.004 * ripple, 1.5, 0.10)


def acrylic(plane: Plane, wet: float) -> Surface:
    """Black acrylic: a dark mirror."""
    albedo = np.broadcast_to(_srgb(16, 16, 18), (*plane.shape, 3)).astype(np.float32)
    return Surface(albedo, None, 1.0, 0.03)


def metal(plane: Plane, wet: float) -> Surface:
    """Brushed steel."""
    brush = (
        plane.noise(1.2, 180, seed=141)
        + 0.7 * plane.noise(3.0, 330, seed=142)
        + 0.5 * plane.noise(0.8, 40, seed=143)
    )
    albedo = _mix(_srgb(92, 93, 96), _srgb(186, 187, 190), 0.5 + 0.30 * brush)
    return Surface(albedo, None, np.clip(0.55 + 0.10 * brush, 0, 1).astype(np.float32), 0.3)


def sweep(plane: Plane, wet: float) -> Surface:
    """Plain paper."""
    albedo = np.full((*plane.shape, 3), 0.78, np.float32)
    return Surface(albedo, None, 0.0, 0.9)


FINISHES: dict[str, FloorFinish] = {
    "wood": FloorFinish(wood, True, 0.14),
    "pine": FloorFinish(pine, True, 0.14),
    "walnut": FloorFinish(walnut, True, 0.14),
    "driftwood": FloorFinish(driftwood, True, 0.14),
    "marble": FloorFinish(marble, True, 3.0),
    "terrazzo": FloorFinish(terrazzo, True, 3.0),
    "stone": FloorFinish(stone, True, 3.0),
    "slate": FloorFinish(slate, True, 3.0),
    "concrete": FloorFinish(concrete, True, 3.0),
    "asphalt": FloorFinish(asphalt, False, 3.0),
    "sand": FloorFinish(sand, False, 0.4),
    "snow": FloorFinish(snow, False, 0.1),
    "moss": FloorFinish(moss, False, 0.04),
    "grass": FloorFinish(grass, False, 0.04),
    "soil": FloorFinish(soil, False, 3.0),
    "linen": FloorFinish(linen, True, 0.5),
    "silk": FloorFinish(silk, True, 0.8),
    "water": FloorFinish(water, False, 3.0),
    "acrylic": FloorFinish(acrylic, True, 0.0),
    "metal": FloorFinish(metal, True, 0.1),
    "sweep": FloorFinish(sweep, False, 0.0),
}
"""Every floor that words.toml may name."""
