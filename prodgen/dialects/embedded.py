"""prodgen's own backend: the routes of A1111 in front of a renderer that has no trained model at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from prodgen.dialects.a1111 import A1111
from prodgen.dialects.payload import Payload
from prodgen.errors import UnsupportedFeatureError
from prodgen.schema import Capabilities, Drawing, Upscale

CHECKPOINT = "prodgen-ibl"
"""The checkpoint of the embedded backend begins with this, here or behind `prodgen serve`."""

REMEDY = "nothing can be added to it; a Stable Diffusion server can (--backend URL)"
"""What to do about a feature that it lacks."""


class Embedded(A1111):
    """Refuses what needs trained weights: there is nothing to install that would bring them."""

    name: ClassVar[str] = "embedded"
    title: ClassVar[str] = "embedded"
    remedies: ClassVar[Mapping[str, str]] = {
        **A1111.remedies,
        "reference pictures": "leave out --reference-by, and the scene has the light and the colours of the "
        "picture; a Stable Diffusion server takes its set as well (--backend URL)",
    }

    def upscale(self, request: Upscale) -> Payload:
        """Spell a request to enlarge a picture; it restores no faces.

        Raises:
            UnsupportedFeatureError: If faces are to be restored.
        """
        if request.gfpgan_visibility or request.codeformer_visibility:
            raise UnsupportedFeatureError("face restoration", self.title, REMEDY)
        return super().upscale(request)

    def _drawing(self, request: Drawing, capabilities: Capabilities, *, is_img2img: bool) -> dict[str, Any]:
        asked = {
            "ControlNet": request.controlnet,
            "ADetailer": request.adetailer,
            "face restoration": request.restore_faces,
        }
        if features := [feature for feature, value in asked.items() if value]:
            raise UnsupportedFeatureError(" and ".join(features), self.title, REMEDY)
        return super()._drawing(request, capabilities, is_img2img=is_img2img)
