"""Embeddings (textual inversion): vectors that stand for words which a text encoder does not know.

Owns the names under which such files store them. Where a word stands in a prompt is no business of this
module.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from prodgen.engines.diffusers.checkpoints import LoadedModel
from prodgen.engines.diffusers.companions import embedding_family, embedding_keys, embedding_tokens
from prodgen.engines.diffusers.tensor_files import TensorFile


@dataclass(frozen=True)
class Embedding:
    """One word of a user's own."""

    name: str
    """The word, as prompts have it: the file's name without its end."""

    vectors: tuple[torch.Tensor, ...]
    """(tokens, width), float32 on the CPU, one for each text encoder; all of as many tokens."""


def load(path: Path, model: LoadedModel) -> Embedding:
    """Load an embedding for a model's text encoders.

    Raises:
        ModelFileError: If it is none, or made for another family.
    """
    file = TensorFile(path)
    keys = embedding_keys(file.header)
    widths = tuple(encoder.config.hidden_size for encoder in model.text_encoders)
    shapes = [file.header.tensors[key].shape for key in keys]
    if (
        tuple(shape[-1] for shape in shapes) != widths
        or len({embedding_tokens(shape) for shape in shapes}) != 1
    ):
        made_for = embedding_family(file.header) or "another family"
        file.header.refuse(f"it was made for {made_for}, and {model.path.name!r} is {model.family.title}")
    vectors = (file.raw(key).float().reshape(-1, width) for key, width in zip(keys, widths, strict=True))
    return Embedding(path.stem, tuple(vectors))
