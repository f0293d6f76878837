"""ComfyUI: the graph of nodes that drew a picture, as far as one KSampler draws it from words.

Where a graph does more (several samplers, a picture to start from, prompts joined of several), an error names
it: such a graph is a program, and only ComfyUI runs it. Source: ComfyUI's own nodes and its SaveImage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prodgen.errors import ImageError
from prodgen.replaying.makers.told_settings import (
    ToldSettings,
    json_object,
    json_objects,
    loras,
    model_name,
    words,
)
from prodgen.schema import Lora

Graph = Mapping[str, Mapping[str, Any]]

_SAMPLERS = ("KSampler", "KSamplerAdvanced")
_OTHER_SAMPLERS = ("SamplerCustom", "SamplerCustomAdvanced", "KSamplerSelect", "KSampler (Efficient)")

_PASSED = {"Reroute", "CLIPSetLastLayer", "FluxGuidance", "ConditioningZeroOut", "PrimitiveNode"}
"""Nodes on the way whose effect is read or which have none; any other is named as not repeated."""

_AFTERWARDS = {"VAEDecode", "VAEDecodeTiled", "SaveImage", "PreviewImage"}
"""Nodes behind the sampler that leave the picture as it is; any other is named as not repeated."""

_TEXTS = ("text", "text_g", "text_l", "t5xxl", "clip_l", "string", "value", "prompt", "wildcard_text")
"""Inputs in which a node that encodes or gives words holds them."""

_MOST_NODES = 200
"""Longest chain of nodes followed. Guard against graphs that end in themselves."""


def comfyui(texts: Mapping[str, str]) -> ToldSettings | None:
    """Read a picture of ComfyUI's, from the graph that drew it.

    Raises:
        ImageError: If the graph is more than one KSampler can draw from words, or is not there.
    """
    graph = next(_graphs(texts), None)
    if graph is not None:
        return _Reading(graph).told()
    if any(name == "workflow" or text.startswith("workflow:") for name, text in texts.items()):
        raise ImageError(
            "it was made by ComfyUI and holds only the editor's workflow, not the values that drew it;"
            " open it in ComfyUI"
        )
    return None


def _graphs(texts: Mapping[str, str]) -> Iterator[Graph]:
    """Yield what is a graph: a text "prompt", EXIF with "prompt:" before it, or JSON in a comment."""
    bare = {name: text.removeprefix("prompt:").removeprefix("Prompt:") for name, text in texts.items()}
    for _, record in json_objects(bare):
        for found in (record, record.get("prompt")):
            found = json_object(found) if isinstance(found, str) else found
            if isinstance(found, dict):
                nodes = {key: node for key, node in found.items() if _is_node(node)}
                if nodes:
                    yield nodes


def _is_node(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("class_type"), str)
        and isinstance(value.get("inputs"), dict)
    )


class _Reading:
    """One graph, and what was found in it that cannot be repeated."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.not_repeated: dict[str, str] = {}
        self.values: dict[str, str] = {}

    def told(self) -> ToldSettings:
        sampler = self.only_sampler()
        inputs = self.graph[sampler]["inputs"]
        seed = self.plain(inputs.get("seed", inputs.get("noise_seed")))
        for key, value in (
            ("Steps", self.plain(inputs.get("steps"))),
            ("CFG scale", self.plain(inputs.get("cfg"))),
            ("Seed", seed),
            ("Sampler", self.plain(inputs.get("sampler_name"))),
            ("Schedule type", self.plain(inputs.get("scheduler"))),
        ):
            if words(value):
                self.values[key] = words(value)
        self.note_partial_sampling(inputs)
        self.read_latent(inputs.get("latent_image"))
        prompt = self.text_of(inputs.get("positive"), "prompt")
        negative = self.text_of(inputs.get("negative"), "negative prompt")
        found = self.read_model(inputs.get("model"))
        vaes = {model_name(node["inputs"].get("vae_name")) for node in self.nodes("VAELoader")}
        if len(vaes) == 1 and (name := vaes.pop()):
            self.values["VAE"] = name
        self.note_what_follows(sampler)
        return ToldSettings(
            "ComfyUI", prompt, negative, self.values, loras=found, not_repeated=self.not_repeated
        )

    def nodes(self, *kinds: str) -> list[Mapping[str, Any]]:
        return [node for node in self.graph.values() if node["class_type"] in kinds]

    def only_sampler(self) -> str:
        """Return the name of the one node that draws."""
        found = [key for key, node in self.graph.items() if node["class_type"] in _SAMPLERS]
        others = self.nodes(*_OTHER_SAMPLERS)
        if len(found) == 1 and not others:
            return found[0]
        kinds = sorted({node["class_type"] for node in [*self.nodes(*_SAMPLERS), *others]})
        count = len(found) + len(others)
        what = f"{count} samplers ({', '.join(kinds)})" if count > 1 else kinds[0] if kinds else "no KSampler"
        raise ImageError(
            f"it was made by ComfyUI, by a graph with {what}; only a graph with one KSampler can be drawn by"
            " another program: open it in ComfyUI"
        )

    def target(self, link: object) -> Mapping[str, Any] | None:
        """Return the node that a link [id, output] names."""
        is_link = isinstance(link, list) and len(link) == 2 and isinstance(link[0], str | int)
        return self.graph.get(str(link[0])) if is_link and isinstance(link, list) else None

    def note_what_follows(self, sampler: str) -> None:
        """Name what is done with the picture after it was drawn, such as enlarging or drawing faces again."""
        readers: dict[str, list[str]] = {}
        for key, node in self.graph.items():
            for link in node["inputs"].values():
                if self.target(link) is not None:
                    readers.setdefault(str(link[0]), []).append(key)
        found, waiting = {sampler}, [sampler]
        while waiting:
            new = set(readers.get(waiting.pop(), ())) - found
            found |= new
            waiting += new
        for kind in sorted({self.graph[key]["class_type"] for key in found - {sampler}} - _AFTERWARDS):
            if "Save" not in kind and "Preview" not in kind:
                self.note(kind)

    def plain(self, value: object) -> object:
        """Return an input's value, looked up where another node gives it."""
        for _ in range(_MOST_NODES):
            node = self.target(value)
            if node is None:
                return value
            names = ("seed", "noise_seed", "value", "int", "float", "number", *_TEXTS, "positive")
            value = next((node["inputs"][name] for name in names if name in node["inputs"]), None)
        return None

    def note_partial_sampling(self, inputs: Mapping[str, Any]) -> None:
        """Name what makes a sampler begin late or end early."""
        strength = self.plain(inputs.get("denoise", 1))
        if isinstance(strength, int | float) and strength < 1:
            self.not_repeated["denoise"] = f"denoise: {strength} is not repeated: all steps are drawn"
        start, steps, end = (self.plain(inputs.get(x)) for x in ("start_at_step", "steps", "end_at_step"))
        if (isinstance(start, int) and start > 0) or (
            isinstance(end, int) and isinstance(steps, int) and end < steps
        ):
            self.not_repeated["steps"] = "it was drawn by a part of the steps only; all are drawn"

    def read_latent(self, link: object) -> None:
        """Read the size off the empty latent that the sampler starts from.

        Raises:
            ImageError: If it starts from something else.
        """
        node = self.target(link)
        kind = "" if node is None else str(node["class_type"])
        width, height = (
            words(self.plain(node["inputs"].get(x))) if node else "" for x in ("width", "height")
        )
        if node is None or "mpty" not in kind or not (width and height):
            raise ImageError(
                f"it was made by ComfyUI from another picture or a first pass ({kind or 'nothing'}), which"
                " the file does not hold; open it in ComfyUI"
            )
        self.values["Size"] = f"{width}x{height}"
        count = self.plain(node["inputs"].get("batch_size", 1))
        if isinstance(count, int) and count > 1:
            self.not_repeated["batch"] = (
                f"it is one of {count} pictures that were drawn at once; the first of them is drawn"
            )

    def text_of(self, link: object, what: str) -> str:
        """Return the words of a conditioning.

        Raises:
            ImageError: If it is joined of several.
        """
        for _ in range(_MOST_NODES):
            node = self.target(link)
            if node is None:
                return words(link) if isinstance(link, str) else ""
            kind, inputs = node["class_type"], node["inputs"]
            if kind == "FluxGuidance" and words(guidance := self.plain(inputs.get("guidance"))):
                self.values["Distilled CFG Scale"] = words(guidance)
            if kind == "ConditioningZeroOut":
                return ""
            named = "negative" if what.startswith("negative") and "negative" in inputs else "positive"
            texts = _TEXTS if self.target(inputs.get(named)) else (*_TEXTS, named)
            if said := [
                text for x in texts if x in inputs and isinstance(text := self.plain(inputs[x]), str)
            ]:
                self.read_clip(inputs.get("clip"))
                return ", ".join(dict.fromkeys(map(words, said)))
            links = [named] if named in inputs else [x for x in inputs if x.startswith("conditioning")]
            if len(links) != 1:
                raise ImageError(
                    f"it was made by ComfyUI, and its {what} is put together by a node {kind!r}, which is not"
                    " read; open it in ComfyUI"
                )
            self.note(kind)
            link = inputs[links[0]]
        return ""

    def read_clip(self, link: object) -> None:
        """Read where the text encoder ends."""
        for _ in range(_MOST_NODES):
            node = self.target(link)
            if node is None:
                return
            if isinstance(layer := self.plain(node["inputs"].get("stop_at_clip_layer")), int):
                self.values["Clip skip"] = str(abs(layer))
            link = node["inputs"].get("clip")

    def read_model(self, link: object) -> tuple[Lora, ...]:
        """Read the checkpoint's name, and return the LoRAs on the way to it."""
        found: list[tuple[Any, Any]] = []
        for _ in range(_MOST_NODES):
            node = self.target(link)
            if node is None:
                break
            inputs = node["inputs"]
            if "lora_name" in inputs:
                weight = self.plain(inputs.get("strength_model"))
                found.append((self.plain(inputs["lora_name"]), weight))
                if (of_clip := self.plain(inputs.get("strength_clip", weight))) != weight:
                    self.not_repeated["LoRA"] = (
                        f"a LoRA weighs {of_clip} on the text encoder and {weight} on the model: {weight} is"
                        " asked for"
                    )
            for key in ("ckpt_name", "unet_name", "model_name"):
                if name := model_name(self.plain(inputs.get(key))):
                    self.values["Model"] = name
                    return loras(reversed(found))
            if "lora_name" not in inputs:
                self.note(node["class_type"])
            link = inputs.get("model")
        return loras(reversed(found))

    def note(self, kind: str) -> None:
        """Name a node that changes the picture and is not repeated."""
        if kind not in _PASSED:
            self.not_repeated[kind] = f"the node {kind!r} is not repeated"
