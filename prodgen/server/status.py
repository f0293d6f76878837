"""Routes that draw nothing: lists, options, progress, interrupt, refresh, memory, saved files.

They answer at once, whatever renders; only the refreshing ones wait for the global lock.
"""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Mapping
from typing import Any

from prodgen.server import listings
from prodgen.server.fields import TASK_PROGRESS, read_fields, read_query_bool
from prodgen.server.options_store import command_line_flags
from prodgen.server.queueing import progress_answer, task_progress_answer
from prodgen.server.state import Machine
from prodgen.server.wire import HttpAnswer, answer, encode_png, to_base64

PREVIEW_AFTER_STEPS = 10
"""The option show_progress_every_n_steps: no preview before so many steps. An engine with a model decides
itself when it has one to show: some draw whole pictures in one to eight steps."""


def options(machine: Machine) -> dict[str, Any]:
    """Return all options."""
    return machine.options.shown()


def post_options(machine: Machine, body: dict[str, Any]) -> HttpAnswer:
    """Store options; a change of checkpoint waits for the running generation."""
    if "sd_model_checkpoint" in body:
        with machine.lock.held():
            before = machine.options.checkpoint
            machine.options.post(body)
            if machine.options.checkpoint != before:  # the same again loads nothing
                machine.loaded = machine.options.checkpoint
    else:
        machine.options.post(body)
    return answer(None)


def progress(machine: Machine, query: Mapping[str, str]) -> HttpAnswer:
    """Return how far whatever runs is; without a caller's name."""
    skips_picture = read_query_bool(query, "skip_current_image", default=False)
    return answer(progress_answer(machine.state, None if skips_picture else _preview(machine)))


def task_progress(machine: Machine, body: dict[str, Any]) -> HttpAnswer:
    """Return how far one task is."""

    def preview() -> str | None:
        encoded = _preview(machine)
        return None if encoded is None else f"data:image/png;base64,{encoded}"

    asked = read_fields(TASK_PROGRESS, body)
    return answer(task_progress_answer(machine.state, machine.tasks, asked, preview))


def _preview(machine: Machine) -> str | None:
    state = machine.state
    pixels = state.preview
    is_early = machine.inventory.imitates_flaws and state.sampling_step < PREVIEW_AFTER_STEPS
    if pixels is None or is_early:
        return None
    return to_base64(encode_png(pixels)).decode()


def interrupt(machine: Machine, task: object) -> dict[str, Any]:
    """Stop what runs, whoever's it is; a named task is taken out alone, where others share its run."""
    if not isinstance(task, str) or not machine.tasks.goes_on_without(task):
        machine.state.ask_to_stop(skip=False)
    return {}


def _skip(machine: Machine) -> None:
    machine.state.ask_to_stop(skip=True)


def _unload(machine: Machine) -> dict[str, Any]:
    with machine.lock.held():
        machine.engine.unload()
    return {}


def _refresh(machine: Machine) -> None:
    with machine.lock.held():
        machine.refresh()


def _memory(machine: Machine) -> dict[str, Any]:
    total, free = _ram()
    ram = {"free": free, "used": int(total - free), "total": total}
    there = machine.engine.memory()
    if there is None:
        return {"ram": ram, "cuda": {"error": "unavailable"}}
    system = {"free": there.free, "used": there.total - there.free, "total": there.total}
    return {"ram": ram, "cuda": {"system": system}}


def _ram() -> tuple[float, float]:
    """Return bytes of memory in all, and free; zeros where the system does not say."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return float(page * os.sysconf("SC_PHYS_PAGES")), float(page * os.sysconf("SC_AVPHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return 0.0, 0.0


def _pending(machine: Machine) -> dict[str, Any]:
    tasks = machine.tasks.pending()
    return {"size": len(tasks), "tasks": tasks}


_GRADIO_QUEUE = {
    "msg": "estimation",
    "rank": None,
    "queue_size": 0,
    "avg_event_process_time": 0.0,
    "avg_event_concurrent_process_time": None,
    "rank_eta": None,
    "queue_eta": 1.0,
}
"""Gradio's own queue, which knows nothing of API calls."""

