"""Forge and its relatives: A1111's API with other VAEs, other errors and other names.

Read in their sources, none was run.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from prodgen.dialects.a1111 import A1111
from prodgen.errors import UnsupportedFeatureError
from prodgen.schema import Capabilities, Drawing


class Forge(A1111):
    """Differs in three things: VAEs are "modules", training is gone, tracebacks become plain text."""

    name: ClassVar[str] = "forge"
    title: ClassVar[str] = "Forge"
    version_marks: ClassVar[tuple[str, ...]] = ("f2.", "f0.")
    missing_routes: ClassVar[frozenset[str]] = frozenset({"vaes"})
    names_its_errors: ClassVar[bool] = False

    @classmethod
    def has_these_routes(cls, routes: Collection[str]) -> bool:
        """Return True where modules are listed, which stand for VAEs here alone."""
        return "modules" in routes

    def vae(self, name: str) -> dict[str, Any]:
        """Return the VAE as the one additional module; "Automatic" is none."""
        return {"forge_additional_modules": [] if name in ("Automatic", "None") else [name]}


class ForgeClassic(A1111):
    """Differs in one thing: there is no scheduler field; samplers carry it in their names."""

    name: ClassVar[str] = "forge-classic"
    title: ClassVar[str] = "Forge Classic"
    version_marks: ClassVar[tuple[str, ...]] = ("classic", "neo")
    missing_routes: ClassVar[frozenset[str]] = frozenset({"schedulers", "modules"})

    @classmethod
    def has_these_routes(cls, routes: Collection[str]) -> bool:
        """Return True where scripts are listed, but no schedulers."""
        return "scripts" in routes and not {"schedulers", "modules"} & set(routes)

    def _drawing(self, request: Drawing, capabilities: Capabilities, *, is_img2img: bool) -> dict[str, Any]:
        fields = super()._drawing(request, capabilities, is_img2img=is_img2img)
        scheduler = fields.pop("scheduler", None)
        if scheduler in (None, "Automatic", "automatic"):
            return fields
        sampler = fields.get("sampler_name", "Euler")
        combined = f"{sampler} {scheduler}"
        if capabilities.samplers and combined not in capabilities.samplers:
            raise UnsupportedFeatureError(f"scheduler {scheduler!r} with sampler {sampler!r}", self.title)
        fields["sampler_name"] = combined
        return fields


class ReForge(A1111):
    """Differs from A1111 in nothing that prodgen uses; only its version tells it apart."""

    name: ClassVar[str] = "reforge"
    title: ClassVar[str] = "reForge"
    version_marks: ClassVar[tuple[str, ...]] = ("f1.",)
