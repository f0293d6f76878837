"""Recipes, shots, and how one is rendered: from a photograph and a prompt to a picture with its story."""

from __future__ import annotations

from prodgen.shots.checking import check, check_several
from prodgen.shots.examples import Example, read_example
from prodgen.shots.handing_over import preparation
from prodgen.shots.like import Like
from prodgen.shots.recipe import Delivery, Recipe, builtin_recipes
from prodgen.shots.result import Result, shadow_file
from prodgen.shots.routes import ROUTES, Route
from prodgen.shots.run import Tries, complete, deliver, draw, open_tools, prepare, shoot, shoot_all
from prodgen.shots.shot import Shot, new_shot

__all__ = [
    "ROUTES",
    "Delivery",
    "Example",
    "Like",
    "Recipe",
    "Result",
    "Route",
    "Shot",
    "Tries",
    "builtin_recipes",
    "check",
    "check_several",
    "complete",
    "deliver",
    "draw",
    "new_shot",
    "open_tools",
    "preparation",
    "prepare",
    "read_example",
    "shadow_file",
    "shoot",
    "shoot_all",
]
