"""LoRA tags inside a prompt, as A1111 writes them: the one grammar for all of prodgen.

A1111 takes `<lora:NAME:WEIGHT>` out of a prompt and applies the LoRA; a tag that it cannot read it drops
without a word. So what we send is read strictly (`read_prompt`), and what a server or a foreign file holds is
read as A1111 itself does (`network_tags`). Source: A1111 1.10.1, modules/extra_networks.py and
extensions-builtin/Lora/extra_networks_lora.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from prodgen.errors import SettingError, WrongValueError
from prodgen.schema.units import Lora

_TAG = re.compile(r"<(\w+):([^>]+)>")
"""A1111's own pattern for the tags of its extra networks."""

_ALMOST_A_TAG = re.compile(r"<\s*(?:lora|lyco)\s*:[^<>]*>?", re.IGNORECASE)
"""What a person meant as a LoRA's tag, whether or not a server would read it."""

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)")


@dataclass(frozen=True)
class NetworkTag:
    """One tag of an extra network, as A1111 cuts it up."""

    text: str
    """The whole tag, with its angle brackets."""
    kind: str
    """The network's kind, as written: "lora", its older name "lyco", "hypernet" ..."""
    name: str
    arguments: tuple[str, ...] = ()
    """What follows the name: weights by position, or as te=, unet= and dyn=."""

    @property
    def is_lora(self) -> bool:
        """Whether A1111 loads it as a LoRA; "lyco" is an alias there."""
        return self.kind in ("lora", "lyco")

    @property
    def is_readable(self) -> bool:
        """Whether it has a name and all its weights are numbers."""
        values = [argument.partition("=")[2] or argument for argument in self.arguments]
        return bool(self.name) and "<" not in self.name and all(_NUMBER.fullmatch(value) for value in values)

    @property
    def weight(self) -> float | None:
        """The LoRA's one weight, 1 where none is written; None where it has several or an unreadable one."""
        if not self.arguments:
            return 1.0
        is_single = len(self.arguments) == 1 and _NUMBER.fullmatch(self.arguments[0])
        return float(self.arguments[0]) if is_single else None

    @property
    def unet_weight(self) -> float | None:
        """The LoRA's weight in the image network; None where a server cannot read it.

        That is `unet=`, else the second number, else the text encoder's weight: `te=`, the first number, or
        1.
        """
        if not self.is_readable:
            return None
        named = dict(argument.split("=", 1) for argument in self.arguments if "=" in argument)
        numbers = [argument for argument in self.arguments if "=" not in argument]
        encoder = named.get("te", numbers[0] if numbers else "1")
        return float(named.get("unet", numbers[1] if len(numbers) > 1 else encoder))


@dataclass(frozen=True)
class TaggedPrompt:
    """A prompt, and the LoRAs that its tags ask for."""

    words: str
    """The prompt without the tags that became `loras`; a tag with several weights stays in it."""
    loras: tuple[Lora, ...] = ()
    """Each LoRA once; the weights of several tags are added, as A1111 does."""
    kept_names: tuple[str, ...] = ()
    """The LoRAs whose tags stay in `words`, because only the server knows what several weights mean."""


def network_tags(prompt: str) -> tuple[NetworkTag, ...]:
    """Return all tags that A1111 would take out of a prompt, in their order; malformed arguments included."""
    # Up to the last ">": behind it the pattern would look for an end from every "<" anew.
    return tuple(_tag(match) for match in _TAG.finditer(prompt, 0, prompt.rfind(">") + 1))


def without_tags(prompt: str, tags: tuple[NetworkTag, ...]) -> str:
    """Return a prompt without these tags, and without the double spaces that they would leave."""
    if not tags:
        return prompt
    gone = {tag.text for tag in tags}
    end = prompt.rfind(">") + 1
    rest = _TAG.sub(lambda match: "" if match[0] in gone else match[0], prompt[:end]) + prompt[end:]
    return re.sub(r"[ \t]{2,}", " ", rest).strip()


def unreadable_tags(prompt: str) -> tuple[str, ...]:
    """Return what was meant as a LoRA's tag and which no server would apply, such as `<LORA:name:1>`."""
    readable = {tag.text for tag in network_tags(prompt) if tag.is_lora and tag.is_readable}
    return tuple(match[0] for match in _ALMOST_A_TAG.finditer(prompt) if match[0] not in readable)


def without_unreadable_tags(prompt: str) -> str:
    """Return a prompt without what `unreadable_tags` finds in it: for text that another program wrote."""
    while unreadable := unreadable_tags(prompt):  # what is left may close up to another one
        for tag in unreadable:
            prompt = prompt.replace(tag, "")
    return prompt


def read_prompt(prompt: str, *, loras: tuple[Lora, ...] = ()) -> TaggedPrompt:
    """Return the words of a prompt and all LoRAs that it is to be drawn with.

    Args:
        prompt: As the user wrote it.
        loras: Those that were asked for beside the prompt; they come first.

    Raises:
        SettingError: If a LoRA's tag is malformed, or names a LoRA that is in `loras` already.
    """
    if malformed := unreadable_tags(prompt):
        raise SettingError(f"{malformed[0]!r} in the prompt is no LoRA tag; write <lora:NAME:0.5>")
    tags = tuple(tag for tag in network_tags(prompt) if tag.is_lora)
    plain = tuple(tag for tag in tags if tag.weight is not None)
    weights: dict[str, float] = {}
    for tag in plain:
        weights[tag.name] = weights.get(tag.name, 0.0) + (tag.weight or 0.0)
    for lora in loras:
        if any(tag.name == lora.name for tag in tags):
            raise SettingError(
                f"LoRA {lora.name!r} is asked for twice: by an option and by a tag in the prompt"
            )
    return TaggedPrompt(
        words=without_tags(prompt, plain),
        loras=(*loras, *(Lora(name=name, weight=round(weight, 6)) for name, weight in weights.items())),
        kept_names=tuple(dict.fromkeys(tag.name for tag in tags if tag.weight is None)),
    )


def read_lora(text: str) -> Lora:
    """Return the LoRA that NAME or NAME:WEIGHT means.

    Raises:
        SettingError: If the weight is no number in range.
    """
    match = re.fullmatch(r"([^:]+)(?::(-?\d*\.?\d+))?", text.strip())
    if match is None:
        raise WrongValueError("loras", text, "must be NAME:WEIGHT, such as more_details:0.5")
    return Lora(name=match[1], weight=float(match[2]) if match[2] else 1.0)


def _tag(match: re.Match[str]) -> NetworkTag:
    name, *arguments = match[2].split(":")
    return NetworkTag(text=match[0], kind=match[1], name=name, arguments=tuple(arguments))
