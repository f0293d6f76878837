"""What comes back, in our terms: pictures with what provably ran, and what a server has.

Read-only values without methods that reach anything. Strict in what we send, tolerant in what we
read: these are filled by the client from answers whose unknown keys are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from prodgen.images import Matte, RgbImage
from prodgen.schema import model_names
from prodgen.schema.model_families import ModelFamily, family_by_name

ICLightSpelling = Literal["dict", "positional-13", "positional-15"]
"""How a server's IC-Light extension wants its arguments, told by their number in script-info."""


def draws_by_diffusion(checkpoint: str | None) -> bool:
    """Whether a checkpoint of this name is a trained model; the embedded backend's says that it is none."""
    return "no diffusion" not in (checkpoint or "")


ProofKind = Literal["picture", "foreground", "bridge", "words"]
"""What a proof rests on. "picture": what the thing does is seen in a picture. "foreground": the cut-out that
IC-Light read came back as it was sent. "bridge": prodgen's bridge extension saw it run. "words": the server
names it, and nothing else was looked at."""


@dataclass(frozen=True)
class Proof:
    """How it is known that a thing that was asked for ran."""

    kind: ProofKind
    strength: float | None = None
    """How clearly a picture shows it, 0 = not at all, 1 = fully; None where no picture was looked at."""


@dataclass(frozen=True)
class Applied:
    """What provably ran, and how that is known; None where nothing proves it."""

    sampler: str | None = None
    scheduler: str | None = None
    checkpoint: str | None = None
    checkpoint_hash: str | None = None
    vae: str | None = None
    loras: Mapping[str, str] = field(default_factory=dict)
    """Name -> hash of each LoRA that the server loaded."""
    ic_light: bool | None = None
    """Whether IC-Light relit the product. None: not asked, or not provable; `proofs` says how it is known."""
    controlnet_units: int | None = None
    proofs: Mapping[str, Proof] = field(default_factory=dict)
    """Feature, by the name that a NotAppliedError has for it -> how it is known that it ran."""


@dataclass(frozen=True)
class Generation:
    """Pictures drawn by one request, and the proof of how."""

    images: tuple[RgbImage, ...]
    """The results in seed order; grids, masks and maps are in `extras`."""
    seeds: tuple[int, ...]
    infotexts: tuple[str, ...]
    info: Mapping[str, Any]
    """The server's own report, as it came."""
    mattes: tuple[Matte | None, ...] = ()
    """The transparency of each result, where it came with any: 1 = opaque."""
    extras: tuple[RgbImage, ...] = ()
    applied: Applied = field(default_factory=Applied)
    notices: tuple[str, ...] = ()
    """One sentence each: what was done another way than asked, and why."""
    backend: str = ""
    """Name of the backend that drew it."""
    task_id: str = ""
    was_fetched: bool = False
    """Whether the server could not send the pictures, so that it saved them and they were fetched."""
    is_missing_a_picture: bool = False
    """Whether the server put a word in place of a picture that it could not encode (a patched api.py)."""

    @property
    def checkpoint(self) -> str | None:
        """Name of the checkpoint that drew it, as far as the server says."""
        return self.applied.checkpoint

    @property
    def checkpoint_hash(self) -> str | None:
        """Short hash of that checkpoint."""
        return self.applied.checkpoint_hash

    @property
    def image(self) -> RgbImage:
        """The first result: (H, W, 3) float32, sRGB, [0, 1]."""
        return self.images[0]

    @property
    def seed(self) -> int:
        """Seed of the first result: with it and the same request, the server draws the same again."""
        return self.seeds[0]

    def save(self, path: str | Path) -> tuple[Path, ...]:
        """Write the pictures with their infotext and IPTC source type, each whole or not at all.

        Args:
            path: Its ending decides the format: PNG, JPEG, WebP or TIFF. Of several pictures, each gets its
                number before the ending: bag-1.png, bag-2.png.

        Returns:
            The files written.

        Raises:
            ImageError: If the ending is unknown or a file cannot be written.
        """
        from prodgen import files, provenance

        whole = Path(path)
        files.format_of(whole)
        paths = [whole]
        if len(self.images) > 1:
            paths = [whole.with_stem(f"{whole.stem}-{number}") for number in range(1, len(self.images) + 1)]
        is_trained = draws_by_diffusion(self.checkpoint)
        kind = provenance.TRAINED_MEDIA if is_trained else provenance.COMPOSITE_SYNTHETIC
        for number, (target, picture) in enumerate(zip(paths, self.images, strict=True)):
            text = {provenance.XMP_KEY: provenance.xmp_packet(kind, "")}
            if number < len(self.infotexts):
                text["parameters"] = self.infotexts[number]
            matte = self.mattes[number] if number < len(self.mattes) else None
            files.save(target, picture, matte=matte, text=text)
        return tuple(paths)


