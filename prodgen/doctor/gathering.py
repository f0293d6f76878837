"""Finding the facts: every question to the server and to this machine, each with a time limit.

Never hangs: questions have short time-outs, and the whole has a deadline that holds even against a
server which sends its answer in drops. Changes nothing; what draws is in `trials`.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from prodgen.client import Service
from prodgen.client.knowledge import lists, options
from prodgen.client.knowledge.server import EMBEDDED_CHECKPOINT
from prodgen.client.reaching import addresses
from prodgen.client.reaching.choosing import Settings, choose
from prodgen.client.reaching.connection import Connection
from prodgen.client.work import tasks
from prodgen.dialects import A1111, ROUTES, by_name, by_version
from prodgen.doctor import trials
from prodgen.doctor.facts import Facts, Here, Trials
from prodgen.errors import (
    BackendError,
    BackendTimeoutError,
    BackendUnreachableError,
    NotABackendError,
    ProdgenError,
)

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

QUICK_S = 10.0
"""For a question that needs no drawing. They are answered in milliseconds, unless all threads wait."""

ASKING_S = 90.0
"""For all such questions together."""

PAGE_PORT, NO_PAGE_PORT = 7860, 7861
"""Where A1111 listens with its page, and with --nowebui."""


@dataclass(frozen=True)
class How:
    """How to examine a set-up."""

    auth: tuple[str, str] | str | None = None
    headers: Mapping[str, str] | None = None
    verify: str | bool = True
    dialect: str | None = None
    transport: httpx.BaseTransport | None = None
    draws: bool = True
    """Whether a few tiny pictures are drawn, without which most faults of IC-Light do not show."""
    timeout_s: float = 180.0
    """For one such picture; the server may load a model first."""
    outputs: Path = Path("outputs")

    def settings(self, timeout_s: float) -> Settings:
        """Return how to connect, with this time-out."""
        return Settings(addresses.parse_auth(self.auth), self.headers, timeout_s, self.transport, self.verify)


def gather(address: str, how: How) -> Facts:
    """Return everything that can be found out about `address` and this machine.

    Args:
        address: As for `Client`; "auto" included.
        how: Time limits, passwords, whether to draw.

    Raises:
        SettingError: If it is no address, or the dialect is unknown.
    """
    here = look_around(how.outputs)
    dialect = by_name(how.dialect) if how.dialect else None
    shown = address if address == "auto" else addresses.parse(address).url
    settings = how.settings(min(QUICK_S, how.timeout_s))
    try:
        connection, notices = within(ASKING_S, shown, lambda: choose(address, settings))
    except BackendError as error:
        return Facts(error.url, here, error=error, hint=_second_look(error.url, None, error))
    where = connection.address
    how = replace(how, auth=where.auth or how.auth)
    if where.is_embedded and how.transport is None:
        from prodgen.server import EmbeddedTransport

        # One server for all connections: each would otherwise have its own.
        connection.close()
        how = replace(how, transport=EmbeddedTransport())
        connection = how.settings(min(QUICK_S, how.timeout_s)).open(where.url)
    with connection:
        try:
            facts = within(ASKING_S, where.url, lambda: _ask(connection, Facts(where.url, here), dialect))
        except ProdgenError as error:
            hint = "" if where.is_embedded else _second_look(where.url, connection, error)
            return Facts(where.url, here, notices=notices, error=error, hint=hint)
    facts = replace(
        facts,
        notices=notices,
        was_looked_for=address == "auto",
        is_embedded=facts.is_embedded or where.is_embedded,
    )
    tried = _try_out(facts, how)
    # As the client does: the routes cannot tell every relative of A1111 from it, the version can.
    named = by_version(tried.version or "") if type(facts.dialect) is A1111 and dialect is None else None
    return replace(facts, trials=tried, dialect=named or facts.dialect)


def within(seconds: float, url: str, work: Callable[[], T]) -> T:
    """Return what `work` returns, or give up on it after so many seconds.

    Raises:
        BackendTimeoutError: If it does not end in time; its thread is left to itself.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread below
            errors.append(error)

    thread = threading.Thread(target=run, name="prodgen-doctor", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise BackendTimeoutError(url, f"it answers, but did not finish within {seconds:.0f} s")
    return results[0]


def _ask(connection: Connection, facts: Facts, dialect: A1111 | None) -> Facts:
    started = time.monotonic()
    told_samplers = connection.get(ROUTES["samplers"], timeout_s=connection.timeout_s, tries=1)
    lists.require_samplers(told_samplers, connection.url)
    took = time.monotonic() - started
    capabilities, dialect = lists.ask(connection, dialect)
    service = Service(connection)
    told, options_error = None, ""
    try:
        told = options.Options(connection).get()
    except BackendError as error:
        options_error = error.reason
    return replace(
        facts,
        answered_in_s=took,
        is_embedded=(capabilities.checkpoint or "").startswith(EMBEDDED_CHECKPOINT),
        dialect=dialect,
        capabilities=capabilities,
        options=told,
        options_error=options_error,
        extensions=_or_none(service.extensions),
        memory=_or_none(service.memory),
        is_idle=_or_none(lambda: tasks.is_idle(connection)),
        clock_ahead_s=_clock_ahead(connection),
    )


def _or_none(question: Callable[[], T]) -> T | None:
    """Return the answer to a question that not every server can be asked."""
    try:
        return question()
    except BackendError:
        return None


def _clock_ahead(connection: Connection) -> float | None:
    """Return by how many seconds the server's clock is ahead, from the Date of any answer."""
    parts = urlsplit(connection.url)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        return None
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    asking = kind(parts.hostname, parts.port, timeout=min(5.0, connection.timeout_s))
    try:
        # An answer without a password is a refusal, but it carries the time as well.
        asking.request("HEAD", f"{parts.path}{ROUTES['samplers']}")
        told = asking.getresponse().getheader("Date")
        now = datetime.now(UTC)
        return (parsedate_to_datetime(told) - now).total_seconds() if told else None
    except (OSError, ssl.SSLError, http.client.HTTPException, ValueError, TypeError):
        return None
    finally:
        asking.close()


def _second_look(url: str, connection: Connection | None, error: ProdgenError) -> str:
    """Return a sentence on what may be the matter with an address where no API answers."""
    parts = urlsplit(url)
    if isinstance(error, BackendUnreachableError) and parts.port == PAGE_PORT and parts.hostname:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((parts.hostname, NO_PAGE_PORT), timeout=1),
        ):
            return (
                f"something listens on port {NO_PAGE_PORT}, where servers started with --nowebui do: "
                f"try {parts.scheme}://{parts.hostname}:{NO_PAGE_PORT}"
            )
    if isinstance(error, NotABackendError) and connection is not None:
        with contextlib.suppress(BackendError):
            page = within(2 * QUICK_S, url, lambda: connection.fetch("/", limit=4 << 20)).lower()
            if b"gradio" in page or b"stable diffusion" in page:
                return "the web UI itself is there, so its API is switched off: start it with --api"
    return ""


