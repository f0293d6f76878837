"""A ComfyUI workflow of the user's: read from its file, made into requests, saved with its story."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from prodgen import __version__, codecs, files, provenance
from prodgen.errors import ImageError, SettingError, UnsupportedFeatureError
from prodgen.schema import Generation, Script, Txt2Img
from prodgen.schema.workflow_graphs import WORKFLOW_SCRIPT, api_graph, seed_places
from prodgen.text2image.controls import digest_of

if TYPE_CHECKING:
    from prodgen.client import Client

Value = TypeVar("Value")

WORKFLOW_KIND = "workflow"
"""Marks the story of a picture that a workflow of the user's drew."""

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


@dataclass(frozen=True)
class WorkflowInput:
    """A picture that goes into a workflow."""

    name: str
    """Its file's name, without folders."""
    digest: str
    """SHA-256 of its file."""
    png: bytes
    """What is sent of it."""


@dataclass(frozen=True)
class OwnWorkflow:
    """A workflow, and what is put into it."""

    name: str
    """Its file's name, without folders."""
    graph: Mapping[str, Any]
    settings: Mapping[str, Any]
    """Values under names of `SETTINGS`."""
    values: Mapping[str, str]
    """Values of inputs, "node.input"."""
    pictures: Mapping[str, WorkflowInput] = field(repr=False)
    """Pictures by the node that loads each; "" is the only such node."""

    @property
    def has_seed(self) -> bool:
        """Whether another seed can draw another picture, as far as its inputs tell."""
        return bool(seed_places(api_graph(self.graph)))

    def request(self, seed: int, client: Client) -> Txt2Img:
        """Return the request that runs it with a seed.

        Raises:
            UnsupportedFeatureError: If the server runs no workflows.
        """
        if client.capabilities.script(WORKFLOW_SCRIPT, is_img2img=False) is None:
            raise UnsupportedFeatureError(
                "workflows of ComfyUI",
                client.dialect.title,
                "name a ComfyUI server: --backend comfy://host:8188",
            )
        width, height = self.settings.get("size", (_USUAL_SIDE, _USUAL_SIDE))
        sent = {
            "workflow": self.graph,
            "settings": self.settings,
            "set": self.values,
            "pictures": {node: base64.b64encode(one.png).decode() for node, one in self.pictures.items()},
        }
        return Txt2Img(
            prompt=self.settings.get("prompt", ""),
            negative_prompt=self.settings.get("negative_prompt"),
            seed=seed,
            width=width,
            height=height,
            scripts=(Script(title=WORKFLOW_SCRIPT, args=(sent,)),),
        )

    def story(self, drawn: Generation, seed: int | None) -> dict[str, Any]:
        """Return what is stored in a picture's file; of its pictures the names and digests alone."""
        height, width = drawn.image.shape[:2]
        graph = json.dumps(self.graph, sort_keys=True).encode()
        version = drawn.info.get("version")
        return {
            "kind": WORKFLOW_KIND,
            "workflow": self.name,
            "workflow_sha256": hashlib.sha256(graph).hexdigest(),
            "graph": dict(self.graph),
            "settings": dict(self.settings),
            "set": dict(self.values),
            "pictures": {node: [one.name, one.digest] for node, one in self.pictures.items()},
            "size": [width, height],
            "prompt": self.settings.get("prompt", ""),
            "negative_prompt": self.settings.get("negative_prompt", ""),
            "seed": seed,
            "backend": drawn.backend,
            "notices": list(drawn.notices),
            "versions": {
                "prodgen": __version__,
                "python": platform.python_version(),
                "server": None if version is None else str(version),
            },
        }

    def save(self, drawn: Generation, path: Path, seed: int | None) -> None:
        """Write what it drew, with infotext, story and the IPTC source type, whole or not at all.

        Raises:
            ImageError: If the ending is unknown or the file cannot be written.
        """
        kind = provenance.COMPOSITE_WITH_TRAINED_MEDIA if self.pictures else provenance.TRAINED_MEDIA
        infotext = drawn.infotexts[0] if drawn.infotexts else ""
        text = provenance.text_chunks(self.story(drawn, seed), infotext=infotext, source_type=kind)
        files.save(path, drawn.image, matte=drawn.mattes[0] if drawn.mattes else None, text=text)


