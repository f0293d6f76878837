"""What draws behind the wire: the protocol of an engine, and what is handed over between server and engine.

The server owns the wire: routes, fields, the queue, progress, masks, IC-Light's arguments, infotexts. An
engine owns what there is to draw with (`EngineInventory`) and how a picture comes about. It sees no HTTP, no
base64, no prompt tags and no quirk of A1111. Pictures are uint8 arrays, as they are on the wire, so that what
must stay the same to the bit can.

An engine is one class with the methods of `Engine`, in a module of `prodgen.engines`, and one line in the
table `prodgen.engines.ENGINES`, which names what makes one of `EngineSettings`. It may draw by itself, on a
GPU, or ask another program; the server calls it from one thread at a time, and never draws itself.

What an engine cannot do, it refuses: `wire.Refused(422, "one sentence with the remedy")`. Nothing that was
asked for is left out in silence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from prodgen.server.file_digests import LaterDigest
from prodgen.server.finer_settings import NOTHING_FINER, ControlOrder, FinerSettings
from prodgen.server.ic_light_script import IcLightUnit
from prodgen.server.inpainting import RepaintPlan
from prodgen.server.wire import Pixels
from prodgen.server.workflow_script import WorkflowOrder

IcLightModel = Literal["FC", "FBC"]
"""IC-Light's two models: foreground only, and foreground with a given background."""


class ReportProgress(Protocol):
    """What an engine calls while it draws."""

    def __call__(self, share: float, preview: Pixels | None = None) -> None:
        """Note how much of the batch is drawn.

        Args:
            share: 0 to 1.
            preview: What there is of the picture under way, (H, W, 3), of any size.

        Raises:
            queueing.Stopped: After an interrupt.
        """
        ...


@dataclass(frozen=True)
class EngineSettings:
    """What a user decides about an engine; each engine takes what concerns it, and refuses the rest."""

    models: Path | None = None
    """Folder of the weights, laid out as A1111's; None is the usual one."""

    vram_bytes: int | None = None
    """Most memory of the accelerator to be used; None is all there is."""

    address: str | None = None
    """Where another program draws: "http://box:8188"."""

    auth: tuple[str, str] | str | None = field(default=None, repr=False)
    """User and password, or a bearer token, for the program at `address`."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """More headers for it."""

    verify: str | bool = True
    """How its certificate is verified: False, or the file of a certificate authority."""


@dataclass(frozen=True)
class ModelFile:
    """A checkpoint, LoRA or VAE, by the names that the API has for it."""

    name: str
    digest: str | LaterDigest | None = ""
    """SHA-256 of the file, 64 hexadecimal digits; "" has one made of the name, None tells none at all."""

    metadata: Mapping[str, str] = field(default_factory=dict)
    """What a list shows about a LoRA, under the keys of its training program."""

    family: str = ""
    """Kind of model that it is or belongs to ("sd15", "sdxl", "flux"), where that is known."""

    @property
    def sha256(self) -> str:
        """The file's digest, which may have to be read now; "" where none is told.

        64 digits stand for it where there is no file.
        """
        if self.digest is None:
            return ""
        digest = self.digest if isinstance(self.digest, str) else self.digest()
        return digest or hashlib.sha256(f"prodgen embedded {self.name}".encode()).hexdigest()

    @property
    def known_sha256(self) -> str | None:
        """The digest; None where it would have to be read first, or none is told."""
        return (self.digest.known if isinstance(self.digest, LaterDigest) else self.sha256) or None

    @property
    def short_hash(self) -> str:
        """The ten digits that stand in `info` and titles."""
        return self.sha256[:10]

    @property
    def title(self) -> str:
        """Name and hash, as lists show it; the name alone without a hash, or until it is known, as A1111."""
        known = self.known_sha256
        return self.name if known is None else f"{self.name} [{known[:10]}]"

    def is_named(self, name: str) -> bool:
        """Whether `name` means this model: title, name, hash or file name alike."""
        if name.startswith(f"{self.name} ["):
            return name == f"{self.name} [{self.short_hash}]"
        known = self.known_sha256
        hashes = () if known is None else (known[:10], known)
        return name in (self.name, f"{self.name}.safetensors", *hashes)


@dataclass(frozen=True)
class EngineInventory:
    """What an engine has. The server lists it, and refuses or ignores other names as A1111 does."""

    version: str
    """Shown as `info.version` and in each infotext, where A1111 has "v1.10.1"."""

    description: str
    """How it draws: the end of the front page's sentence "It answers ... and draws"."""

    checkpoints: tuple[ModelFile, ...]
    """At least one; the first is loaded at the start."""

    loras: tuple[ModelFile, ...] = ()
    vaes: tuple[ModelFile, ...] = ()
    upscalers: tuple[str, ...] = ()
    """Names for `Engine.upscale`, beside the server's own Lanczos and Nearest."""

    samplers: tuple[str, ...] | None = None
    """Those of A1111's samplers that make a difference here; None lists all, and none does."""

    schedulers: tuple[str, ...] | None = None
    """Labels of the schedules that make a difference here; None lists all, and none does."""

    latent_modes: tuple[str, ...] | None = None
    """A1111's enlargements of latents between two passes that it has; None lists all."""

    ic_light: tuple[IcLightModel, ...] = ()
    """What can relight; without any the extension is not listed."""

    controlnets: tuple[str, ...] = ()
    """ControlNet models; without any the extension is not listed."""

    control_modules: tuple[str, ...] = ()
    """Preprocessors of ControlNet's pictures, beside "none"."""

    embeddings: tuple[str, ...] = ()
    """Textual inversions, by the word that calls them in a prompt."""

    face_restorers: tuple[str, ...] = ()
    face_remedy: str = ""
    """What has to be done before faces can be restored, where nothing restores them."""

    has_progress: bool = True
    """Whether it reports shares and previews while a picture is drawn, or only whole pictures."""

    batches_requests: bool = False
    """Whether one batch is faster than its pictures one by one, so that requests are worth gathering."""

    runs_workflows: bool = False
    """Whether it runs workflows of ComfyUI that a user made (`BatchOrder.workflow`)."""

    imitates_flaws: bool = False
    """Whether the server is as careless as A1111 about what it does not know: it draws without it. A model's
    server refuses it, with the reason."""

    notes: tuple[str, ...] = ()
    """Sentences for the log, the front page and the doctor: "it draws on the CPU"."""


