# ruff: noqa: N802 - the methods are called as the classes of ComfyUI that they stand for
"""What a ComfyUI server would draw, painted without a network: every node of a graph is executed in turn.

A model "draws" with the embedded engine: the scene that the words name, for a seed. IC-Light gives the very
picture that it was given as foreground, in the light of that scene, so that the product of a shot is there to
be looked at. Wrong inputs fail as the real nodes do, with their words (tests/captures/comfyui/iclight).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from prodgen.engines.ibl.render import render
from prodgen.engines.ibl.render_order import RenderOrder
from prodgen.engines.ibl.sharpening import enlarge
from prodgen.images import from_uint8, to_uint8

from .fake_comfy import FakeComfy, in_order, key_of, links, upstream

GREY = 127
CELL_PX = 8
GREY_REACH = 6
"""Levels by which a pixel differs from the grey ground if it belongs to a product."""


class NodeFailedError(Exception):
    """What a node raises: the exception's type, and its message."""


@dataclass(frozen=True)
class Latent:
    width: int
    height: int
    pictures: tuple[np.ndarray | None, ...] = (None,)
    """What is encoded in it, (H, W, 3) uint8; None: nothing."""
    mask: np.ndarray | None = None
    """(H, W), 1 = to be drawn."""


@dataclass(frozen=True)
class Model:
    file: str
    loras: tuple[tuple[str, float], ...] = ()
    relights: str = ""
    """File of IC-Light's weights in it."""
    conditions: Latent | None = None
    """The native pack's pictures: foreground, and for FBC the background."""


@dataclass(frozen=True)
class Words:
    text: str
    conditions: tuple[Latent, ...] = ()
    """The kijai pack's pictures."""
    controls: tuple[tuple[np.ndarray, float], ...] = ()


