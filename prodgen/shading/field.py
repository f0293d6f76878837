"""The light field: what the new light does to the product, as a bounded gain for each colour channel.

The photograph's own pixels times this gain are the product in the scene. The gain's luminance is fine where
the photograph is plain (a reflection may move over a lid) and coarse where it has print and texture, which
no light can have changed. Its colour is coarse everywhere. Owns the estimate and its application; knows
nothing of edges and scenes (see `blend`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import LUMA, brightest, to_linear, to_srgb
from prodgen.errors import ImageError
from prodgen.images import Matte, Plane, RgbImage
from prodgen.masks import blur, normalised_blur
from prodgen.shading.illuminant import Illuminant, fit_illuminant
from prodgen.shading.materials import material_offset, memberships
from prodgen.shading.reflections import reflections
from prodgen.shading.smoothing import CLIPPED_FROM, GAIN_FLOOR, WHITE_FROM, plainness, ramp, smoothed
from prodgen.shading.veil_model import PHOTO_WHITE, has_colour
from prodgen.shading.working_pair import Region, WorkingPair, pair_pictures, soften

SCALES = (0.15, 0.10, 0.05, 0.03, 0.02, 0.013, 0.008)
"""Sigmas of the luminance gain, coarse to fine, in product extents (square root of the product's area).

Chosen: steps of about 1.6; the first is estimated everywhere, print or not; the finest is 3 pixels at the
working size.
"""

LEAST_WEIGHT = 0.03
"""Weight, share of a scale's Gaussian, that the coarser scale has against the plain pixels there.

Guard: where nothing is plain the coarser scale alone decides.
"""

COLOR_SCALE = 0.03
"""Sigma of the gain's colour, in product extents. Chosen: a lamp beside a window, and no finer."""

COLOR_WEIGHT = 0.1
"""Weight of the light's mean colour against the pixels' own under `COLOR_SCALE`. Chosen."""

COLOR_OFFSET = 0.15
"""Added to colours of luminance 1 before their logarithm. Guard: stabilises the log of small values."""

LOWEST, HIGHEST = 1 / 16, 6.0
"""Bounds of the luminance gain: four stops down is night, 2.6 up is sun on a packshot's shadow. Chosen."""

MOST_TINT = 0.5
"""Largest natural log of a channel's ratio to the light's mean colour.

Source: the Planckian locus; a 2700 K lamp beside daylight.
"""

MOST_UNCLIPPED = 1.4
"""Largest factor by which a clipped luminance is raised from its unclipped channels. Guard."""

DIM_BELOW = 0.7, 0.8
"""Relit luminance between which a pixel's colour loses its weight for the local tint. Chosen."""

REDRAWN_SHARE = 0.4
"""Share of colour lost at which the product counts as wholly redrawn. Chosen."""

PIECE_BLUR_PX = 4.0
"""Sigma, in working pixels, over which the lights of two products that stand apart are mixed. Chosen."""

METAL_SCALE = 0.02
"""Sigma, in product extents, of the gain on bare metal. Chosen: half of what a mirror image is smooth over
there, and wider than an engraving."""

BAND_ROWS = 512
"""Rows of the photograph lit at a time. Speed: bounds the memory at 4096 and keeps it in the cache."""


@dataclass(frozen=True)
class LightField:
    """A gain for each channel over a region of the frame; 1 outside."""

    gain: NDArray[np.float32]
    """(h, w, 3), linear light, smooth; may be of any size."""

    region: Region
    """Where in the frame it lies."""

    illuminant: Illuminant
    """The colour of the light, and how far it can be trusted."""

    strength: float
    """Share of the new light, 0 to 1; 0 changes nothing, exactly."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the gain."""
        return self.gain.shape[0], self.gain.shape[1]

    def at(self, height: int, width: int) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
        """Rows and columns in a frame of this size, and the gain there, (rows, columns, 3)."""
        window = self.region.pixels(height, width)
        size = window[1].stop - window[1].start, window[0].stop - window[0].start
        return window, cv2.resize(self.gain, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)

    def weakened(self, share: Plane) -> LightField:
        """Return the field with its log gain times `share`, (h, w), 0 to 1: nearer to the photograph."""
        fitted = cv2.resize(share, self.gain.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return replace(self, gain=np.power(self.gain, fitted[..., None]).astype(np.float32))

    def within(self, window: tuple[slice, slice], shape: tuple[int, int]) -> LightField:
        """Return this field in the shares of a part of the frame: rows and columns of (height, width)."""
        (rows, columns), (height, width) = window, shape
        tall, wide = rows.stop - rows.start, columns.stop - columns.start
        region = Region(
            (self.region.left * width - columns.start) / wide,
            (self.region.top * height - rows.start) / tall,
            (self.region.right * width - columns.start) / wide,
            (self.region.bottom * height - rows.start) / tall,
        )
        return replace(self, region=region)


def light_field(
    original: RgbImage, relit: RgbImage, matte: Matte, *, strength: float = 1.0, ambience: float = 1.0
) -> LightField:
    """Estimate what the light of `relit` does to the product of `original`.

    Args:
        original: The photograph, (H, W, 3), sRGB, [0, 1].
        relit: The same framing in the new light, (h, w, 3), any size, sRGB, [0, 1]. Its colours and
            its detail inside the product need not be right.
        matte: (H, W), 1 = product.
        strength: 0 (the photograph's own light, exactly) to 1 (all the new light).
        ambience: Share of the light's colour, 0 (white light) to 1 (as found).

    Raises:
        ImageError: If photograph and matte differ in size.
        IdentityError: If the matte holds no product to speak of, or `relit` does not show it there.
    """
    return read_field(pair_pictures(original, relit, matte), strength=strength, ambience=ambience)


def read_field(
    pair: WorkingPair, *, strength: float = 1.0, ambience: float = 1.0, is_mirroring: bool = True
) -> LightField:
    """Estimate the light field of a working pair; `strength` and `ambience` are those of `light_field`.

    `is_mirroring` says whether the product may take the scene's reflections from the relit picture. False
    leaves smooth light alone, which hides nothing that was done to a product: for measuring it.
    """
    illuminant = fit_illuminant(pair if pair.metal is None else replace(pair, weight=_paint(pair)))
    if strength == 0:
        flat = np.ones((2, 2, 3), np.float32)
        return LightField(flat, pair.region, illuminant, 0.0)
    members = memberships(pair)
    log_gain = np.zeros((*pair.weight.shape, 3), np.float32)
    total = np.zeros_like(pair.weight)
    for piece in pair.pieces:
        part = _log_gain(pair, piece, members, illuminant, ambience)
        if is_mirroring and ambience > 0:
            full = part if ambience == 1 else _log_gain(pair, piece, members, illuminant, 1.0)
            part = _bounded(part + ambience * _mirrored(pair, piece, members, illuminant, full))
        # Each product's light also holds nearest to it, so that soft edges have a light too.
        nearness = blur(piece, PIECE_BLUR_PX) + 1e-6
        log_gain += part * nearness[..., None]
        total += nearness
    log_gain /= total[..., None]
    if pair.metal is not None:
        log_gain += pair.metal[..., None] * (_of_metal(pair, pair.metal, log_gain, ambience) - log_gain)
    return LightField(np.exp(strength * log_gain), pair.region, illuminant, strength)


def apply(original: RgbImage, field: LightField, matte: Matte) -> RgbImage:
    """Light the photograph: its own pixels times the field's gain, in linear light.

    Args:
        original: (H, W, 3), sRGB, [0, 1], of any size; also the photograph's foreground colours.
        field: From `light_field`.
        matte: (H, W), 1 = product. Where it is 0, and where the gain is 1, the photograph stays to the bit.

    Returns:
        (H, W, 3), sRGB, [0, 1]: the product lit, not yet in its scene.

    Raises:
        ImageError: If photograph and matte differ in size.
    """
    if original.shape[:2] != matte.shape:
        raise ImageError(f"the matte is {matte.shape[::-1]} pixels, the photograph {original.shape[1::-1]}")
    result = original.copy()
    if field.strength == 0:
        return result
    window, gain = field.at(*matte.shape)
    for top in range(window[0].start, window[0].stop, BAND_ROWS):
        rows = slice(top, min(top + BAND_ROWS, window[0].stop))
        within = slice(rows.start - window[0].start, rows.stop - window[0].start)
        lit = to_srgb(to_linear(original[rows, window[1]]) * gain[within])
        changes = (matte[rows, window[1]] > 0) & (gain[within] != 1).any(axis=-1)
        np.copyto(result[rows, window[1]], lit, where=changes[..., None])
    return result


def _bounded(log_gain: Plane) -> Plane:
    """A log gain, (h, w, 3), with its luminance within `LOWEST` and `HIGHEST`."""
    luminance = np.exp(log_gain) @ LUMA
    return np.asarray(log_gain + np.log(np.clip(luminance, LOWEST, HIGHEST) / luminance)[..., None])


def _mirrored(
    pair: WorkingPair, piece: Matte, members: Plane, illuminant: Illuminant, log_gain: Plane
) -> Plane:
    """(h, w, 3), natural log: what one product mirrors beyond the smooth light of `log_gain`."""
    photo = soften(pair.photo_linear, piece)
    return reflections(
        photo,
        soften(pair.relit_linear, piece),
        log_gain,
        piece * plainness(photo @ LUMA, piece, float(np.sqrt(piece.sum()))),
        members,
        illuminant,
        has_colour=has_colour(pair.photo_linear, pair.relit_linear, piece),
        is_turned=pair.turn.angle_deg != 0,
    )


def _paint(pair: WorkingPair) -> Matte:
    """(h, w), what of the product is not bare metal."""
    return pair.weight if pair.metal is None else np.asarray(pair.weight * (1 - pair.metal), np.float32)


def _of_metal(pair: WorkingPair, metal: Matte, log_gain: Plane, ambience: float) -> Plane:
    """(h, w, 3), natural log of the gain on bare metal, which has no colours of its own to compare with.

    All of its colours are the place's, so they are taken as they are found, and smooth: its engravings and
    edges stay the photograph's. Where there is little metal, `log_gain` goes on.
    """
    photo, relit = soften(pair.photo_linear, pair.weight), soften(pair.relit_linear, pair.weight)
    found = np.log(relit + np.float32(GAIN_FLOOR)) - np.log(photo + np.float32(GAIN_FLOOR))
    sigma_px = METAL_SCALE * float(np.sqrt(pair.weight.sum()))
    found = smoothed(np.asarray(found), metal, sigma_px, prior=log_gain, prior_weight=LEAST_WEIGHT)
    if ambience < 1:
        grey = np.log(np.exp(found) @ LUMA)[..., None]
        found = grey + np.float32(ambience) * (found - grey)
    return _bounded(found)


def _log_gain(
    pair: WorkingPair, piece: Matte, members: Plane, illuminant: Illuminant, ambience: float
) -> Plane:
    """(h, w, 3), natural log of the gain, for one product of the frame."""
    extent = float(np.sqrt(piece.sum()))
    photo: Plane = soften(pair.photo_linear, piece)
    relit: Plane = soften(pair.relit_linear, piece)
    lit: Plane = photo * illuminant.light
    clipped = _clipped(pair.relit_linear, piece)
    relit_luminance = _unclipped_luminance(relit, lit, clipped, illuminant)
    observed = np.log(relit_luminance + GAIN_FLOOR) - np.log(lit @ LUMA + GAIN_FLOOR)
    observed -= material_offset(
        observed, piece * (1 - clipped), members, extent_px=extent, trust=_redrawn(illuminant)
    )
    plain = piece * plainness(lit @ LUMA, piece, extent)
    # Clipped light is at least as bright as observed; its surroundings may show that it is brighter.
    around = _coarse_to_fine(observed, plain * (1 - clipped), piece, extent)
    observed = observed + clipped * np.maximum(around - observed, 0)
    luminance = np.clip(_coarse_to_fine(observed, plain, piece, extent), np.log(LOWEST), np.log(HIGHEST))
    tint = np.log(illuminant.light) + _local_tint(pair, relit, relit_luminance, lit, piece, illuminant)
    # An over-exposed highlight is white in a photograph, whatever the light's colour.
    white = ramp((pair.relit_linear @ LUMA - WHITE_FROM) / (1 - WHITE_FROM))
    tint *= ambience * (1 - normalised_blur(white, piece, max(1.0, 0.01 * extent)))[..., None]
    tinted = photo * np.exp(tint)
    tint -= (
        np.log(np.maximum(tinted @ LUMA, 1e-4) / np.maximum(lit @ LUMA, 1e-4))[..., None] * piece[..., None]
    )
    return np.asarray(luminance[..., None] + tint)


def _redrawn(illuminant: Illuminant) -> float:
    """How far the model redrew the product's colours, by the fit: 0 to 1."""
    kept = illuminant.confidence * np.clip(1 - (1 - illuminant.share) / REDRAWN_SHARE, 0, 1)
    return float(1 - kept)


def _clipped(relit_linear: Plane, piece: Matte) -> Plane:
    """(h, w), 0 to 1: how far the relit picture is over-exposed there."""
    clipped = ramp((brightest(relit_linear) - CLIPPED_FROM) / (1 - CLIPPED_FROM))
    return normalised_blur(clipped, piece, 1.0) * piece


def _unclipped_luminance(relit: Plane, lit: Plane, clipped: Plane, illuminant: Illuminant) -> Plane:
    """Luminance of the relit product, estimated from the channels that are not clipped."""
    expected = illuminant.share * lit / np.maximum(lit @ LUMA, 1e-4)[..., None]
    expected = np.maximum(expected + (1 - illuminant.share) * illuminant.veil, 0.05) ** illuminant.confidence
    expected /= (expected @ LUMA)[..., None]
    unclipped = brightest(np.where(relit < CLIPPED_FROM, relit / expected, 0))
    observed = relit @ LUMA
    raised = observed + clipped * (np.minimum(unclipped, MOST_UNCLIPPED * observed) - observed)
    return np.asarray(np.maximum(observed, raised), np.float32)


def _coarse_to_fine(values: Plane, weight: Plane, piece: Matte, extent: float) -> Plane:
    """Smooth `values` as finely as their weight allows: each scale refines the one before."""
    result = normalised_blur(values, weight + 1e-3 * piece, SCALES[0] * extent)
    for scale in SCALES[1:]:
        result = smoothed(values, weight, scale * extent, prior=result, prior_weight=LEAST_WEIGHT)
    return result


def _local_tint(
    pair: WorkingPair, relit: Plane, relit_luminance: Plane, lit: Plane, piece: Matte, illuminant: Illuminant
) -> Plane:
    """(h, w, 3), log colour of the light here against its mean: blue from the sky side, amber from the lamp.

    The veil is taken off the relit colours; what then remains against the photograph is light.
    """
    relit_color = relit / (relit_luminance + 1e-4)[..., None]
    unveiled = np.maximum((relit_color - (1 - illuminant.share) * illuminant.veil) / illuminant.share, 0.02)
    expected = lit / np.maximum(lit @ LUMA, 1e-4)[..., None]
    ratio = np.log(unveiled + COLOR_OFFSET) - np.log(expected + COLOR_OFFSET)
    # By luminance, which a turn of the hues leaves alone; the largest channel would change with it.
    dim, bright = DIM_BELOW
    weight = piece * (1 - ramp((pair.relit_linear @ LUMA - dim) / (bright - dim)))
    weight *= brightest(pair.photo_linear) < PHOTO_WHITE
    sigma = COLOR_SCALE * float(np.sqrt(piece.sum()))
    tint = smoothed(ratio, weight, sigma, prior=0.0, prior_weight=COLOR_WEIGHT)
    return np.asarray(np.clip(tint * np.float32(illuminant.local_confidence), -MOST_TINT, MOST_TINT))
