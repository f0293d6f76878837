"""What a server has: its lists, read tolerantly, and put together as `Capabilities`.

Asks once; knows nothing of requests.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from prodgen.client.knowledge import strangers
from prodgen.client.knowledge.checkpoint_files import family_of_file
from prodgen.client.reaching.connection import Connection
from prodgen.client.reaching.decoding import as_object
from prodgen.connections.deadlines import Deadline
from prodgen.dialects import A1111, ROUTES, by_routes, embedded
from prodgen.dialects.ic_light import TITLE, models_of, spelling_of
from prodgen.dialects.own_engines import engine_behind
from prodgen.errors import (
    AnswerError,
    BackendAuthError,
    BackendError,
    BackendFaultError,
    BackendTimeoutError,
    NotABackendError,
)
from prodgen.schema import (
    Capabilities,
    Checkpoint,
    LoraFile,
    Sampler,
    Scheduler,
    ScriptArgument,
    ScriptInfo,
    Upscaler,
)
from prodgen.schema.model_families import family_by_config

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_SLOW_LISTS = 2
"""Lists that may take too long before the server as a whole counts as hanging.

Chosen: a folder of thousands of LoRAs is one slow list, with embeddings two; one that hangs fails at all.
"""

LONGEST_LIST_S = 120.0
"""Seconds for each list but the first, whose answer shows that the server is not out of threads.

Chosen: 300 MB over 100 Mbit/s take 24 s, and A1111 gathers such a list no faster.
"""

UNREADABLE = (BackendAuthError, BackendFaultError, BackendTimeoutError, AnswerError)
"""Errors that cost one list while the server works: a proxy may refuse all routes but some, for example."""

OBJECTS = ("options", "embeddings", "progress")
"""What is asked together with the lists and is an object: names and what stands under them."""

LONGEST_METADATA = 200
"""Characters of a value in a LoRA's metadata that is kept; what is longer or nested is of use to trainers."""


def without_metadata(entry: Any) -> Any:
    """Return an entry of a list without what a LoRA's file says of its training, up to a megabyte each."""
    return {key: entry[key] for key in entry if key != "metadata"} if isinstance(entry, dict) else entry


def with_short_metadata(entry: Any) -> Any:
    """Return an entry of a list with those parts of its metadata that are short."""
    if not isinstance(entry, dict):
        return entry
    metadata = as_object(entry.get("metadata")).items()
    is_short = (str, int, float, bool, type(None))
    short = {key: x for key, x in metadata if isinstance(x, is_short) and len(str(x)) <= LONGEST_METADATA}
    return {**entry, "metadata": short}


def _items(answer: Any, read: Callable[[Mapping[str, Any]], T]) -> tuple[T, ...]:
    """Read a list of objects; what is no object, or lacks its name, is left out."""
    if not isinstance(answer, list):
        return ()
    found: list[T] = []
    for item in answer:
        if isinstance(item, dict):
            try:
                found.append(read(item))
            except (KeyError, TypeError, ValueError):
                log.warning("an entry of the server's list is left out: %.200r", item)
    return tuple(found)


def _name(entry: Mapping[str, Any], *keys: str) -> str:
    """Return the name of an entry, under the first of the keys that holds one; unset: under "name".

    Raises:
        ValueError: If it has none; null is no name.
    """
    for key in keys or ("name",):
        name = entry.get(key)
        if isinstance(name, str | int | float) and name != "":
            return str(name)
    raise ValueError("no name")


def _text(value: object) -> str | None:
    return str(value) if value else None


def _texts(value: object) -> tuple[str, ...]:
    """Return other names of an entry: a list of texts, or one text alone."""
    listed = value if isinstance(value, list) else [value]
    return tuple(x for x in listed if isinstance(x, str) and x)


def samplers(answer: Any) -> tuple[Sampler, ...]:
    """Read /samplers."""
    return _items(
        answer,
        lambda x: Sampler(_name(x), _texts(x.get("aliases")), as_object(x.get("options"))),
    )


def schedulers(answer: Any) -> tuple[Scheduler, ...]:
    """Read /schedulers."""
    return _items(
        answer,
        lambda x: Scheduler(_name(x), _name(x, "label", "name"), _texts(x.get("aliases"))),
    )


def upscalers(answer: Any) -> tuple[Upscaler, ...]:
    """Read /upscalers."""
    return _items(answer, lambda x: Upscaler(_name(x), x.get("model_name"), x.get("scale")))


def checkpoints(answer: Any, *, is_local: bool) -> tuple[Checkpoint, ...]:
    """Read /sd-models.

    Args:
        answer: What the server said.
        is_local: Whether its files may lie on this machine, where they can be looked into.
    """

    def read(x: Mapping[str, Any]) -> Checkpoint:
        file = _text(x.get("filename"))
        family = family_of_file(file) if is_local else ""
        return Checkpoint(
            _name(x, "title", "model_name"),
            _name(x, "model_name", "title"),
            _text(x.get("hash")),
            _text(x.get("sha256")),
            file,
            family or family_by_config(_text(x.get("config")) or ""),
        )

    return _items(answer, read)


def loras(answer: Any) -> tuple[LoraFile, ...]:
    """Read /loras."""
    return _items(
        answer,
        lambda x: LoraFile(
            _name(x), _text(x.get("alias")), _text(x.get("path")), as_object(x.get("metadata"))
        ),
    )


