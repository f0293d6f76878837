"""A ComfyUI workflow of the user as a request: read from its file, with pictures and settings beside it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prodgen import codecs, files
from prodgen.errors import SettingError, UnsupportedFeatureError
from prodgen.schema import Script, Txt2Img
from prodgen.schema.workflow_graphs import WORKFLOW_SCRIPT, api_graph

if TYPE_CHECKING:
    from prodgen.client import Client

MAX_WORKFLOW_BYTES = 16 << 20
"""Largest file read as a workflow; real ones have some hundred kilobytes."""

SETTINGS = (
    "prompt",
    "negative_prompt",
    "size",
    "steps",
    "cfg_scale",
    "sampler_name",
    "scheduler",
    "checkpoint",
)
"""Settings of `generate` that a workflow takes; `seed` and `count` besides."""

_USUAL_SIDE = 512
"""Pixels that a request names where the workflow decides the size; nothing is drawn by it."""


def workflow_arguments(
    path: Path,
    settings: Mapping[str, Any],
    *,
    values: Sequence[str] = (),
    pictures: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what is sent of a workflow.

    Args:
        path: Its file, in ComfyUI's API format.
        settings: Values under names of `SETTINGS`; "size" is "832x1216".
        values: "NODE.INPUT=VALUE"; a node is named by id, title or class.
        pictures: "NODE=FILE", or a file alone where one node loads a picture.

    Raises:
        SettingError: If the file is no such workflow, or a text cannot be read.
        ImageError: If a picture cannot be read.
    """
    graph = _read(path)
    chosen = {name: value for name, value in settings.items() if value is not None}
    if "size" in chosen:
        chosen["size"] = _sides(str(chosen["size"]))
    return {
        "workflow": graph,
        "settings": chosen,
        "set": dict(_pair("--set", text) for text in values),
        "pictures": dict(_picture(text) for text in pictures),
    }


def workflow_request(arguments: Mapping[str, Any], seed: int, client: Client) -> Txt2Img:
    """Return the request that runs a workflow with a seed.

    Raises:
        UnsupportedFeatureError: If the server runs no workflows.
    """
    if client.capabilities.script(WORKFLOW_SCRIPT, is_img2img=False) is None:
        raise UnsupportedFeatureError(
            "workflows of ComfyUI", client.dialect.title, "name a ComfyUI server: --backend comfy://host:8188"
        )
    settings = arguments["settings"]
    width, height = settings.get("size", (_USUAL_SIDE, _USUAL_SIDE))
    return Txt2Img(
        prompt=settings.get("prompt", ""),
        negative_prompt=settings.get("negative_prompt"),
        seed=seed,
        width=width,
        height=height,
        scripts=(Script(title=WORKFLOW_SCRIPT, args=(dict(arguments),)),),
    )


def _read(path: Path) -> dict[str, Any]:
    """Return the nodes of a workflow's file."""
    try:
        text = path.read_text("utf-8") if path.stat().st_size <= MAX_WORKFLOW_BYTES else None
        if text is not None:
            return api_graph(json.loads(text))
    except OSError as error:
        raise SettingError(f"workflow {str(path)!r} cannot be read: {files.reason_of(error)}") from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingError(f"workflow {str(path)!r} is not JSON: {error}") from error
    except SettingError as error:
        raise SettingError(f"workflow {str(path)!r}: {error}") from error
    raise SettingError(f"workflow {str(path)!r} is too large to be one")


def _sides(text: str) -> list[int]:
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isascii() and side.isdigit() and int(side) % 8 == 0 for side in sides):
        raise SettingError(f"the size of a workflow is WIDTHxHEIGHT in multiples of 8, not {text!r}")
    return [int(side) for side in sides]


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SettingError(f"write {option} NODE.INPUT=VALUE, such as sampler.steps=12, not {text!r}")
    return name, value


def _picture(text: str) -> tuple[str, str]:
    node, equals, file = text.partition("=")
    photo = files.load(Path(file if equals else text))
    png = codecs.encode("PNG", photo.rgb, matte=photo.matte)
    return (node if equals else ""), base64.b64encode(png).decode()
