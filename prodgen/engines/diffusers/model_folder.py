"""The models folder of this engine: which files there are, what they are called, and which are left out.

Laid out as A1111's models folder, and its names are A1111's: a file's name without its end; a checkpoint in a
folder of its own has that before it ("photo/mug.safetensors" is photo_mug). Only headers are read; a file's
hash once it is drawn with, as in A1111. The record of downloads (`prodgen.weights.record`) keeps hashes until
the file changes; where the folder may only be read, another one in the user's cache does. Needs no torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from prodgen.engines.diffusers.companions import (
    IcLightKind,
    controlnet_family,
    embedding_family,
    face_restorer_kind,
    ic_light_kind,
    is_controlnet,
    lora_family,
)
from prodgen.engines.diffusers.families import LATENT_CHANNELS, UNET_PREFIX, family_of
from prodgen.engines.diffusers.header import PICKLE_REASON, PICKLE_SUFFIXES, WeightsHeader, read_header
from prodgen.errors import ModelFileError
from prodgen.server.engine import ModelFile
from prodgen.server.file_digests import LaterDigest
from prodgen.weights.checks import sha256
from prodgen.weights.folders import models_folder, user_cache_folder
from prodgen.weights.record import Record

Kind = TypeVar("Kind", bound=str)

_log = logging.getLogger(__name__)

_FACES = "GFPGAN"
"""Folder of what finds faces and restores them."""

_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class SkippedFile:
    """A file that is not listed, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class _Kind:
    folder: str
    family: Callable[[WeightsHeader], str]
    is_hashed: bool = False
    keeps_folder: bool = False


def _checkpoint_family(header: WeightsHeader) -> str:
    return family_of(header).name


def _controlnet_family(header: WeightsHeader) -> str:
    if not is_controlnet(header):
        header.refuse("it is no ControlNet; T2I adapters and Control-LoRAs are not supported")
    return controlnet_family(header)


def _vae_family(header: WeightsHeader) -> str:
    shapes = [
        entry.shape for name, entry in header.tensors.items() if name.endswith("decoder.conv_in.weight")
    ]
    if not shapes or len(shapes[0]) != 4 or shapes[0][1] != LATENT_CHANNELS:
        header.refuse("it is no VAE of Stable Diffusion 1.5, 2.1 or SDXL")
    return ""  # all three have the same shapes


def _rank(header: WeightsHeader, family: str) -> int:
    """Return how late a file comes in its list, before the order of names."""
    first = header.shape(f"{UNET_PREFIX}input_blocks.0.0.weight")
    if first is None:
        return 0
    return 2 if first[1:2] != (LATENT_CHANNELS,) else int(family != "sd15")


def _no_family(_: WeightsHeader) -> str:
    return ""


_KINDS = {
    "checkpoints": _Kind("Stable-diffusion", _checkpoint_family, is_hashed=True, keeps_folder=True),
    "loras": _Kind("Lora", lora_family, is_hashed=True),
    "vaes": _Kind("VAE", _vae_family, is_hashed=True),
    "embeddings": _Kind("embeddings", embedding_family, is_hashed=True),
    "controlnets": _Kind("ControlNet", _controlnet_family),
    "upscalers": _Kind("ESRGAN", _no_family),
}


