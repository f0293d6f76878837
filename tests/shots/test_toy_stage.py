"""A new stage is a class of its own: order, settings, progress and hand-overs know nothing of it."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import pytest
from pydantic import Field

from prodgen import files
from prodgen.errors import SettingError, WrongValueError
from prodgen.shots import Recipe, shoot
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import FinalScene
from prodgen.shots.recipe import check_order
from prodgen.shots.stages import AnyStage, PlaceStage, SegmentStage


class TintStage(Stage):
    """Give the scene's left column a grey of its own."""

    takes = (FinalScene,)
    gives = (FinalScene,)

    stage: Literal["tint"] = "tint"

    grey: float = Field(default=0.5, ge=0, le=1)
    """Its sRGB value."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with a tinted scene."""
        tinted = frame[FinalScene].image.copy()
        tinted[:, 0] = self.grey
        return frame.holding(FinalScene(tinted))


class RecipeWithTint(Recipe):
    """A recipe that may hold the toy as well."""

    stages: tuple[Annotated[AnyStage | TintStage, Field(discriminator="stage")], ...]


@pytest.fixture
def recipe() -> Recipe:
    stages = [{"stage": name} for name in ("segment", "place", "sweep", "upscale", "tint", "identity")]
    return RecipeWithTint.model_validate({"name": "tinted", "stages": stages})


def test_a_new_stage_runs_in_its_place_with_its_settings_and_is_told_of(recipe, tmp_path, disc):
    files.save(tmp_path / "disc.png", np.full((64, 64, 3), 0.3, np.float32), matte=disc)
    seen: list[str] = []

    result = shoot(
        tmp_path / "disc.png",
        recipe=recipe,
        settings={"grey": 0.2, "place": "original"},
        on_progress=lambda stage, fraction: seen.append(stage),
    )

    np.testing.assert_allclose(result.image[:, 0], 0.2)
    assert "tint" in seen
    assert "tint" in result.seconds
    assert {"stage": "tint", "grey": 0.2} in result.story()["asked"]["recipe"]["stages"]


def test_a_new_stage_is_checked_as_the_others_are(recipe):
    with pytest.raises(SettingError, match="tint needs the scene at its final size"):
        check_order([SegmentStage(), PlaceStage(), TintStage()])
    with pytest.raises(WrongValueError, match="grey must be from 0 to 1, not 3"):
        recipe.with_settings({"grey": 3})