def _try_out(facts: Facts, how: How) -> Trials:
    """Draw, if that is wanted and disturbs nobody; what goes wrong is a fact too."""
    if not how.draws:
        return Trials(why_not="nothing was drawn, as asked")
    if facts.is_idle is False:
        return Trials(why_not="the server works for another caller now")
    deadline_s = trials.MOST_PICTURES * how.timeout_s
    try:
        return within(deadline_s, facts.address, lambda: trials.draw(facts, how.settings(how.timeout_s)))
    except ProdgenError as error:
        return Trials(error=error)


def look_around(outputs: Path) -> Here:
    """Return what this machine offers; `outputs` is where pictures will go, if it exists or not."""
    from prodgen import cutout, ocr
    from prodgen.cutout.networks import is_installed

    folder = outputs.absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    problem = ""
    if not existing.is_dir():
        problem = f"{existing} is a file"
    elif not os.access(existing, os.W_OK | os.X_OK):
        problem = f"{existing} may not be written to by this user"
    free = None
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(existing if existing.is_dir() else existing.parent).free
    scenes, errors = _scenes()
    program = ocr.find_program()
    return Here(
        outputs,
        problem,
        free,
        cutout.available(),
        has_rembg=is_installed(),
        ocr=None if program is None else ocr.version(program) or "",
        scenes=scenes,
        scene_errors=errors,
    )


def _scenes() -> tuple[int, tuple[str, ...]]:
    """Return how many panoramas can be read, and a sentence on each that cannot."""
    from importlib import resources

    from prodgen.engines.ibl import panorama

    errors = []
    try:
        folder = resources.files("prodgen.engines.ibl").joinpath("scenes")
        names = sorted(
            item.name.removesuffix(".hdr") for item in folder.iterdir() if item.name.endswith(".hdr")
        )
    except OSError as error:
        return 0, (f"the folder of scenes cannot be read: {error}",)
    for name in names:
        try:
            panorama.load(name)
        except ProdgenError as error:
            errors.append(f"{name}: {error}")
    return len(names) - len(errors), tuple(errors)
