"""A user's own workflow, filled in: words, seed, size and the like where they belong, pictures where named.

A setting is put into the inputs that mean it: words where a sampler's conditioning comes from, the seed into
every seed. Where a workflow has two places of one kind with different values, nobody can know which is meant:
that is refused, with the names to choose from.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prodgen.engines.comfy.comfy_inventory import named_files
from prodgen.engines.comfy.node_catalogue import NodeCatalogue, NodeInput
from prodgen.engines.comfy.sampling_names import SAMPLERS, SCHEDULERS
from prodgen.schema.workflow_graphs import Graph, Place, is_link, seed_places, source_of
from prodgen.server.wire import Pixels, Refused
from prodgen.server.workflow_script import WorkflowOrder

_WORDS = ("text", "prompt", "text_g", "text_l", "clip_l", "t5xxl")
_THROUGH = ("conditioning", "conditioning_to", "conditioning_from", "conditioning_1", "conditioning_2")
"""Inputs by which words go through a node that changes what they say, such as FluxGuidance."""

_MODELS = ("ckpt_name", "unet_name")
_WORDLESS = ("ConditioningZeroOut",)
"""Classes whose result does not depend on the words that go in."""


@dataclass(frozen=True)
class FilledWorkflow:
    """A workflow with everything in it but the seed, which is 0 wherever a picture's goes."""

    graph: Graph
    seeds: tuple[Place, ...]
    """Where a picture's seed goes; not where `--set` put a value of its own."""

    def with_seed(self, seed: int) -> Graph:
        """Return the graph that draws one picture."""
        graph = {name: {**node, "inputs": dict(node["inputs"])} for name, node in self.graph.items()}
        for node, field in self.seeds:
            graph[node]["inputs"][field] = seed
        return graph


def filled_workflow(
    order: WorkflowOrder, nodes: NodeCatalogue, upload: Callable[[Pixels], str]
) -> FilledWorkflow:
    """Return the workflow with everything in it that was given.

    Args:
        order: The workflow and what is to be put into it.
        nodes: The server's.
        upload: Puts a picture onto the server and returns its name there.

    Raises:
        Refused: For what has no place, or more than one; the sentence names the places.
    """
    filling = _Filling({name: dict(node) for name, node in copy.deepcopy(dict(order.graph)).items()}, nodes)
    seeds = seed_places(filling.graph)
    for place in seeds:
        filling.put(place, 0)
    for name, value in order.settings.items():
        filling.set(name, value)
    for name, pixels in order.pictures.items():
        filling.put(filling.picture_place(name), upload(pixels))
    fixed = {filling.put_typed(name, value) for name, value in order.values.items()}
    return FilledWorkflow(filling.graph, tuple(place for place in seeds if place not in fixed))


