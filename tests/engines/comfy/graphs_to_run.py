"""A small graph as the recordings have it."""

from __future__ import annotations

from typing import Any


def txt2img(
    *, seed: int = 5, steps: int = 3, batch: int = 1, save: str = "SaveImage"
) -> dict[str, dict[str, Any]]:
    last = {"images": ["decode", 0], **({"filename_prefix": "pg"} if save == "SaveImage" else {})}
    return {
        "ckpt": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15_random.safetensors"}},
        "pos": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lamp on a table", "clip": ["ckpt", 1]}},
        "neg": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["ckpt", 1]}},
        "latent": {
            "class_type": "EmptyLatentImage",
            "inputs": {"width": 64, "height": 64, "batch_size": batch},
        },
        "sampler": {
            "class_type": "KSampler",
            "inputs": {
                "model": ["ckpt", 0],
                "positive": ["pos", 0],
                "negative": ["neg", 0],
                "latent_image": ["latent", 0],
                "seed": seed,
                "steps": steps,
                "cfg": 5.0,
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1.0,
            },
        },
        "decode": {"class_type": "VAEDecode", "inputs": {"samples": ["sampler", 0], "vae": ["ckpt", 2]}},
        "save": {"class_type": save, "inputs": last},
    }


def ignored(share: float, preview: object = None) -> None:
    """Progress that nobody looks at."""