def scripts(answer: Any) -> tuple[ScriptInfo, ...]:
    """Read /script-info."""

    def argument(x: Mapping[str, Any]) -> ScriptArgument:
        choices = x.get("choices")
        return ScriptArgument(
            str(x.get("label") or ""),
            x.get("value"),
            x.get("minimum"),
            x.get("maximum"),
            x.get("step"),
            tuple(choices) if isinstance(choices, list) else None,
        )

    return _items(
        answer,
        lambda x: ScriptInfo(
            _name(x),
            bool(x.get("is_alwayson")),
            bool(x.get("is_img2img")),
            _items(x.get("args"), argument),
        ),
    )


def embeddings(answer: Any) -> tuple[str, ...]:
    """Read the names of the loaded ones in /embeddings."""
    return tuple(as_object(as_object(answer).get("loaded")))


def names(answer: Any, *keys: str) -> tuple[str, ...]:
    """Read a list of objects of which only the name matters."""
    return _items(answer, lambda x: _name(x, *keys))


def require_samplers(answer: Any, url: str) -> None:
    """Refuse a server that names no sampler: one that answers anything with JSON would pass for a backend.

    Raises:
        NotABackendError: If there is none in its answer.
    """
    if not samplers(answer):
        raise NotABackendError(url, "what answers there is not an AUTOMATIC1111 server, it names no sampler")


def ask(connection: Connection, dialect: A1111 | None) -> tuple[Capabilities, A1111]:
    """Ask a server for everything it has, within the connection's time in all.

    Args:
        connection: To the server.
        dialect: The one chosen by hand; None to find out from which lists there are.

    Raises:
        NotABackendError: If it names no sampler.
        BackendError: If it cannot be reached, or refuses access to its samplers.
    """
    deadline = Deadline(connection.timeout_s)
    try:
        answers: dict[str, Any] = {"samplers": connection.get(ROUTES["samplers"])}
        require_samplers(answers["samplers"], connection.url)
    except BackendError as error:
        named = strangers.named(connection, error)
        if named is error:
            raise  # from itself it would have a chain of causes without an end
        raise named from error
    unread: dict[str, str] = {}
    slow = 0
    for name, path in ROUTES.items():
        if name == "samplers" or (dialect and name in dialect.missing_routes):
            continue
        try:
            answer = connection.get_list(path, without_metadata, timeout_s=_share_s(deadline))
        except NotABackendError:
            continue  # this kind of server has no such list
        except UNREADABLE as error:
            if isinstance(error, BackendAuthError) and name in A1111.missing_routes:
                continue  # a proxy refuses what the server lacks as well: this would make it another kind
            slow += isinstance(error, BackendTimeoutError)
            if slow > MOST_SLOW_LISTS:
                raise
            unread[name] = error.reason
            log.warning("%s cannot be read and is left out: %s", path, error.reason)
        else:
            # Some servers write null for a list with nothing in it.
            if answer is None or isinstance(answer, dict if name in OBJECTS else list):
                answers[name] = answer
            else:
                unread[name] = "its answer has another form"
    dialect = dialect or by_routes({**answers, **unread})
    known = checkpoints(answers.get("checkpoints"), is_local=connection.address.is_local)
    has_page = _has_page(connection, _share_s(deadline))
    have = _together(answers, dialect, known, has_task_progress=has_page)
    if type(dialect) is A1111 and (have.checkpoint or "").startswith(embedded.CHECKPOINT):
        dialect = embedded.Embedded()
    elif type(dialect) is A1111 and (engine := engine_behind(have, connection.address.models)):
        dialect = engine
    return replace(have, dialect=dialect.name, unread=unread), dialect


def _share_s(deadline: Deadline) -> float:
    """Return the seconds for one of several questions, of which none may take all the time of the others."""
    return min(LONGEST_LIST_S, deadline.left_s / 2)


def _has_page(connection: Connection, within_s: float) -> bool:
    try:
        connection.get("/internal/ping", timeout_s=within_s)
    except (NotABackendError, *UNREADABLE):
        return False
    return True


def _together(
    answers: Mapping[str, Any],
    dialect: A1111,
    known_checkpoints: tuple[Checkpoint, ...],
    *,
    has_task_progress: bool,
) -> Capabilities:
    options = as_object(answers.get("options"))
    known_scripts = scripts(answers.get("scripts"))
    light = next((x for x in known_scripts if x.name.lower() == TITLE.lower() and not x.is_img2img), None)
    files = loras(answers.get("loras"))
    vaes = answers.get("modules") if "modules" in answers else answers.get("vaes")
    checkpoint = options.get(dialect.checkpoint_option)
    return Capabilities(
        dialect=dialect.name,
        samplers=tuple(x.name for x in samplers(answers.get("samplers"))),
        sampler_aliases={y: x.name for x in samplers(answers.get("samplers")) for y in x.aliases},
        schedulers=tuple(x.label for x in schedulers(answers.get("schedulers"))),
        upscalers=tuple(x.name for x in upscalers(answers.get("upscalers"))),
        latent_upscale_modes=names(answers.get("latent_upscale_modes")),
        loras=tuple(x.name for x in files),
        lora_aliases=tuple(x.alias for x in files if x.alias and x.alias != x.name),
        lora_files=files,
        checkpoints=known_checkpoints,
        vaes=names(vaes, "model_name"),
        embeddings=embeddings(answers.get("embeddings")),
        styles=names(answers.get("styles")),
        scripts=known_scripts,
        ic_light=spelling_of(light),
        ic_light_models=models_of(light),
        controlnet=any(x.name.lower() == "controlnet" for x in known_scripts),
        checkpoint=str(checkpoint) if checkpoint else next((x.title for x in known_checkpoints), None),
        has_task_progress=has_task_progress,
        tells_lora_hashes=options.get("lora_add_hashes_to_infotext") is not False,
        answered=frozenset(answers),
    )
