"""A stage is added by one file and one line of a table: a toy one, in a copy of the package, is all there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import prodgen

HOME = Path(prodgen.__file__).parent

THE_FILE = '''
"""A tint of the scene."""

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field

from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import Drawn


class TintStage(Stage):
    """Take green and blue out of the scene."""

    takes = (Drawn,)
    gives = (Drawn,)

    stage: Literal["tint"] = "tint"

    redness: float = Field(default=0.0, ge=0, le=1)
    """Share of green and blue that is taken out."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with a redder scene."""
        drawn = frame[Drawn]
        kept = np.array([1, 1 - self.redness, 1 - self.redness], np.float32)
        return frame.holding(replace(drawn, scene=drawn.scene * kept))
'''

THE_LINE = ("STAGES: tuple[type[Stage], ...] = (\n", "    TintStage,\n")

PROGRAM = """
import json, sys
from prodgen.errors import SettingError
from prodgen.shots import Recipe, shoot

def refusal_of(call, *arguments):
    try:
        call(*arguments)
    except SettingError as error:
        return str(error)

packshot = Recipe.load("packshot").model_dump()
sweep = next(k for k, stage in enumerate(packshot["stages"]) if stage["stage"] == "sweep")
packshot["stages"] = [*packshot["stages"][: sweep + 1], {"stage": "tint"}, *packshot["stages"][sweep + 1 :]]
recipe = Recipe.model_validate(packshot)
seen = []
result = shoot(
    sys.argv[1],
    recipe=recipe,
    settings={"redness": 1.0, "size": "64x64"},
    on_progress=lambda stage, fraction: seen.append(stage),
)
too_early = {"name": "early", "stages": [{"stage": name} for name in ("segment", "place", "tint")]}
print(json.dumps({
    "corner": result.image[0, 0].tolist(),
    "is a setting": "redness" in recipe.settings,
    "is in the story": {"stage": "tint", "redness": 1.0} in result.story()["asked"]["recipe"]["stages"],
    "tells its progress": "tint" in seen,
    "took time": "tint" in result.seconds,
    "wrong value": refusal_of(recipe.with_settings, {"redness": 3}),
    "wrong order": refusal_of(Recipe.model_validate, too_early),
}))
"""


def test_a_stage_is_added_by_one_file_and_one_line_of_the_table(tmp_path):
    for part in HOME.iterdir():
        if part.name not in ("shots", "__pycache__"):
            (tmp_path / "prodgen").mkdir(exist_ok=True)
            (tmp_path / "prodgen" / part.name).symlink_to(part)
    shutil.copytree(
        HOME / "shots", tmp_path / "prodgen" / "shots", ignore=shutil.ignore_patterns("__pycache__")
    )
    stages = tmp_path / "prodgen" / "shots" / "stages"
    (stages / "tint.py").write_text(THE_FILE, "utf-8")
    table = (stages / "__init__.py").read_text("utf-8")
    opening, line = THE_LINE
    assert table.count(opening) == 1
    lines = table.replace(opening, opening + line).replace(
        "\nfrom prodgen.shots.stages.upscale",
        "\nfrom prodgen.shots.stages.tint import TintStage\nfrom prodgen.shots.stages.upscale",
    )
    (stages / "__init__.py").write_text(lines, "utf-8")

    words = [sys.executable, "-c", PROGRAM, str(HOME.parent / "examples" / "photos" / "mug.png")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "corner": [1, 0, 0],
        "is a setting": True,
        "is in the story": True,
        "tells its progress": True,
        "took time": True,
        "wrong value": "redness must be from 0 to 1, not 3",
        "wrong order": "tint needs a scene: put 'relight', 'background', 'reference', 'backdrop',"
        " 'sweep' or 'outpaint' before it",
    }
