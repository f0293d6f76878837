"""SD.Next: A1111's routes with diffusers behind them. Read in its documentation, not run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from prodgen.dialects.a1111 import A1111, WITHOUT_REFERENCE_UNIT
from prodgen.dialects.payload import SentPicture
from prodgen.errors import UnsupportedFeatureError
from prodgen.images import RgbImage
from prodgen.schema import Capabilities, ICLight


class SDNext(A1111):
    """Differs in two things: A1111's IC-Light does not run there, and `info` tells less."""

    name: ClassVar[str] = "sdnext"
    title: ClassVar[str] = "SD.Next"
    remedies: ClassVar[Mapping[str, str]] = {
        **A1111.remedies,
        "IC-Light": "use --recipe inpaint there",
        "reference pictures": WITHOUT_REFERENCE_UNIT,
    }
    version_marks: ClassVar[tuple[str, ...]] = ()
    missing_routes: ClassVar[frozenset[str]] = frozenset({"schedulers", "modules", "latent_upscale_modes"})
    tells_extra_parameters: ClassVar[bool] = False

    @classmethod
    def has_these_routes(cls, routes: Collection[str]) -> bool:
        """Return True where there is progress, but neither schedulers nor scripts."""
        return "progress" in routes and not {"schedulers", "scripts", "modules"} & set(routes)

    def ic_light(
        self, unit: ICLight, capabilities: Capabilities, *, light_map: RgbImage | None
    ) -> tuple[list[Any], SentPicture | None]:
        """Refuse: the extension patches A1111's own sampling code."""
        raise UnsupportedFeatureError("IC-Light", self.title, self.remedy("IC-Light"))
