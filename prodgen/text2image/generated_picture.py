"""One picture drawn from words, and the story that its file carries."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from prodgen import __version__, codecs, files, provenance
from prodgen.images import Matte, RgbImage
from prodgen.schema import Generation
from prodgen.text2image.planned_pictures import PlannedPicture

KIND = "generate"
"""Marks the story of a picture drawn from words; a product shot's story has a recipe instead."""


@dataclass(frozen=True, eq=False)
class GeneratedPicture:
    """One finished picture."""

    image: RgbImage
    """(H, W, 3), sRGB, [0, 1]."""
    planned: PlannedPicture
    """Request, sizes and preset that it was drawn with."""
    generation: Generation
    """The server's answer."""
    backend: str
    """Name and address of the server that drew it."""
    is_diffusion: bool
    """Whether a trained model drew it: decides how the file must be marked."""
    notices: tuple[str, ...]
    """What was done another way than asked, or had to be guessed; a sentence each."""
    seconds: float
    matte: Matte | None = None
    """(H, W), 1 = opaque; None: the server drew no transparency."""
    path: Path | None = None
    """File that it was written to; None: it is in memory only."""

    @property
    def seed(self) -> int:
        """Seed that it was drawn with."""
        return self.planned.request.seed

    @property
    def infotext(self) -> str:
        """A1111's line of parameters, as the server wrote it; "" if it gave none."""
        return self.generation.infotexts[0] if self.generation.infotexts else ""

    @property
    def version(self) -> str | None:
        """Version of the server's program; None if the server does not say."""
        version = self.generation.info.get("version")
        return str(version) if version else None

    def save(self, path: str | Path) -> Self:
        """Write the picture with its story, whole or not at all, and return the picture that knows its file.

        Args:
            path: The ending decides the format: PNG, JPEG, WebP or TIFF.

        Raises:
            ImageError: If the ending is unknown or the file cannot be written.
        """
        files.save(path, self.image, matte=self.matte, text=self.text())
        return replace(self, path=Path(path))

    def as_dict(self) -> dict[str, Any]:
        """Return everything about the picture but its pixels, ready for JSON."""
        written = {} if self.path is None else {"picture": str(self.path)}
        return {**written, **self.story(), "seconds": round(self.seconds, 3)}

    def story(self) -> dict[str, Any]:
        """Return what is stored in the file: enough for `replay` to draw the picture again."""
        planned, applied = self.planned, self.generation.applied
        choices = (*planned.filled.choices, *planned.filled_negative.choices)
        return {
            "kind": KIND,
            "size": [self.image.shape[1], self.image.shape[0]],
            "sizes": planned.sizes.words(),
            "prompt": planned.request.prompt,
            "negative_prompt": planned.request.negative_prompt or "",
            "template": planned.template if choices else None,
            "choices": [list(choice) for choice in choices],
            "seed": self.seed,
            "loras": {lora.name: lora.weight for lora in planned.request.loras},
            "lora_hashes": dict(applied.loras),
            "preset": planned.preset.name,
            "job": planned.job.story(),
            "backend": self.backend,
            "checkpoint": applied.checkpoint,
            "checkpoint_hash": applied.checkpoint_hash,
            "vae": applied.vae,
            "sampler": applied.sampler,
            "scheduler": applied.scheduler,
            "proofs": {name: asdict(proof) for name, proof in applied.proofs.items()},
            "notices": list(self.notices),
            "versions": {
                "prodgen": __version__,
                "python": platform.python_version(),
                "server": self.version,
            },
        }

    def text(self) -> dict[str, str]:
        """Return the text chunks of the file: infotext, story and the IPTC source type."""
        kind = provenance.TRAINED_MEDIA if self.is_diffusion else provenance.COMPOSITE_SYNTHETIC
        return provenance.text_chunks(self.story(), infotext=self.infotext, source_type=kind)

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"<GeneratedPicture {width}x{height}, seed {self.seed}, {self.planned.request.prompt[:60]!r}>"

    def _repr_png_(self) -> bytes:
        """Return the picture as a notebook shows it."""
        return codecs.encode("PNG", self.image, matte=self.matte)