class ModelFolder:
    """What lies below one models folder. A folder that is missing or empty has nothing."""

    def __init__(self, root: Path | None = None) -> None:
        """Look at `root`, or at the usual folder of this machine."""
        self.root = models_folder() if root is None else root
        self._writing = threading.Lock()
        self.refresh()

    def refresh(self) -> None:
        """Look again, after files came or went."""
        self._paths: dict[tuple[str, str], Path] = {}
        self._skipped: list[SkippedFile] = []
        self._records = [Record(folder) for folder in _record_folders(self.root)]
        self._found = {kind: tuple(self._list(kind)) for kind in _KINDS}
        self.ic_light: Mapping[IcLightKind, Path] = self._kinds(
            "ic-light", ic_light_kind, "it is no IC-Light, whose first layer takes 8 or 12 channels"
        )
        self.face_restorers: Mapping[str, Path] = self._kinds(
            _FACES, face_restorer_kind, "it is no GFPGAN and no RestoreFormer; others restore no faces here"
        )
        self.face_detector: Path | None = next(iter(sorted((self.root / _FACES).glob("*.onnx"))), None)

    @property
    def checkpoints(self) -> tuple[ModelFile, ...]:
        """Whole checkpoints of families that this engine draws with; the first is taken where none is named.

        So those that IC-Light can relight come first, and those made for inpainting last; then by name.
        """
        return self._found["checkpoints"]

    @property
    def loras(self) -> tuple[ModelFile, ...]:
        """LoRAs with the metadata of their trainer."""
        return self._found["loras"]

    @property
    def vaes(self) -> tuple[ModelFile, ...]:
        """VAEs in files of their own."""
        return self._found["vaes"]

    @property
    def embeddings(self) -> tuple[ModelFile, ...]:
        """Embeddings; their names are the words for prompts."""
        return self._found["embeddings"]

    @property
    def controlnets(self) -> tuple[ModelFile, ...]:
        """ControlNets."""
        return self._found["controlnets"]

    @property
    def upscalers(self) -> tuple[ModelFile, ...]:
        """Networks that enlarge pictures."""
        return self._found["upscalers"]

    @property
    def skipped(self) -> tuple[SkippedFile, ...]:
        """Files that are not listed, each with its reason."""
        return tuple(self._skipped)

    def path_of(self, file: ModelFile) -> Path:
        """Return where a listed file lies.

        Raises:
            ModelFileError: If it is not listed here.
        """
        for kind, found in self._found.items():
            if file in found:
                return self._paths[kind, file.name]
        raise ModelFileError(file.name, "it is not in the models folder; refresh the list of models")

    def _list(self, kind: str) -> Iterator[ModelFile]:
        plan = _KINDS[kind]
        headers: dict[str, WeightsHeader] = {}
        families: dict[str, str] = {}
        for path in _files(self.root / plan.folder):
            name = (
                path.relative_to(self.root / plan.folder).with_suffix("") if plan.keeps_folder else path.stem
            )
            called = "_".join(name.parts) if isinstance(name, Path) else name
            if path.suffix.lower() in PICKLE_SUFFIXES:
                self._skipped.append(SkippedFile(path, PICKLE_REASON))
            elif called in headers:
                self._skipped.append(
                    SkippedFile(
                        path, f"{str(headers[called].path.relative_to(self.root))!r} has its name already"
                    )
                )
            elif path.suffix.lower() == _SUFFIX:
                try:
                    header = read_header(path)
                    families[called] = plan.family(header)
                except ModelFileError as refusal:
                    self._skipped.append(SkippedFile(path, refusal.reason))
                    continue
                headers[called] = header
                self._paths[kind, called] = path
        ranks = {name: _rank(header, families[name]) for name, header in headers.items()}
        for name in sorted(headers, key=lambda name: (ranks[name], name.lower())):
            header = headers[name]
            digest = self._digest(header.path) if plan.is_hashed else ""
            yield ModelFile(name, digest, header.metadata, families[name])

    def _digest(self, path: Path) -> LaterDigest | str:
        """Return the SHA-256 of a file: what is recorded and unchanged is not read again."""
        key = self._key(path)
        try:
            state = path.stat()
            known = next(filter(None, (record.sha256_of(key, path) for record in self._records)), "")
        except OSError:  # it went away meanwhile
            return ""
        return LaterDigest((path, state.st_size, state.st_mtime_ns), partial(self._read, path), known)

    def _read(self, path: Path) -> str:
        _log.info("reading %s for its hash, once", path)
        try:
            digest = sha256(path)
        except OSError:  # it went away meanwhile
            return ""
        self._record(path, digest)
        return digest

    def _record(self, path: Path, digest: str) -> None:
        with self._writing:
            for folder in _record_folders(self.root):
                try:  # read anew: another program may have written to it
                    Record(folder).add(self._key(path), path, name=path.stem, sha256=digest, source="found")
                except OSError as error:  # a volume that may only be read
                    _log.info("%s cannot keep hashes: %s", folder, error.strerror or error)
                else:
                    return

    def _key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _kinds(
        self, folder: str, kind_of: Callable[[WeightsHeader], Kind | None], reason: str
    ) -> Mapping[Kind, Path]:
        """Return the first file of each kind below a folder; `reason` is why others are skipped."""
        found: dict[Kind, Path] = {}
        for path in _files(self.root / folder):
            try:
                kind = kind_of(read_header(path))
            except ModelFileError as refusal:
                self._skipped.append(SkippedFile(path, refusal.reason))
                continue
            if kind is None:
                self._skipped.append(SkippedFile(path, reason))
            else:
                found.setdefault(kind, path)
        return found


def _record_folders(root: Path) -> Iterator[Path]:
    """Yield where the hashes of a folder are kept: there, or in the user's cache if it may only be read."""
    yield root
    name = hashlib.sha256(str(root.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    with contextlib.suppress(RuntimeError):  # this user has no home
        yield user_cache_folder() / "hashes" / name


def _files(folder: Path) -> Iterator[Path]:
    """Yield the model files below a folder by their names; links are followed, but into no folder twice."""
    seen: set[Path] = set()
    for at, folders, names in os.walk(folder, followlinks=True):
        real = Path(at).resolve()
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(names):
            path = Path(at) / name
            if not name.startswith(".") and path.suffix.lower() in (_SUFFIX, *PICKLE_SUFFIXES):
                yield path