@dataclass(frozen=True)
class HiresPass:
    """A second, larger pass over what was drawn from words.

    What was drawn is enlarged to cover its size, and cropped at the centre where the proportions differ.
    """

    width: int
    height: int
    upscaler: str | None
    """One of the server's latent modes or of its upscalers; None leaves the choice to the engine."""

    steps: int
    """0 means as many as in the first pass."""

    denoising_strength: float
    prompt: str | None = None
    """Words of this pass; None is the first pass's."""

    negative_prompt: str | None = None
    sampler: str | None = None
    """Its name; None is the first pass's."""

    schedule: str | None = None
    """Its label; None is the first pass's."""


@dataclass(frozen=True)
class BatchOrder:
    """One batch of pictures to draw.

    They differ in their seeds, in img2img in what they start from, and in their prompts where several
    requests are drawn together.
    """

    prompt: str
    """Words of the first picture: comments and tags are taken out."""

    negative_prompt: str
    seeds: tuple[int, ...]
    """One for each picture, 0 to 2**64 - 1."""

    width: int
    height: int
    """Size of the first pass in pixels, multiples of 8."""

    checkpoint: ModelFile
    steps: int = 20
    cfg_scale: float = 7.0
    sampler: str = "Euler"
    schedule: str = "Automatic"
    """The schedule's label in /schedulers."""

    subseeds: tuple[int, ...] = ()
    subseed_strength: float = 0.0
    clip_skip: int = 1
    vae: ModelFile | None = None
    loras: tuple[tuple[ModelFile, float], ...] = ()
    """LoRAs of the inventory with their weights, in the order of the prompt's tags."""

    hires: HiresPass | None = None
    starts: tuple[RepaintPlan, ...] = ()
    """img2img: for each picture its `start` and the `zone` to repaint. The server itself puts the rest
    back."""

    denoising_strength: float = 1.0
    """img2img: 0 keeps what it starts from, 1 replaces it."""

    inpainting_fill: int = 0
    """What the zone holds at first: 0 its surroundings, 1 the original, 2 noise, 3 nothing."""

    relight: IcLightUnit | None = None
    """IC-Light's arguments, where it is to run; `relight.conditions(width, height)` are its pictures."""

    prompts: tuple[str, ...] = ()
    """Words of each picture; left out, all have `prompt`."""

    negative_prompts: tuple[str, ...] = ()
    """Negative words of each picture; left out, all have `negative_prompt`."""

    finer: FinerSettings = NOTHING_FINER
    """What else is set, beside words, seeds and sizes."""

    workflow: WorkflowOrder | None = None
    """A user's own workflow: it decides the picture, with the seeds; nothing else here counts then."""

    def __post_init__(self) -> None:
        """Give each picture its words."""
        count = len(self.seeds)
        object.__setattr__(self, "prompts", self.prompts or (self.prompt,) * count)
        object.__setattr__(self, "negative_prompts", self.negative_prompts or (self.negative_prompt,) * count)

    @property
    def final_size(self) -> tuple[int, int]:
        """Width and height of the pictures that are handed back."""
        return (self.width, self.height) if self.hires is None else (self.hires.width, self.hires.height)