def took_seed(drawn: Generation) -> bool:
    """Whether the server says that the seed went into the workflow."""
    said = drawn.info.get("extra_generation_params")
    return not (isinstance(said, Mapping) and "Seed" in said and said["Seed"] is None)


def read_own_workflow(
    path: Path,
    settings: Mapping[str, Any],
    *,
    values: Sequence[str] = (),
    pictures: Sequence[str] = (),
) -> OwnWorkflow:
    """Read a workflow from its file, with what is to be put into it.

    Args:
        path: Its file, in ComfyUI's API format.
        settings: Values under names of `SETTINGS`; "size" is "832x1216".
        values: "NODE.INPUT=VALUE"; a node is named by id, title or class.
        pictures: "NODE=FILE", or a file alone where one node loads a picture.

    Raises:
        SettingError: If the file is no such workflow, or a text cannot be read or names an input twice.
        ImageError: If a picture cannot be read.
    """
    graph = _read(path)
    chosen = {name: value for name, value in settings.items() if value is not None}
    if "size" in chosen:
        chosen["size"] = _sides(str(chosen["size"]))
    return OwnWorkflow(
        path.name,
        graph,
        chosen,
        _each_once("--set", map(_pair, values)),
        _each_once("--image", map(_picture, pictures)),
    )


def workflow_of_story(story: Mapping[str, Any], folder: Path) -> OwnWorkflow:
    """Return the workflow that a picture's story keeps, with its pictures.

    Args:
        story: What `OwnWorkflow.story` returned, from a file that may come from anywhere: it names no folder.
        folder: Where its pictures are looked for, after the current folder.

    Raises:
        ImageError: If the story is damaged, or a picture is not there or is another one.
    """
    try:
        graph, settings = api_graph(story["graph"]), dict(story["settings"])
        values = {str(name): str(value) for name, value in story["set"].items()}
        wanted = {str(node): (Path(name).name, digest) for node, (name, digest) in story["pictures"].items()}
    except (TypeError, KeyError, ValueError, AttributeError, SettingError) as error:
        raise ImageError(f"its story of a workflow is damaged ({error})") from error
    pictures = {node: _found(folder, name, digest) for node, (name, digest) in wanted.items()}
    return OwnWorkflow(str(story.get("workflow", "")), graph, settings, values, pictures)


def _found(folder: Path, name: str, digest: object) -> WorkflowInput:
    there = next((path for path in (Path(name), folder / name) if path.is_file()), None)
    if there is None:
        raise ImageError(f"the workflow was given the picture {name!r}: put it beside this one")
    if digest_of(there) != digest:
        raise ImageError(f"{str(there)!r} is not the picture of that name that the workflow was given")
    return _loaded(there)


def _each_once(option: str, pairs: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, value in pairs:
        if name in found:
            what = repr(name) if name else "the node that loads a picture"
            raise SettingError(f"{option} gives {what} two values: leave one out, or name another node")
        found[name] = value
    return found


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


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SettingError(f"write --set NODE.INPUT=VALUE, such as sampler.steps=12, not {text!r}")
    return name, value


def _picture(text: str) -> tuple[str, WorkflowInput]:
    node, equals, file = text.partition("=")
    if not equals or (Path(text).is_file() and not Path(file).is_file()):  # a file's name may hold "="
        node, file = "", text
    return node, _loaded(Path(file))


def _loaded(path: Path) -> WorkflowInput:
    photo = files.load(path)
    return WorkflowInput(path.name, digest_of(path), codecs.encode("PNG", photo.rgb, matte=photo.matte))
