"""What a shot became: the picture, what was measured, and its story for file and terminal."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prodgen import __version__, identity, provenance
from prodgen.images import RgbImage
from prodgen.shots.shot import Shot
from prodgen.shots.stages import Frame


@dataclass(frozen=True)
class Result:
    """One finished shot."""

    shot: Shot
    frame: Frame
    """All layers, for whoever wants to go on from here."""
    image: RgbImage
    """The picture, (H, W, 3), sRGB, [0, 1]."""
    path: Path | None = None
    """Where it was written, if it was."""
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each stage took."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What was done another way than asked, had to be guessed, or went wrong with the product."""
        frame = self.frame
        if frame.identity is None or frame.verdict is None:
            return frame.notices
        return (*frame.notices, *identity.notices(frame.verdict, frame.identity))

    @property
    def summary(self) -> str:
        """Whether it still is the same product: words first, then the main numbers, in one line."""
        frame = self.frame
        if frame.identity is None or frame.verdict is None:
            return "the product was not measured"
        return identity.summary(frame.verdict, frame.identity)

    def as_dict(self) -> dict[str, Any]:
        """Return the story: everything about the picture but its pixels, ready for JSON."""
        origin, likeness, placed = self.frame.origin, self.frame.identity, self.frame.placement
        return {
            "picture": None if self.path is None else str(self.path),
            "size": [self.image.shape[1], self.image.shape[0]],
            "source": self.shot.source.name,
            "prompt": self.frame.prompt,
            "negative_prompt": self.frame.negative_prompt,
            "seed": self.frame.seed,
            "light": self.shot.light,
            "background": None if self.shot.background is None else self.shot.background.name,
            "loras": {lora.name: lora.weight for lora in self.frame.loras},
            "recipe": self.shot.recipe.model_dump(mode="json"),
            "backend": origin.backend,
            "checkpoint": origin.checkpoint,
            "checkpoint_hash": origin.checkpoint_hash,
            "product_scale": None if placed is None else round(placed.scale, 4),
            "verdict": None if self.frame.verdict is None else self.frame.verdict.status,
            "identity": None if likeness is None else likeness.model_dump(mode="json"),
            "notices": list(self.notices),
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "versions": {"prodgen": __version__, "python": platform.python_version()},
        }

    def text(self) -> dict[str, str]:
        """Return the story as the text chunks that go into the file."""
        origin = self.frame.origin
        if origin.is_generated:
            source_type = provenance.COMPOSITE_WITH_TRAINED_MEDIA
        elif origin.backend != "none":
            source_type = provenance.COMPOSITE_SYNTHETIC
        else:
            source_type = provenance.ALGORITHMICALLY_ENHANCED
        story = {key: value for key, value in self.as_dict().items() if key not in ("picture", "seconds")}
        return provenance.text_chunks(story, infotext=origin.infotext, source_type=source_type)
