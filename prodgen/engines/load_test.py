"""The engine of load tests: a plain grey scene that costs next to no CPU, with the product in front of it.

How long a render takes is not its business: the server waits (`Behaviour.delay_s`). Its checkpoint and its
infotexts say that the pictures are for load tests only.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from prodgen.engines.ibl.ibl_engine import IblEngine, ibl_engine
from prodgen.engines.ibl.render_order import Rendering, RenderOrder
from prodgen.images import RgbImage
from prodgen.server.engine import EngineSettings

CHECKPOINT = "prodgen-ibl (load test)"
"""The one checkpoint's name: it begins as the embedded backend's does, so that clients know what it lacks."""

KEPT_SIZES = 8
"""Scenes that are kept; a recipe asks for one or two sizes."""


def load_test_engine(settings: EngineSettings) -> IblEngine:
    """Return the embedded engine with a renderer that ignores the prompt.

    Raises:
        SettingError: If anything is set.
    """
    ibl_engine(settings)  # it has as little to set
    return IblEngine(checkpoints=(CHECKPOINT,), renderer=draw_plain)


def draw_plain(order: RenderOrder) -> Rendering:
    """Return the product, as it was sent, before the given background or a grey that falls off downwards."""
    scene = plain_scene(order.width, order.height) if order.background is None else order.background
    if order.foreground is not None and order.matte is not None:
        matte = np.ascontiguousarray(order.matte)
        scene = np.asarray(cv2.blendLinear(order.foreground, scene, matte, 1 - matte), np.float32)
    return Rendering(image=scene, scene="load test", floor="none")


@lru_cache(KEPT_SIZES)
def plain_scene(width: int, height: int) -> RgbImage:
    """Return a grey scene, (height, width, 3), lighter above than below; drawn once a size."""
    fall = np.linspace(0.8, 0.5, height, dtype=np.float32)[:, None, None]
    return np.ascontiguousarray(np.broadcast_to(fall, (height, width, 3)))
