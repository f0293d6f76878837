"""Facts about a ComfyUI server that is to draw: its version, its models, its node packs. Nothing is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prodgen.server.engine import EngineSettings


@dataclass(frozen=True)
class ComfyFacts:
    """What a ComfyUI server has to draw with."""

    version: str = ""
    """The release that it tells; "" for an old one, which told none."""
    device: str = ""
    """Name of what it draws on, as it tells it."""
    checkpoints: tuple[str, ...] = ()
    pack: str | None = None
    """Its node pack for IC-Light; None: it has none."""
    get_pack: str = ""
    """How to get such a pack, where there is none."""
    ic_light: tuple[str, ...] = ()
    """IC-Light's models whose weights it lists: "FC", "FBC"."""
    hears_steps: bool = True
    """Whether steps and previews are listened for: the package `websockets` is here."""


def look_at_comfy(settings: EngineSettings) -> ComfyFacts:
    """Return what the server has.

    Raises:
        SettingError: If the address cannot be used.
        BackendError: If it does not answer as ComfyUI does.
    """
    from prodgen.engines.comfy.comfy_inventory import PACK_CLASSES, read_models
    from prodgen.engines.comfy.comfy_server import ComfyServer
    from prodgen.engines.comfy.node_catalogue import NodeCatalogue
    from prodgen.engines.comfy.node_faults import missing_nodes

    server = ComfyServer(settings)
    try:
        stats = server.system_stats()
        models = read_models(NodeCatalogue(server.object_info()))
    finally:
        server.close()
    system, devices = stats.get("system"), stats.get("devices")
    first = devices[0] if isinstance(devices, list) and devices else {}
    return ComfyFacts(
        version=_text(system, "comfyui_version"),
        device=_text(first, "name"),
        checkpoints=tuple(models.checkpoints),
        pack=models.ic_light_pack,
        get_pack="" if models.ic_light_pack else missing_nodes(PACK_CLASSES["kijai"]).remedy,
        ic_light=tuple(sorted(models.ic_light)),
        hears_steps=find_spec("websockets") is not None,
    )


def _text(told: Any, key: str) -> str:
    value = told.get(key) if isinstance(told, dict) else None
    return value if isinstance(value, str) else ""
