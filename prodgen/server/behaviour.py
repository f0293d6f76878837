"""How one server behaves: which A1111 it resembles, whom it lets in, and what goes wrong on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from prodgen.errors import SettingError
from prodgen.server.ic_light_script import IcLightDialect, Segment
from prodgen.server.injected_faults import Faults

Release = Literal["1.10", "1.9"]
"""Whose quirks are shown: 1.10.1, or 1.9.4, where IC-Light does nothing and unknown samplers are 404."""


@dataclass(frozen=True)
class Behaviour:
    """The switches of one server; without any it is a healthy A1111 1.10.1 with IC-Light."""

    ic_light: IcLightDialect | None = "v1"
    """The spelling of IC-Light's arguments: "v1" one dict, "v2" 13 values, "v15" 15 values, None not
    installed."""

    segment: Segment | None = None
    """Cuts out what IC-Light is sent with remove_bg. None is a server without the network's weights: it then
    does not relight, and does not say so."""

    ndarray_bug: bool = False
    """Whether IC-Light's extra picture makes answers fail, as on an unpatched A1111."""

    false_strings: bool = False
    """Whether that picture is the text "False" instead, as with the first patch for it."""

    nowebui: bool = False
    """Whether /internal, /file= and the like are missing, as with --nowebui."""

    auth: Mapping[str, str] | None = None
    """Names and passwords that are let in, as --api-auth; None lets everybody in."""

    leaky_overrides: bool = False
    """Whether override_settings stay, as on a fresh install."""

    loses_relight_in_swap: bool = False
    """Whether IC-Light does nothing, silently, in a call that changes the loaded checkpoint, as on A1111: the
    patcher is made for the model that is loaded when the call comes in."""

    bridge: str | None = None
    """Version of prodgen's bridge extension, None for not installed. 1.1.0 renews the patcher for the model
    that draws and names that model; earlier ones say "IC-Light: applied" wherever a hook returned."""

    weightless_upscalers: tuple[str, ...] = ()
    """Upscalers that are listed while their weights are missing: plain resizing is done under their names."""

    idle_loras: tuple[str, ...] = ()
    """LoRAs that are listed, loaded and reported, and change nothing, as those made for another model do."""

    no_hashing: bool = False
    """Whether answers tell no hash of a checkpoint, VAE or LoRA, as with --no-hashing."""

    release: Release = "1.10"
    version: str | None = None
    """What `info.version` says; None leaves it to the engine."""

    delay_s: float = 0.0
    """Seconds that each picture takes at least: what drawing leaves of them is waited, under the lock."""

    faults: Faults | None = None
    """What goes wrong; asked once for each request."""

    worker_threads: int | None = None
    """Requests worked on at once: with all threads taken even /progress waits, as on A1111, which has 40.
    None has no such limit."""

    def __post_init__(self) -> None:
        if self.ic_light is not None and self.ic_light not in get_args(IcLightDialect):
            raise SettingError(f"ic_light is 'v1', 'v2', 'v15' or None, not {self.ic_light!r}")
