"""What a batch is asked for beside words, seeds and sizes: ControlNet's units, a refiner, faces, finer noise.

Read from a request by `finer_reading`, handed to the engine with its order, and told in infotexts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prodgen.server.wire import Pixels

if TYPE_CHECKING:
    from prodgen.server.engine import ModelFile

RESIZE_MODES = ("Just Resize", "Crop and Resize", "Resize and Fill")
CONTROL_MODES = ("Balanced", "My prompt is more important", "ControlNet is more important")


@dataclass(frozen=True)
class ControlOrder:
    """One unit of ControlNet: a picture that steers what is drawn."""

    module: str
    """Preprocessor that makes a map of the picture; "none": the picture is the map."""

    model: str
    """One of the inventory's `controlnets`."""

    picture: Pixels
    """(H, W, 3)."""

    weight: float = 1.0
    guidance_start: float = 0.0
    """Share of the steps at which it begins, 0 to 1."""

    guidance_end: float = 1.0
    control_mode: int = 0
    """0 balances prompt and picture, 1 favours the prompt, 2 the picture."""

    resize_mode: int = 1
    """How the picture comes to the size drawn: 0 stretches, 1 crops, 2 fills at the edges."""

    processor_res: int = 512
    """Pixels of the shorter side at which the preprocessor works."""

    is_pixel_perfect: bool = False
    """Whether that follows from the size drawn."""

    threshold_a: float | None = None
    """First number of the preprocessor; None is its default."""

    threshold_b: float | None = None
    shows_map: bool = False
    """Whether the map is to be handed back beside the pictures."""

    @property
    def told(self) -> str:
        """The unit as an infotext has it."""
        numbers = {"Threshold A": self.threshold_a, "Threshold B": self.threshold_b}
        pairs: dict[str, object] = {
            "Module": self.module,
            "Model": self.model,
            "Weight": self.weight,
            "Resize Mode": RESIZE_MODES[self.resize_mode],
            "Processor Res": self.processor_res,
            **{name: number for name, number in numbers.items() if number is not None},
            "Guidance Start": self.guidance_start,
            "Guidance End": self.guidance_end,
            "Pixel Perfect": self.is_pixel_perfect,
            "Control Mode": CONTROL_MODES[self.control_mode],
        }
        return ", ".join(f"{name}: {value}" for name, value in pairs.items())


@dataclass(frozen=True)
class FinerSettings:
    """What else one batch is asked for; at its defaults, nothing is done."""

    controls: tuple[ControlOrder, ...] = ()
    restore_faces: str | None = None
    """One of the inventory's `face_restorers`; None leaves faces alone."""

    tiling: bool = False
    """Whether the picture's edges shall meet, as those of a tile."""

    eta: float | None = None
    """Share of noise that ancestral samplers and DDIM add; None is their own."""

    eta_entry: str = "Eta"
    """What infotexts call it."""

    eta_noise_seed_delta: int = 0
    """Added to the seed of the noise that a sampler adds on its way."""

    initial_noise_multiplier: float = 1.0
    """img2img: times the noise that it begins with."""

    seed_resize: tuple[int, int] | None = None
    """Width and height whose noise is to be kept at this size; None without."""

    refiner: ModelFile | None = None
    """Checkpoint that draws the last steps."""

    refiner_switch_at: float = 1.0
    """Share of the steps after which the refiner takes over, 0 to 1."""

    @property
    def told(self) -> dict[str, object]:
        """What infotexts say of them."""
        told: dict[str, object] = {
            f"ControlNet {number}": unit.told for number, unit in enumerate(self.controls)
        }
        if self.eta is not None:
            told[self.eta_entry] = self.eta
        if self.eta_noise_seed_delta:
            told["ENSD"] = self.eta_noise_seed_delta
        if self.seed_resize is not None:
            told["Seed resize from"] = f"{self.seed_resize[0]}x{self.seed_resize[1]}"
        return told


NOTHING_FINER = FinerSettings()