@dataclass(frozen=True)
class DrawnPicture:
    """One picture of a batch."""

    pixels: Pixels
    """(H, W, 3), of the order's `final_size`; in img2img of the plan's `start`."""

    story: Mapping[str, object] = field(default_factory=dict)
    """Further entries of the infotext, under keys of the engine's own, in that order."""

    is_partial: bool = False
    """Whether an interrupt ended it early."""

    more: tuple[Pixels, ...] = ()
    """Further pictures that came of it, such as those of a workflow's other nodes."""

    maps: tuple[Pixels, ...] = ()
    """ControlNet's maps, of those units that show theirs; a larger second pass' before the first's. The maps
    of a call are the same for all its pictures: those of the last are taken."""


@dataclass(frozen=True)
class DetectedMap:
    """What a preprocessor of ControlNet makes of a picture."""

    pixels: Pixels
    """The map, (H, W, 3), of the preprocessor's own size."""

    pose: Mapping[str, object] | None = None
    """People as OpenPose writes them, from a preprocessor that looks for them."""


@dataclass(frozen=True)
class AcceleratorMemory:
    """Memory of the device that an engine draws on, in bytes."""

    free: int
    total: int


class Engine(Protocol):
    """Draws pictures for a server. No method is called while another one runs, but for `memory`."""

    def inventory(self) -> EngineInventory:
        """Return what there is now; asked at the start and after each refresh. Loads nothing."""
        ...

    def draw(self, order: BatchOrder, progress: ReportProgress) -> Iterator[DrawnPicture]:
        """Draw a batch, and hand over each picture once it is done, in the order of the seeds.

        `progress` may be called as often as the engine likes. After an interrupt it raises `Stopped`: an
        engine that lets it pass gets the pictures so far delivered, and the one under way replaced by the
        last preview. One that can show what it has catches it and yields `DrawnPicture(..., is_partial=True)`
        for the rest.

        Raises:
            wire.Refused: With 422 and a sentence that names the remedy, for what it cannot draw.
            wire.Crashed: With the class name and text of the answer, where it fails in a way that clients
            know ("OutOfMemoryError").
        """
        ...

    def upscale(self, pixels: Pixels, width: int, height: int, name: str) -> Pixels:
        """Return a picture, (H, W, 3 or 4), enlarged by one of the inventory's upscalers; alpha is kept."""
        ...

    def detect(self, unit: ControlOrder) -> DetectedMap:
        """Return the map that a unit's preprocessor makes of its picture; nothing is drawn.

        Raises:
            wire.Refused: With 422, for a preprocessor that is not there.
        """
        ...

    def unload(self) -> None:
        """Give back the memory that can be had again; the next picture loads what it needs."""
        ...

    def memory(self) -> AcceleratorMemory | None:
        """Return the accelerator's memory, or None without one."""
        ...

    def estimate(self, width: int, height: int, steps: int) -> float | None:
        """Return about how many seconds a picture takes, where that is long enough to be told beforehand."""
        ...

    def close(self) -> None:
        """Let go of everything: memory, threads, connections. Nothing is drawn after that."""
        ...
