"""Text to image as a user's job: what to draw, at which size, with which settings. No product photographs.

`picture_job` holds the settings, `presets` what each family of checkpoints needs, `wildcards` the holes in a
prompt, `size_plan` the sizes on the way to the delivered one, `controls` the control pictures. From these
`planned_pictures` makes requests for one server; `drawing_pictures` has them drawn, and `generating` is the
call that a Python program makes.
"""

from __future__ import annotations

from prodgen.text2image.controls import Control, read_control
from prodgen.text2image.drawing_pictures import draw_all, seeds_of
from prodgen.text2image.generated_picture import KIND, GeneratedPicture
from prodgen.text2image.generating import generate
from prodgen.text2image.picture_job import PictureJob, new_job, read_config
from prodgen.text2image.presets import Preset, presets

__all__ = [
    "KIND",
    "Control",
    "GeneratedPicture",
    "PictureJob",
    "Preset",
    "draw_all",
    "generate",
    "new_job",
    "presets",
    "read_config",
    "read_control",
    "seeds_of",
]
