"""Text to image as a user's job: what to draw, at which size, with which settings; and once more.

jobs (what), presets (how each family of models wants it), wildcards (holes in prompts), sizes (the way
to the size asked for), controls (control pictures), orders (requests for one server), drawing (the work),
infotexts and again (the way back from a picture to its job). Knows nothing of product photographs.
"""

from __future__ import annotations

from prodgen.text2image.controls import Control, read_control
from prodgen.text2image.generating import KIND, Picture, generate, seeds_of
from prodgen.text2image.job import Job, new_job, read_config, read_lora
from prodgen.text2image.presets import Preset, presets

__all__ = [
    "KIND",
    "Control",
    "Job",
    "Picture",
    "Preset",
    "generate",
    "new_job",
    "presets",
    "read_config",
    "read_control",
    "read_lora",
    "seeds_of",
]