@dataclass
class GraphPainter:
    """Executes the graphs of one fake server; `install` lets it do so."""

    comfy: FakeComfy
    done: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Outputs of nodes by what they depend on."""

    def install(self) -> GraphPainter:
        self.comfy.compute, self.comfy.draw = self.compute, self.pictures
        return self

    def pictures(self, graph: dict, node_id: str) -> list[np.ndarray]:
        """What a node that saves pictures is given."""
        source, output = graph[node_id]["inputs"]["images"]
        for each in in_order(graph):
            if each in upstream(graph, source):
                self.compute(graph, each)
        return list(self.done[key_of(graph, source)][output])

    def compute(self, graph: dict, node_id: str) -> None:
        """Execute one node, whose inputs were executed before."""
        key, node = key_of(graph, node_id), graph[node_id]
        if key in self.done or node["class_type"] in ("SaveImage", "PreviewImage"):
            return
        for each in links(node):
            self.compute(graph, each)
        given = {
            name: self.done[key_of(graph, value[0])][value[1]]
            if isinstance(value, list) and len(value) == 2 and value[0] in graph
            else value
            for name, value in node["inputs"].items()
        }
        work = getattr(self, f"_{node['class_type']}".replace("-", "_"), None)
        assert work is not None, f"nobody paints {node['class_type']}"
        made = work(**given)
        self.done[key] = made if isinstance(made, tuple) else (made,)

    # -- files

    def _loaded(self, name: str) -> np.ndarray:
        folder = "temp" if name.endswith(" [temp]") else "output" if name.endswith(" [output]") else "input"
        data = self.comfy.files[folder, name.rpartition(" [")[0] or name]
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)

    def _LoadImage(self, image: str, **_: Any) -> tuple[Any, ...]:
        pixels = self._loaded(image)
        if pixels.ndim == 2:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
        alpha = pixels[..., 3] if pixels.shape[2] == 4 else np.full(pixels.shape[:2], 255, np.uint8)
        return (np.ascontiguousarray(pixels[..., 2::-1]),), 1 - alpha / 255

    def _LoadImageMask(self, image: str, channel: str, **_: Any) -> np.ndarray:
        pixels = self._loaded(image)
        place = {"blue": 0, "green": 1, "red": 2, "alpha": 3}[channel]
        return (pixels if pixels.ndim == 2 else pixels[..., place]) / 255

    def _CheckpointLoaderSimple(self, ckpt_name: str) -> tuple[Any, ...]:
        return Model(ckpt_name), "clip", "vae"

    def _UNETLoader(self, unet_name: str, weight_dtype: str) -> Model:
        return Model(unet_name)

    def _DualCLIPLoader(self, **_: Any) -> str:
        return "clip"

    def _VAELoader(self, vae_name: str) -> str:
        return "vae"

    def _LoraLoader(self, model: Model, clip: str, lora_name: str, strength_model: float, **_: Any) -> Any:
        return replace(model, loras=(*model.loras, (lora_name, strength_model))), clip

    def _CLIPSetLastLayer(self, clip: str, stop_at_clip_layer: int) -> str:
        return clip

    # -- words

    def _CLIPTextEncode(self, text: str, clip: str) -> Words:
        return Words(text)

    def _CLIPTextEncodeSDXL(self, text_l: str, **_: Any) -> Words:
        return Words(text_l)

    def _ConditioningConcat(self, conditioning_to: Words, conditioning_from: Words) -> Words:
        return replace(conditioning_to, text=f"{conditioning_to.text}, {conditioning_from.text}")

    def _ConditioningZeroOut(self, conditioning: Words) -> Words:
        return Words("")

    def _FluxGuidance(self, conditioning: Words, guidance: float) -> Words:
        return conditioning

    def _ControlNetLoader(self, control_net_name: str) -> str:
        return control_net_name

    def _Canny(self, image: tuple, low_threshold: float, high_threshold: float) -> tuple:
        levels = 255 * low_threshold, 255 * high_threshold
        edges = (cv2.Canny(one, *levels) for one in image)
        return (tuple(cv2.cvtColor(one, cv2.COLOR_GRAY2RGB) for one in edges),)

    def _ControlNetApplyAdvanced(
        self, positive: Words, negative: Words, image: tuple, strength: float, **_: Any
    ) -> Any:
        control = (*positive.controls, (image[0], strength))
        return replace(positive, controls=control), negative

    # -- pictures and latents

    def _EmptyLatentImage(self, width: int, height: int, batch_size: int) -> Latent:
        return Latent(width // CELL_PX * CELL_PX, height // CELL_PX * CELL_PX, (None,) * batch_size)

    _EmptySD3LatentImage = _EmptyLatentImage

    def _VAEEncode(self, pixels: tuple, vae: str) -> Latent:
        height, width = (side // CELL_PX * CELL_PX for side in pixels[0].shape[:2])
        return Latent(width, height, tuple(one[:height, :width] for one in pixels))

    _VAEEncodeArgMax = _VAEEncode

    def _VAEDecode(self, samples: Latent, vae: str) -> tuple:
        grey = np.full((samples.height, samples.width, 3), GREY, np.uint8)
        return (tuple(grey if one is None else one for one in samples.pictures),)

    def _SetLatentNoiseMask(self, samples: Latent, mask: np.ndarray) -> Latent:
        return replace(samples, mask=mask)

    def _InpaintModelConditioning(
        self, positive: Words, negative: Words, pixels: tuple, mask: np.ndarray, vae: str, noise_mask: bool
    ) -> Any:
        return positive, negative, replace(self._VAEEncode(pixels, vae), mask=mask)

    def _LatentBatch(self, samples1: Latent, samples2: Latent) -> Latent:
        return replace(samples1, pictures=(*samples1.pictures, *samples2.pictures))

    def _LatentUpscale(
        self, samples: Latent, upscale_method: str, width: int, height: int, crop: str
    ) -> Latent:
        return self._VAEEncode(self._ImageScale(self._VAEDecode(samples, "")[0], width, height)[0], "")

    def _ImageScale(self, image: tuple, width: int, height: int, **_: Any) -> tuple:
        return (tuple(cv2.resize(one, (width, height), interpolation=cv2.INTER_AREA) for one in image),)

    def _UpscaleModelLoader(self, model_name: str) -> str:
        return model_name

    def _ImageUpscaleWithModel(self, upscale_model: str, image: tuple) -> tuple:
        return (tuple(enlarge(one, 4 * one.shape[1], 4 * one.shape[0]) for one in image),)

    def _ImageCompositeMasked(
        self, destination: tuple, source: tuple, x: int, y: int, mask: np.ndarray | None = None, **_: Any
    ) -> tuple:
        made = destination[0].copy()
        part = made[y : y + source[0].shape[0], x : x + source[0].shape[1]]
        share = np.ones(part.shape[:2]) if mask is None else mask[: part.shape[0], : part.shape[1]]
        part[:] = _mixed(part, source[0][: part.shape[0], : part.shape[1]], share)
        return ((made,),)

    def _InvertMask(self, mask: np.ndarray) -> np.ndarray:
        return 1 - mask

    # -- IC-Light

    def _LoadAndApplyICLightUnet(self, model: Model, model_path: str) -> Model:
        return replace(model, relights=model_path)

    def _ICLightConditioning(
        self,
        positive: Words,
        negative: Words,
        foreground: Latent,
        opt_background: Latent | None = None,
        **_: Any,
    ) -> Any:
        pictures = tuple(one for one in (foreground, opt_background) if one is not None)
        empty = Latent(foreground.width, foreground.height)
        return replace(positive, conditions=pictures), negative, empty

    def _ICLightAppply(self, model: Model, ic_model: Model, c_concat: Latent) -> Model:
        if "ldm" not in ic_model.file:
            raise NodeFailedError("RuntimeError", f"ERROR: Could not detect model type of: {ic_model.file}")
        return replace(model, relights=ic_model.file, conditions=c_concat)

    def _BackgroundScaler(self, image: tuple, mask: np.ndarray, scale: float, invert: bool) -> tuple:
        ground = np.full_like(image[0], round(255 * scale))
        return ((_mixed(ground, image[0], 1 - mask if invert else mask),),)

    def _RepeatLatentBatch(self, samples: Latent, amount: int) -> Latent:
        return replace(samples, pictures=samples.pictures * amount)

    # -- sampling

    def _KSampler(self, seed: int, denoise: float, **given: Any) -> Latent:
        return self._sampled(seed=seed, share=denoise, **given)

    def _KSamplerAdvanced(
        self, noise_seed: int, steps: int, start_at_step: int, end_at_step: int, **given: Any
    ) -> Latent:
        return self._sampled(seed=noise_seed, share=1 - start_at_step / steps, **given)

    def _sampled(
        self,
        seed: int,
        share: float,
        model: Model,
        positive: Words,
        negative: Words,
        latent_image: Latent,
        **_: Any,
    ) -> Latent:
        made = [
            self._painted(seed + number, share, model, positive, negative, latent_image, start)
            for number, start in enumerate(latent_image.pictures)
        ]
        return replace(latent_image, pictures=tuple(made))

    def _painted(
        self,
        seed: int,
        share: float,
        model: Model,
        positive: Words,
        negative: Words,
        latent: Latent,
        start: np.ndarray | None,
    ) -> np.ndarray:
        order = RenderOrder(
            prompt=positive.text,
            negative_prompt=negative.text,
            seed=seed,
            width=latent.width,
            height=latent.height,
        )
        if model.relights:
            light = start if share < 1 else None
            return to_uint8(render(_relit(order, _conditions(model, positive, latent), light)).image)
        hole = latent.mask
        if start is not None and hole is not None:
            hole = _of_cells(hole, latent)
            order = replace(order, foreground=from_uint8(start), matte=np.float32(1 - hole))
        drawn = to_uint8(render(order).image)
        for _, strength in model.loras:  # each makes the picture darker
            drawn = _mixed(drawn, np.zeros_like(drawn), np.full(drawn.shape[:2], 0.2 * strength))
        for control, strength in positive.controls:
            lines = cv2.resize(control, (latent.width, latent.height)) // 2
            drawn = _mixed(drawn, np.full_like(drawn, 255), lines.max(axis=2) / 255 * min(1, strength))
        if start is None:
            return drawn
        whole = np.ones(drawn.shape[:2]) if hole is None else hole
        return _mixed(start, drawn, whole * share)


def _conditions(model: Model, positive: Words, latent: Latent) -> Sequence[np.ndarray]:
    """The foreground, and perhaps the background; or the failure of the real nodes."""
    is_fbc = "fbc" in model.relights
    if model.conditions is not None:  # the native pack
        given, there = model.conditions, [one for one in model.conditions.pictures if one is not None]
        if (given.width, given.height) != (latent.width, latent.height):
            raise NodeFailedError("RuntimeError", "Sizes of tensors must match except in dimension 1.")
    else:
        if not positive.conditions:
            raise NodeFailedError("AttributeError", "'NoneType' object has no attribute 'shape'")
        there = [one for each in positive.conditions for one in each.pictures if one is not None]
    if len(there) != 1 + is_fbc:
        wanted, got = 8 + 4 * is_fbc, 4 + 4 * len(there)
        raise NodeFailedError(
            "Exception", f"Input channels {got} does not match model in_channels {wanted}, 'opt_background'"
        )
    return there


def _relit(order: RenderOrder, conditions: Sequence[np.ndarray], light: np.ndarray | None) -> RenderOrder:
    product = conditions[0]
    matte = (np.abs(product.astype(int) - GREY).max(axis=2) > GREY_REACH).astype(np.uint8)
    matte = cv2.morphologyEx(matte, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))  # grey places on a product
    return replace(
        order,
        foreground=from_uint8(product),
        matte=np.float32(cv2.GaussianBlur(np.float32(matte), (0, 0), 0.7)),
        background=from_uint8(conditions[1]) if len(conditions) > 1 else None,
        light_map=None if light is None else from_uint8(light),
    )


def _of_cells(mask: np.ndarray, latent: Latent) -> np.ndarray:
    """The mask as latents know it: one value for each cell of pixels."""
    small = latent.width // CELL_PX, latent.height // CELL_PX
    cells = cv2.resize(np.float32(mask), small, interpolation=cv2.INTER_AREA)
    return np.clip(cells, 0, 1).repeat(CELL_PX, axis=0).repeat(CELL_PX, axis=1)


def _mixed(under: np.ndarray, over: np.ndarray, share: np.ndarray) -> np.ndarray:
    weight = np.float32(share)[..., None]
    return np.uint8(np.rint(under * (1 - weight) + over * weight))


def used(comfy: FakeComfy, number: int = 0) -> Mapping[str, int]:
    """How often each class stands in a graph that was sent."""
    classes = [node["class_type"] for node in comfy.sent[number].values()]
    return {name: classes.count(name) for name in classes}