_CONSTANT: dict[str, object] = {
    "/sdapi/v1/hypernetworks": [],
    "/sdapi/v1/realesrgan-models": [],
    "/sdapi/v1/prompt-styles": [],
    "/sdapi/v1/extensions": [],  # only those with a git remote are listed, and nothing here was cloned
    "/internal/ping": {},
    "/queue/status": _GRADIO_QUEUE,
    "/user": None,
    "/token": {"token": None, "user": None},
    "/login_check": None,
    "/startup-events": False,
}
"""Answers of GET routes that are always the same here."""


def _always(value: object) -> Callable[[Machine], object]:
    return lambda machine: value


LISTS: dict[str, Callable[[Machine], object]] = {
    **{path: _always(value) for path, value in _CONSTANT.items()},
    "/sdapi/v1/samplers": lambda machine: listings.samplers(
        machine.behaviour.release, drawn_with=machine.inventory.samplers
    ),
    "/sdapi/v1/schedulers": lambda machine: listings.schedulers(
        machine.behaviour.release, drawn_with=machine.inventory.schedulers
    ),
    "/sdapi/v1/upscalers": lambda machine: listings.upscalers(machine.inventory.upscalers),
    "/sdapi/v1/latent-upscale-modes": lambda machine: listings.latent_modes(machine.inventory.latent_modes),
    "/sdapi/v1/sd-models": lambda machine: listings.checkpoints(
        machine.inventory.checkpoints, listings.ROOTS[machine.is_strict]
    ),
    "/sdapi/v1/sd-vae": lambda machine: listings.vaes(
        machine.inventory.vaes, listings.ROOTS[machine.is_strict]
    ),
    "/sdapi/v1/loras": lambda machine: listings.loras(
        machine.inventory.loras, listings.ROOTS[machine.is_strict]
    ),
    "/sdapi/v1/embeddings": lambda machine: listings.embeddings(machine.inventory.embeddings),
    "/sdapi/v1/face-restorers": lambda machine: listings.face_restorers(machine.inventory.face_restorers),
    "/sdapi/v1/scripts": listings.scripts,
    "/sdapi/v1/script-info": listings.script_info,
    "/sdapi/v1/memory": _memory,
    "/sdapi/v1/cmd-flags": lambda machine: command_line_flags(),
    "/internal/pending-tasks": _pending,
    "/app_id": lambda machine: {"app_id": id(machine)},
}
"""GET routes that take nothing."""

ACTIONS: dict[str, Callable[[Machine], object]] = {
    "/sdapi/v1/skip": _skip,
    "/sdapi/v1/unload-checkpoint": _unload,
    "/sdapi/v1/reload-checkpoint": _always({}),
    "/sdapi/v1/refresh-checkpoints": _refresh,
    "/sdapi/v1/refresh-vae": _refresh,
    "/sdapi/v1/refresh-loras": _always(None),
    "/sdapi/v1/refresh-embeddings": _refresh,
}
"""POST routes that take nothing."""


def saved_file(machine: Machine, path: str) -> HttpAnswer:
    """Return a picture that save_images kept, as Gradio's /file= route does."""
    found = machine.files.get(path.removeprefix("/file="))
    if found is None:
        return answer({"detail": f"File not found: {path.removeprefix('/file=')}."}, 404)
    content_type, data = found
    return HttpAnswer(200, data, content_type)


def front_page(machine: Machine) -> HttpAnswer:
    """Return the page at /: there is no user interface, and it says so."""
    title = "prodgen's engine" if machine.is_strict else "prodgen's embedded backend"
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in machine.inventory.notes)
    text = (
        f"<!DOCTYPE html><html><head><title>prodgen</title></head><body><h1>{title}</h1>"
        f"<p>{html.escape(machine.version)}. It answers the API of AUTOMATIC1111 under /sdapi/v1 and draws"
        f" {html.escape(machine.inventory.description)}. There is no user interface here.</p>{notes}"
        "<p><a href=docs>What it takes and answers</a></p></body></html>"
    )
    return html_page(text)


def html_page(text: str) -> HttpAnswer:
    """Return an answer with a page, which may load nothing, run nothing, and stand in no frame."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    kind = "text/html; charset=utf-8"
    return HttpAnswer(200, text.encode(), kind, {"content-security-policy": policy})