@dataclass(frozen=True)
class Enlargement:
    """A picture that a server's upscaler enlarged."""

    image: RgbImage
    upscaler: str
    """Name of the upscaler that did it."""
    backend: str = ""
    """Name of the backend that ran it."""
    matte: Matte | None = None
    """The picture's transparency, enlarged without the server; None if it had none."""
    proof: Proof = field(default_factory=lambda: Proof("words"))
    """How it is known that the upscaler ran."""
    notices: tuple[str, ...] = ()
    """One sentence each: what was done another way than asked, and why."""

    def save(self, path: str | Path) -> Path:
        """Write the picture whole or not at all; the ending decides the format. A JPEG stands on white.

        Raises:
            ImageError: If the ending is unknown or the file cannot be written.
        """
        from prodgen import files

        files.save(path, self.image, matte=self.matte)
        return Path(path)


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is."""

    fraction: float
    """0 to 1; the servers reach 1 only now and then."""
    eta_s: float | None = None
    step: int | None = None
    steps: int | None = None
    queued: bool = False
    """It waits for another caller's work."""
    is_ours: bool | None = None
    """None: the server cannot tell whose work this is."""
    text: str = ""
    preview: RgbImage | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A model file on the server."""

    title: str
    model_name: str
    hash: str | None = None
    sha256: str | None = None
    filename: str | None = None
    family: ModelFamily = ""
    """What it is of by its configuration or its content, as far as either is known; `Capabilities.family`
    has its name told it else."""

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that the server accepts as its name."""
        stem = (self.filename or "").replace("\\", "/").rsplit("/", 1)[-1]
        return tuple(
            dict.fromkeys(x for x in (self.title, self.model_name, self.hash, self.sha256, stem) if x)
        )

    def is_called(self, name: str) -> bool:
        """Whether `name` can mean it: one of its names, its file without folder or ending, or its hash."""
        if model_names.same_hash(model_names.hash_in(name), self.sha256 or self.hash) is False:
            return False
        written = (self.title, self.model_name, self.filename or self.title)
        return (
            name in self.names
            or any(model_names.same_file(name, other) for other in written)
            or model_names.same_hash(name, self.sha256 or self.hash) is True
        )

    def is_it(self, name: str | None, digest: str | None) -> bool:
        """Whether an answer can mean it by `name` and `digest`: the hash decides where both have one."""
        same = model_names.same_hash(digest, self.sha256 or self.hash)
        return (not name or self.is_called(name)) if same is None else same


