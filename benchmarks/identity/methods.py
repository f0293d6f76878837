"""What anyone could do to get the product back, each as one function; and prodgen's way.

Each takes photograph, relit picture and matte in one framing and size, and returns the product it
would deliver; `finished` puts it into the relit picture's scene. They are as good as we could make
them: statistics and blurs are taken inside the matte only, so no background leaks in.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import shading
from prodgen.color import from_lab, to_lab
from prodgen.images import Matte, RgbImage, from_uint8, to_uint8
from prodgen.masks import bounding_box, composite, normalised_blur

Method = Callable[[RgbImage, RgbImage, Matte], RgbImage]


def nothing(photo: RgbImage, relit: RgbImage, matte: Matte) -> RgbImage:
    """The relit picture as it is."""
    return relit


def restore_details(photo: RgbImage, relit: RgbImage, matte: Matte) -> RgbImage:
    """The A1111 extension's "restore details": a difference of Gaussians of radius 5 from the photograph."""
    return photo - cv2.GaussianBlur(photo, (5, 5), 0) + cv2.GaussianBlur(relit, (5, 5), 0)


def half_alpha(photo: RgbImage, relit: RgbImage, matte: Matte) -> RgbImage:
    """Half photograph, half relit picture."""
    return (photo + relit) / 2


def paste(photo: RgbImage, relit: RgbImage, matte: Matte) -> RgbImage:
    """The photograph as it is."""
    return photo


def frequency_separation(photo: RgbImage, relit: RgbImage, matte: Matte) -> RgbImage:
    """The retoucher's way: detail from the photograph, all coarser than 10 pixels from the relit one."""
    sigma = 10 * max(photo.shape) / 704  # the radius goes with the size, or the sets could not be compared
    return photo - normalised_blur(photo, matte, sigma) + normalised_blur(relit, matte, sigma)


def reinhard(photo: RgbImage, relit: RgbImage, matte: Matte) -> RgbImage:
    """The photograph with the relit product's mean and deviation in L*a*b*.

    Source: Reinhard et al., "Color transfer between images", 2001; in L*a*b* instead of l-alpha-beta.
    """
    inside = matte > 0.9
    source, target = to_lab(photo), to_lab(relit)
    a, b = source[inside], target[inside]
    moved = (source - a.mean(axis=0)) * (b.std(axis=0) / np.maximum(a.std(axis=0), 1e-3)) + b.mean(axis=0)
    return from_lab(moved.astype(np.float32))


def reinhard_back(photo: RgbImage, relit: RgbImage, matte: Matte) -> RgbImage:
    """The relit picture with the photographed product's colour statistics: the other way round."""
    return reinhard(relit, photo, matte)


def mkl(photo: RgbImage, relit: RgbImage, matte: Matte) -> RgbImage:
    """The photograph with the relit product's mean and covariance in sRGB: the linear Monge-Kantorovitch map.

    Source: Pitié and Kokaram, "The linear Monge-Kantorovitch linear colour mapping for example-based
    colour transfer", 2007.
    """
    inside = matte > 0.9
    a, b = photo[inside].astype(np.float64), relit[inside].astype(np.float64)
    from_a, of_b = (np.cov(x, rowvar=False) + 1e-6 * np.eye(3) for x in (a, b))
    root = _root(from_a)
    back = np.linalg.inv(root)
    mapping = back @ _root(root @ of_b @ root) @ back
    return ((photo - a.mean(axis=0)) @ mapping.T + b.mean(axis=0)).astype(np.float32)


def mkl_back(photo: RgbImage, relit: RgbImage, matte: Matte) -> RgbImage:
    """The relit picture with the photographed product's colour statistics: the other way round."""
    return mkl(relit, photo, matte)


def poisson(photo: RgbImage, relit: RgbImage, matte: Matte) -> RgbImage:
    """The photograph's gradients, with the relit scene's colours at the border.

    Source: Pérez, Gangnet, Blake, "Poisson image editing", 2003; OpenCV's seamlessClone.
    """
    mask = ((matte > 0.02) * 255).astype(np.uint8)
    box = bounding_box(matte, threshold=0.02)
    centre = box.left + box.width // 2, box.top + box.height // 2
    cloned = cv2.seamlessClone(to_uint8(photo), to_uint8(relit), mask, centre, cv2.NORMAL_CLONE)
    return from_uint8(np.asarray(cloned, np.uint8))


def color_blend(photo: RgbImage, relit: RgbImage, matte: Matte) -> RgbImage:
    """The "Color" blend mode: lightness of the relit picture, colours of the photograph."""
    lab = to_lab(photo)
    lab[..., 0] = to_lab(relit)[..., 0]
    return from_lab(lab)


METHODS: dict[str, Method] = {
    "nothing (the relit picture)": nothing,
    "restore details (extension, DoG r=5)": restore_details,
    "half alpha": half_alpha,
    "paste the photograph": paste,
    "frequency separation (sigma 10)": frequency_separation,
    "Reinhard, photograph to relit": reinhard,
    "Reinhard, relit to photograph": reinhard_back,
    "MKL, photograph to relit": mkl,
    "MKL, relit to photograph": mkl_back,
    "Poisson (seamlessClone)": poisson,
    "colour blend (L*a*b*)": color_blend,
}
"""Everything but prodgen, by the names that the tables use."""

OURS = "prodgen"


def finished(method: str, photo: RgbImage, relit: RgbImage, matte: Matte) -> RgbImage:
    """The picture that a method delivers, (H, W, 3), sRGB, [0, 1]."""
    if method == OURS:
        return shading.blend(photo, relit, matte)
    product = np.clip(METHODS[method](photo, relit, matte), 0, 1).astype(np.float32)
    return composite(product, relit, matte)


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square root of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T)
