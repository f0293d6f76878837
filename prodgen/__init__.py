"""Puts a real product photograph into a generated scene, and keeps it the same product.

    from prodgen import Client, Recipe, shoot

Names are imported when they are first used, so that `import prodgen` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

try:
    from prodgen._version import __version__ as __version__  # written by the installation
except ImportError:  # a source tree on the path that was never installed
    __version__ = "0+uninstalled"

if TYPE_CHECKING:
    from prodgen.client import Client
    from prodgen.errors import ProdgenError
    from prodgen.files import load, save
    from prodgen.light import Light
    from prodgen.schema import ControlNetUnit, ICLight, Img2Img, Lora, Txt2Img, Upscale
    from prodgen.shots import Recipe, Result, Shot, shoot

_HOMES = {
    "Client": "client",
    "ControlNetUnit": "schema",
    "ICLight": "schema",
    "Img2Img": "schema",
    "Light": "light",
    "Lora": "schema",
    "ProdgenError": "errors",
    "Recipe": "shots",
    "Result": "shots",
    "Shot": "shots",
    "Txt2Img": "schema",
    "Upscale": "schema",
    "load": "files",
    "save": "files",
    "shoot": "shots",
}

__all__ = [
    "Client",
    "ControlNetUnit",
    "ICLight",
    "Img2Img",
    "Light",
    "Lora",
    "ProdgenError",
    "Recipe",
    "Result",
    "Shot",
    "Txt2Img",
    "Upscale",
    "load",
    "save",
    "shoot",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'prodgen' has no attribute {name!r}")
    return getattr(import_module(f"prodgen.{_HOMES[name]}"), name)
