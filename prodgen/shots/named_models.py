"""The models that a recipe names: in the settings of its stages, and in the looks that they use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prodgen.shots.recipe import Recipe
from prodgen.shots.stages.look import LookStage, looks
from prodgen.weights.licensing import NamedModels


def named_models(recipe: Recipe) -> tuple[NamedModels, ...]:
    """Return for each stage the names in it that may be a model's."""
    stages = []
    for stage in recipe.stages:
        names = set(_texts(stage.model_dump(mode="json")))
        if isinstance(stage, LookStage) and stage.look is not None:
            names.update(lora.name for lora in looks()[stage.look].loras)
        stages.append(NamedModels(stage.stage, frozenset(names)))
    return tuple(stages)


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
