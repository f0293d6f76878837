"""An order: one picture that a catalogue asks for, in words and numbers that travel and are kept as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

BESIDE_PHOTO = ("matte", "background", "reference", "light_map", "light_from", "like")
"""Names in `Order.asked_for` of pictures, which are files or URLs."""

_ENCODER = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Order:
    """One picture to be made of one row. It holds no pixels, open files or recipes."""

    slot: str
    """The picture's name in this catalogue, unique and the same in every run, such as "00123/kitchen/2"."""
    sku: str
    """The product, as the sheet spells it."""
    row: int
    """The row in the sheet as its user counts, from 1 with the header; 0 if there is no sheet."""
    photo: str
    """The photograph: a path, or a URL."""
    prompt: str
    """The scene, in words, all templates filled."""
    seed: int
    """Decides the scene."""
    output: str
    """The picture's file, relative to the run's folder, with forward slashes."""
    asked_for: Mapping[str, Any] = field(default_factory=dict)
    """What else the row decides, by the names of `prodgen.shots.new_shot` (negative_prompt, background,
    reference, matte, box, points, pose, light, light_map, light_from, like, loras, recipe, settings), and
    recipe_sha256, the digest of its file; ready for JSON."""
    scene: str = ""
    """The scene's name, where a product is shown in several; "" if it has none."""
    is_repeat: bool = False
    """Whether one before it differs by its seed alone."""

    @property
    def pictures(self) -> tuple[str, ...]:
        """The files or URLs that it is made of, the photograph first."""
        others = (self.asked_for.get(name) for name in BESIDE_PHOTO)
        return (self.photo, *(str(other) for other in others if other is not None))

    @property
    def has_shadow_file(self) -> bool:
        """Whether its settings ask for the shadow in a file beside the picture."""
        asked = (self.asked_for.get("settings") or {}).get("shadow_layer")
        return str(asked).lower() in ("true", "1", "yes", "on")

    @property
    def digest(self) -> str:
        """Digest of what is asked in words; not of the row in the sheet, nor of where files are.

        Pictures are compared by their content; of a recipe's file the digest is in `asked_for`.
        """
        asked = {"prompt": self.prompt, "seed": self.seed, **self.asked_for}
        files = (*BESIDE_PHOTO, *(["recipe"] if "recipe_sha256" in asked else []))
        asked |= {name: True for name in files if name in asked}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    @property
    def kin(self) -> str:
        """What orders share that a backend draws without loading another checkpoint or LoRA between them.

        It is the words of all that can name one: LoRAs, recipe and settings.
        """
        named = {
            name: self.asked_for[name] for name in ("loras", "recipe", "settings") if name in self.asked_for
        }
        return json.dumps(named, sort_keys=True) if named else ""

    def as_json(self) -> str:
        """Return it as one line of JSON."""
        # Not `asdict`, which copies every value: a catalogue has a hundred thousand.
        return _ENCODER.encode({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the order that `as_json` wrote."""
        return cls(**json.loads(text))
