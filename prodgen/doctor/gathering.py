"""Collects the facts about a set-up, with a time limit on every question to the server.

Questions have short time-outs, and all together have a deadline that holds even against a server which sends
its answer byte by byte. Nothing is changed; drawing is in `trials`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from prodgen.client import BACKEND_VARIABLE, Client, engine_settings, is_listening, parse_address
from prodgen.dialects import A1111, by_name, by_version
from prodgen.doctor import trials
from prodgen.doctor.comfy_facts import look_at_comfy
from prodgen.doctor.engine_facts import look_at_engine
from prodgen.doctor.facts import DrawingTrials, LocalFacts, SetupFacts
from prodgen.doctor.listed_things import to_try
from prodgen.errors import (
    BackendError,
    BackendTimeoutError,
    BackendUnreachableError,
    ProdgenError,
)

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

QUICK_S = 10.0
"""Time limit of a question that needs no drawing. Chosen: servers answer it in milliseconds unless busy."""

ASKING_S = 90.0
"""Time limit of all such questions together. Chosen: nine questions of `QUICK_S` each."""

IMITATED = ("sdcpp", "sdnext")
"""Dialects that are recognised by the routes a server lacks, as other programs lack them that imitate it."""

TRYING_S, TRYING_ALL_S = 60.0, 600.0
"""Time limits of trying what is listed: the usual few things, and everything.