class _Filling:
    """A workflow under way."""

    def __init__(self, graph: dict[str, dict[str, Any]], nodes: NodeCatalogue) -> None:
        self.graph, self._nodes = graph, nodes

    def put(self, place: Place, value: object) -> None:
        self.graph[place[0]]["inputs"][place[1]] = value

    def set(self, name: str, value: Any) -> None:
        """Put a setting where it belongs."""
        if name in ("prompt", "negative_prompt"):
            self._put_alike(name, self._words("positive" if name == "prompt" else "negative"), value)
        elif name == "size":
            for side, pixels in zip(("width", "height"), value, strict=True):
                latents = [x for x in self._with_input(side) if "latent" in self._class(x[0]).lower()]
                self._put_alike(f"size ({side})", self._sources(latents, int), pixels)
        elif name == "checkpoint":
            self._put_model(str(value))
        else:
            field = "cfg" if name == "cfg_scale" else name
            known = SAMPLERS if name == "sampler_name" else SCHEDULERS if name == "scheduler" else {}
            kind = str if known else (int, float)
            self._put_alike(name, self._sources(self._with_input(field), kind), known.get(value, value))

    def _put_alike(self, name: str, places: list[Place], value: object) -> None:
        """Put a value into all places of one kind, if they held the same before."""
        held = {str(self.graph[node]["inputs"][field]) for node, field in places}
        option = f"--set {places[0][0]}.{places[0][1]}=..." if places else "--set NODE.INPUT=..."
        if not places:
            raise Refused(422, f"this workflow has no place for {name}; name one: {option}")
        if len(held) > 1:
            there = ", ".join(f"{node}.{field}" for node, field in places)
            raise Refused(422, f"this workflow has several places for {name} ({there}); name one: {option}")
        for place in places:
            self.put(place, value)

    def _put_model(self, name: str) -> None:
        places = [place for field in _MODELS for place in self._with_input(field)]
        if len(places) != 1:
            self._put_alike("a checkpoint", places, name)
        for node, field in places:
            listed = named_files(self._nodes.choices(self._class(node), field))
            if name not in listed and name not in listed.values():
                raise Refused(
                    422,
                    f"this ComfyUI has no model {name!r} for {node}.{field}; there are {', '.join(listed)}",
                )
            self.put((node, field), listed.get(name, name))

    def picture_place(self, name: str) -> Place:
        """Return where a picture's name goes: the input `image` of the node that loads it."""
        loaders = [one for one in self.graph if self._class(one).startswith("LoadImage")]
        if not name and len(loaders) == 1:
            return loaders[0], "image"
        if not name or not loaders:
            there = f"it has {', '.join(map(self._called, loaders))}" if loaders else "it has none"
            raise Refused(
                422, f"say which node of the workflow loads the picture (--image NODE=FILE); {there}"
            )
        node, _, field = name.rpartition(".")
        if field != "image" or not node:
            node = name
        found = self._node(node)
        if found not in loaders:
            there = ", ".join(map(self._called, loaders)) or "it has none"
            raise Refused(422, f"node {self._called(found)} loads no picture; those that do: {there}")
        return found, "image"

    def put_typed(self, name: str, value: Any) -> Place:
        """Put a value into an input that is named, "node.input", as the type that it has; return where.

        Raises:
            Refused: If there is no such input, or it cannot be that value.
        """
        node_name, _, field = name.rpartition(".")
        if not node_name or not field:
            raise Refused(422, f"write NODE.INPUT=VALUE, such as sampler.steps=12, not {name!r}")
        node = self._node(node_name)
        declared = self._nodes.inputs(self._class(node))
        held = self.graph[node]["inputs"]
        if field not in held and field not in declared:
            there = ", ".join(held) or "none"
            raise Refused(422, f"node {self._called(node)} has no input {field!r}; it has {there}")
        if is_link(held.get(field)):
            raise Refused(
                422,
                f"{field!r} of node {self._called(node)} comes from node {held[field][0]!r}: "
                "set the value there, or cut the link in ComfyUI",
            )
        self.put((node, field), _typed(name, value, declared.get(field), held.get(field)))
        return node, field

    def _node(self, name: str) -> str:
        """Return the id of a node by its id, its title or its class."""
        if name in self.graph:
            return name
        wanted = name.lower()
        for told in (self._title, self._class):
            found = [one for one in self.graph if told(one).lower() == wanted]
            if len(found) == 1:
                return found[0]
            if found:
                raise Refused(
                    422, f"several nodes are called {name!r}; name one by its id: {', '.join(found)}"
                )
        there = ", ".join(map(self._called, self.graph))
        raise Refused(422, f"this workflow has no node {name!r}; it has {there}")

    def _called(self, node: str) -> str:
        return f"{node} ({self._title(node) or self._class(node)})"

    def _class(self, node: str) -> str:
        return str(self.graph[node].get("class_type", ""))

    def _title(self, node: str) -> str:
        meta = self.graph[node].get("_meta")
        return str(meta.get("title", "")) if isinstance(meta, Mapping) else ""

    def _with_input(self, field: str) -> list[Place]:
        return [(one, field) for one, node in self.graph.items() if field in node["inputs"]]

    def _sources(self, places: list[Place], kind: type | tuple[type, ...]) -> list[Place]:
        found = [source_of(self.graph, place, kind) for place in places]
        return list(dict.fromkeys(place for place in found if place is not None))

    def _words(self, role: str) -> list[Place]:
        """Return where the words stand that reach samplers as positive or negative conditioning."""
        found: dict[Place, None] = {}
        seen: set[str] = set()
        waiting = list(self._conditioned(role))
        while waiting:
            node = waiting.pop(0)
            if node in seen or node not in self.graph or self._class(node) in _WORDLESS:
                continue
            seen.add(node)
            inputs = self.graph[node]["inputs"]
            words = self._sources([(node, name) for name in _WORDS if name in inputs], str)
            found |= dict.fromkeys(words)
            if not words:
                onward = [role] if is_link(inputs.get(role)) else list(_THROUGH)
                waiting += [inputs[name][0] for name in onward if is_link(inputs.get(name))]
        return list(found)

    def _conditioned(self, role: str) -> Iterator[str]:
        """Yield the nodes that samplers, and guiders before them, take their conditioning from."""
        for node in self.graph.values():
            inputs = node["inputs"]
            samples = "latent_image" in inputs or "Guider" in str(node["class_type"])
            names = (role, "conditioning") if role == "positive" else (role,)
            for name in names:
                if samples and is_link(inputs.get(name)):
                    yield inputs[name][0]


def _typed(name: str, value: Any, declared: NodeInput | None, held: Any) -> Any:
    """Return a value as the type that an input has, by what the server declares, else by what it holds."""
    by_held = {bool: "BOOLEAN", int: "INT", float: "FLOAT"}.get(type(held), "STRING")
    kind = declared.kind if declared is not None and declared.is_value else by_held
    text = str(value)
    if kind == "BOOLEAN":
        if text.lower() not in ("true", "false"):
            raise Refused(422, f"{name} is true or false, not {text!r}")
        return text.lower() == "true"
    if kind in ("INT", "FLOAT"):
        wanted = "a whole number" if kind == "INT" else "a number"
        try:
            number = int(text) if kind == "INT" else float(text)
        except ValueError:
            raise Refused(422, f"{name} is {wanted}, not {text!r}") from None
        if not math.isfinite(number):
            raise Refused(422, f"{name} is {wanted}, not {text!r}")
        return number
    if declared is not None and declared.choices and text not in declared.choices:
        there = ", ".join(map(str, declared.choices))
        raise Refused(422, f"{name} cannot be {text!r}; there are {there}")
    return text