@dataclass(frozen=True)
class LoraFile:
    """A LoRA on the server."""

    name: str
    alias: str | None = None
    path: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What its file says of its training, as far as that is short."""


@dataclass(frozen=True)
class Sampler:
    """A sampler of the server."""

    name: str
    aliases: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scheduler:
    """A noise schedule of the server; both names are accepted."""

    name: str
    label: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Upscaler:
    """An upscaler of the server."""

    name: str
    model_name: str | None = None
    scale: float | None = None


@dataclass(frozen=True)
class ScriptArgument:
    """One positional argument of a script."""

    label: str
    value: Any = None
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class ScriptInfo:
    """A script of the server; each is listed once per kind of generation."""

    name: str
    is_alwayson: bool
    is_img2img: bool
    args: tuple[ScriptArgument, ...] = ()


@dataclass(frozen=True)
class Capabilities:
    """What a server has, as it said when first asked. An empty tuple can mean that it does not say."""

    dialect: str
    samplers: tuple[str, ...] = ()
    sampler_aliases: Mapping[str, str] = field(default_factory=dict)
    """Other name -> name of a sampler; A1111 lists them, but takes the name alone."""
    schedulers: tuple[str, ...] = ()
    upscalers: tuple[str, ...] = ()
    latent_upscale_modes: tuple[str, ...] = ()
    loras: tuple[str, ...] = ()
    lora_aliases: tuple[str, ...] = ()
    """Further names under which the server accepts them."""
    lora_files: tuple[LoraFile, ...] = ()
    """Which name, alias and path belong together."""
    checkpoints: tuple[Checkpoint, ...] = ()
    vaes: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    scripts: tuple[ScriptInfo, ...] = ()
    ic_light: ICLightSpelling | None = None
    ic_light_models: tuple[str, ...] = ()
    """Names of its models, if the extension lists them; the dict spelling does not."""
    controlnet: bool = False
    checkpoint: str | None = None
    """Title of the one that is configured now."""
    has_task_progress: bool = False
    """Whether the progress of our own task can be asked for (needs the server's page)."""
    tells_lora_hashes: bool = True
    """Whether answers name the LoRAs that were applied (an option of the server)."""
    answered: frozenset[str] = frozenset()
    """Which lists the server answered; an empty list that is named here is truly empty."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Lists that the server has but that could not be read -> why; names in them are not checked."""

    @property
    def is_diffusion(self) -> bool:
        """Whether a trained model draws."""
        return draws_by_diffusion(self.checkpoint)

    @property
    def family(self) -> ModelFamily:
        """What the configured checkpoint is of; where no list and no file tells, its name decides."""
        name = self.checkpoint or ""
        listed = self.find_checkpoint(name)
        return (listed.family if listed else "") or family_by_name(name)

    @property
    def is_sdxl(self) -> bool:
        """Whether the configured checkpoint is one of SDXL; one that nothing tells of is taken for 1.5."""
        return self.family == "sdxl"

    @property
    def tells_family(self) -> bool:
        """Whether anything tells which family the configured checkpoint is of."""
        return bool(self.family)

    @property
    def native_side(self) -> int:
        """Side in pixels of the square picture that the configured checkpoint was made for.

        SDXL was trained at 1024x1024 (Podell et al. 2023), SD 1.5 at 512x512. The embedded backend draws any
        size; 1024 takes it a second or two.
        """
        return 512 if self.is_diffusion and not self.is_sdxl else 1024

    @property
    def native_megapixels(self) -> float:
        """Size of picture that the configured checkpoint was made for, in millions of pixels.

        SDXL was trained at 1024x1024 (Podell et al. 2023); SD 1.5 at 512x512, and IC-Light on it draws
        well up to about 0.6. The embedded backend has no such limit; at 1.6 its floors are as sharp as they
        need to be.
        """
        if not self.is_diffusion:
            return 1.6
        return 1.0 if self.is_sdxl else 0.6

    def find_checkpoint(self, name: str) -> Checkpoint | None:
        """Return the checkpoint that `name` (title, model name, hash, file with or without folder) means.

        None if there is none, or several of that file name in different folders.
        """
        listed = next((checkpoint for checkpoint in self.checkpoints if name in checkpoint.names), None)
        alike = [checkpoint for checkpoint in self.checkpoints if checkpoint.is_called(name)]
        return listed or (alike[0] if len(alike) == 1 else None)

    def find_lora(self, name: str) -> str | None:
        """Return the server's name for the LoRA that `name` means, with or without folder and ending."""
        if name in self.lora_aliases:
            return name
        return model_names.find(name, self.loras) or model_names.find(name, self.lora_aliases)

    def is_lora(self, name: str, other: str) -> bool:
        """Whether two names can mean one LoRA: its file, or name and alias of one that the server lists."""
        spellings = [[x for x in (file.name, file.alias, file.path) if x] for file in self.lora_files]
        return model_names.same_file(name, other) or any(
            all(any(model_names.same_file(word, x) for x in known) for word in (name, other))
            for known in spellings
        )

    def find_vae(self, name: str) -> str | None:
        """Return the server's name for the VAE that `name` means; "Automatic" and "None" are VAEs too."""
        return model_names.find(name, ("Automatic", "None", *self.vaes))

    def with_checkpoint(self, name: str | None) -> Capabilities:
        """Return a copy in which the checkpoint `name`, if there is such a one, is configured."""
        found = None if name is None else self.find_checkpoint(name)
        return self if found is None else replace(self, checkpoint=found.title)

    def script(self, title: str, *, is_img2img: bool) -> ScriptInfo | None:
        """Return what is known about the script `title`, or None; case does not matter."""
        wanted = title.lower()
        known = (x for x in self.scripts if x.name.lower() == wanted and x.is_img2img == is_img2img)
        return next(known, None)
