"""Recipes, shots, and how one is rendered: from a photograph and a prompt to a picture with its story."""

from __future__ import annotations

from prodgen.shots.recipe import Recipe, builtin_recipes
from prodgen.shots.result import Result
from prodgen.shots.run import shoot, shoot_all
from prodgen.shots.shot import Shot

__all__ = ["Recipe", "Result", "Shot", "builtin_recipes", "shoot", "shoot_all"]