Chosen: a ControlNet model of 1.4 GB is read from disk in some ten seconds, a LoRA in one.
"""

PAGE_PORT, NO_PAGE_PORT = 7860, 7861
"""Ports of A1111 with its page and with --nowebui. Source: A1111 1.10.1, modules/cmd_args.py and webui.py."""


@dataclass(frozen=True)
class ExamineOptions:
    """Options of an examination."""

    auth: tuple[str, str] | str | None = None
    headers: Mapping[str, str] | None = None
    verify: str | bool = True
    dialect: str | None = None
    transport: httpx.BaseTransport | None = None
    draws: bool = True
    """Whether a few tiny pictures are drawn, without which most faults of IC-Light do not show."""
    tries_everything: bool = False
    """Whether all that the server lists is tried, in place of what recipes use and one of each kind."""
    timeout_s: float = 180.0
    """Time limit of one such picture; the server may have to load a model first."""
    outputs: Path = Path("outputs")

    def client(self, address: str, timeout_s: float) -> Client:
        """Return a client of the server at `address`, with this time-out.

        Raises:
            SettingError: If it is no address, or the dialect is unknown.
            BackendError: If PRODGEN_BACKEND names something that does not answer as a backend.
        """
        return Client(
            address,
            auth=self.auth,
            headers=self.headers,
            timeout_s=timeout_s,
            transport=self.transport,
            dialect=self.dialect,
            verify=self.verify,
        )


def gather(address: str, how: ExamineOptions) -> SetupFacts:
    """Return all facts about the server at `address` and about this machine.

    Args:
        address: Address of the server, as for `Client`; "auto" included.
        how: Time limits, passwords, whether to draw.

    Raises:
        SettingError: If it is no address, or the dialect is unknown.
    """
    here = look_around(how.outputs)
    if how.dialect:
        by_name(how.dialect)
    written = (os.environ.get(BACKEND_VARIABLE) or address) if address == "auto" else address
    shown = written if written == "auto" else parse_address(written).url
    known = SetupFacts(shown, here)
    if written != "auto" and how.transport is None:
        try:
            known = _of_engine(known, written, how)
        except BackendError as error:
            return replace(known, error=error)
    quick_s = min(QUICK_S, how.timeout_s)
    try:
        client = within(ASKING_S, shown, lambda: how.client(address, quick_s))
    except BackendError as error:
        return replace(known, address=error.url, error=error, hint=_second_look(error.url, error))
    except ProdgenError as error:
        if known.engine is None:
            raise
        return replace(known, error=error)
    with client:
        where = client.address
        try:
            facts = within(ASKING_S, where, lambda: _ask(client, replace(known, address=where)))
        except ProdgenError as error:
            hint = "" if client.is_inside else _second_look(where, error)
            return replace(known, address=where, notices=client.notices, error=error, hint=hint)
        facts = replace(facts, notices=client.notices, was_looked_for=address == "auto")
        tried = _try_out(facts, how, client)
    # The client does so too: the routes cannot tell every relative of A1111 from it, the version can.
    named = by_version(tried.version or "") if type(facts.dialect) is A1111 and not how.dialect else None
    return replace(facts, trials=tried, dialect=named or facts.dialect)


def _of_engine(known: SetupFacts, address: str, how: ExamineOptions) -> SetupFacts:
    """Add what can be known of an engine in this process before anything is asked through the API."""
    where = parse_address(address)
    if where.engine not in ("diffusers", "comfy"):
        return known
    settings = engine_settings(where, auth=how.auth, headers=how.headers, verify=how.verify)
    if where.engine == "diffusers":
        return replace(known, engine=look_at_engine(settings.models))
    return replace(known, comfy=within(ASKING_S, where.url, lambda: look_at_comfy(settings)))


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


def _ask(client: Client, facts: SetupFacts) -> SetupFacts:
    capabilities = client.capabilities  # first: what is no backend is recognised there
    started = time.monotonic()
    client.service.samplers()
    took = time.monotonic() - started
    known, options_error = None, None
    try:
        known = client.options()
    except BackendError as error:
        options_error = error
    return replace(
        facts,
        answered_in_s=took,
        is_embedded=client.is_embedded,
        dialect=client.dialect,
        capabilities=capabilities,
        options=known,
        options_error=options_error,
        program=(_or_none(client.service.program) or "") if client.dialect.name in IMITATED else "",
        extensions=_or_none(client.service.extensions),
        controlnet_models=(_or_none(client.controlnet.models) or ()) if capabilities.controlnet else (),
        memory=_or_none(client.service.memory),
        is_idle=_or_none(client.is_idle),
        clock_ahead_s=_or_none(client.service.clock_ahead_s),
    )


def _or_none(question: Callable[[], T]) -> T | None:
    """Return the answer to a question, or None if this server cannot answer it."""
    try:
        return question()
    except BackendError:
        return None


def _second_look(url: str, error: ProdgenError) -> str:
    """Return a sentence on where the API may be instead of the address that does not answer."""
    parts = urlsplit(url)
    may_be_beside = isinstance(error, BackendUnreachableError) and parts.port == PAGE_PORT
    if may_be_beside and parts.hostname and is_listening(parts.hostname, NO_PAGE_PORT):
        return (
            f"something listens on port {NO_PAGE_PORT}, where servers started with --nowebui do: "
            f"try {parts.scheme}://{parts.hostname}:{NO_PAGE_PORT}"
        )
    return ""


def _try_out(facts: SetupFacts, how: ExamineOptions, client: Client) -> DrawingTrials:
    """Draw, if that is wanted and disturbs nobody; a failure is one of the facts."""
    if not how.draws:
        return DrawingTrials(why_not="nothing was drawn, as asked")
    if facts.is_idle is False:
        return DrawingTrials(why_not="the server works for another caller now")

    trying_s = TRYING_ALL_S if how.tries_everything else TRYING_S

    def draw() -> DrawingTrials:
        # The client guards options against leaks, and the trial is to show whether the server leaks them.
        with client.sibling(timeout_s=how.timeout_s, guards_options=False) as drawing:
            things = to_try(facts.listed, everything=how.tries_everything)
            return trials.draw(drawing, facts.options or {}, things=things, trying_s=trying_s)

    try:
        # What is tried last may begin just before the time is up.
        return within((trials.MOST_PICTURES + 1) * how.timeout_s + trying_s, facts.address, draw)
    except ProdgenError as error:
        return DrawingTrials(error=error)


def look_around(outputs: Path) -> LocalFacts:
    """Return the facts about this machine; `outputs` is the folder for pictures, which need not exist."""
    from prodgen import cutout, ocr

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
    return LocalFacts(
        outputs,
        problem,
        free,
        cutout.available(),
        cutout.segmenter().name,
        better_network=_better_network(),
        ocr=None if program is None else ocr.version(program) or "",
        scenes=scenes,
        scene_errors=errors,
    )


def _better_network() -> str:
    from prodgen.weights.on_this_machine import worth_getting

    network = worth_getting()
    if network is None:
        return ""
    return (
        f"; a larger network: prodgen weights get {network.name}"
        f" ({network.size_in_words}, {network.weights[0].licence})"
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
