"""From an address to the engine that answers it in this process: what is handed over, and the way in.

Nothing is loaded and nobody is asked before the first request.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from prodgen.client.reaching import addresses
from prodgen.client.reaching.addresses import Address
from prodgen.errors import WrongValueError

if TYPE_CHECKING:
    from prodgen.server.engine import EngineSettings
    from prodgen.server.transport import ApiTransport

VRAM_VARIABLE = "PRODGEN_VRAM"


def read_engine(text: str) -> Address:
    """Return where an engine is, by its name or by its address.

    Raises:
        SettingError: If it is neither, or the address of a server.
    """
    from prodgen.engines import ENGINES

    named = {"ibl": addresses.EMBEDDED, "diffusers": addresses.ENGINE}
    of_programs = {engine for engine, *_ in addresses.PROGRAMS.values()}  # these need an address
    if text in ENGINES and text not in named and text not in of_programs:
        return Address(f"{text}://", engine=text)
    address = addresses.parse(named.get(text, text)) if text in named or "://" in text else None
    if address is None or not address.is_inside:
        known = (
            "ibl, diffusers, load-test, or an address: engine:///folder/of/models or comfy://127.0.0.1:8188"
        )
        raise WrongValueError("engine", text, f"must be {known}")
    return address


def engine_settings(
    address: Address,
    *,
    models: Path | str | None = None,
    vram: str | None = None,
    auth: tuple[str, str] | str | None = None,
    headers: Mapping[str, str] | None = None,
    verify: str | bool = True,
) -> EngineSettings:
    """Return what an address means to its engine; what is left out, the environment says.

    Args:
        address: One that `is_inside`.
        models: Folder of the weights, where the address names none; unset: the usual one.
        vram: Most memory of the accelerator, such as "6G"; unset: PRODGEN_VRAM.
        auth: User and password, or a bearer token, for the program that draws; unset: PRODGEN_AUTH. What the
            address holds comes first.
        headers: More headers for that program; those of PRODGEN_HEADERS are added.
        verify: How its certificate is verified; unset: PRODGEN_CA_FILE.

    Raises:
        SettingError: If one of them cannot be used.
    """
    from prodgen.schema.byte_counts import byte_count
    from prodgen.server.engine import EngineSettings

    for name, value in (("models", models), ("vram", vram)):
        if value and address.engine != "diffusers":
            reason = (
                f"means nothing to {address.url}: it is for the engine that draws with this computer's GPU"
            )
            raise WrongValueError(name, str(value), reason)
    if address.program is not None:
        return EngineSettings(
            address=address.program,
            auth=address.auth or addresses.parse_auth(auth),
            headers=addresses.parse_headers(headers),
            verify=addresses.verification(verify),
        )
    if address.engine != "diffusers":
        return EngineSettings()
    folder = address.models or models
    limit = vram or os.environ.get(VRAM_VARIABLE)
    return EngineSettings(
        models=Path(folder).expanduser() if folder else None,
        vram_bytes=byte_count(limit, name="vram") if limit else None,
    )


def transport_of(
    address: Address,
    *,
    auth: tuple[str, str] | str | None,
    headers: Mapping[str, str] | None,
    verify: str | bool,
) -> ApiTransport | None:
    """Return the way to an address in this process; None where it is reached by HTTP.

    Raises:
        SettingError: If what is set cannot be used.
    """
    if address.engine is None:
        return None
    from prodgen.engines import embedded_transport, shared_transport

    if address.is_embedded:
        return embedded_transport()
    settings = engine_settings(address, auth=auth, headers=headers, verify=verify)
    return shared_transport(address.engine, settings)
