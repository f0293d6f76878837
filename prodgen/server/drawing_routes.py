"""/txt2img and /img2img: a request's fields become a call, a finished call the answer.

The order in which things are checked is the real server's, because it decides which of several
faults a client sees, and whether its task stays in the queue for ever.
"""

from __future__ import annotations

import logging
import secrets
import string
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from prodgen.schema.prompts import NetworkTag, network_tags
from prodgen.schema.workflow_graphs import WORKFLOW_SCRIPT
from prodgen.server import inpainting, listings, sampling, strictness
from prodgen.server.drawing_answer import answer_of, encoded_as_now, finished, save
from prodgen.server.engine import EngineInventory, ModelFile
from prodgen.server.fields import IMG2IMG, TXT2IMG, Fields, read_fields
from prodgen.server.finer_reading import hires_with_words, read_finer
from prodgen.server.finer_settings import NOTHING_FINER
from prodgen.server.infotext import FinishedCall, fill_from_infotext
from prodgen.server.listings import SAMPLERS, resolve_sampler
from prodgen.server.queueing import CallerLeft, Served
from prodgen.server.sampling import CallResults, DrawingCall
from prodgen.server.shared_batches import WaitingCall, check_words, words_and_seeds
from prodgen.server.state import Machine
from prodgen.server.wire import (
    MAX_REQUEST_PX,
    Crashed,
    HttpAnswer,
    Refused,
    UploadedPicture,
    check_picture,
    read_pictures,
    too_many_pixels,
)
from prodgen.server.workflow_script import read_workflow

_log = logging.getLogger(__name__)

MAX_PICTURES = 800
"""Pictures of one call: the most that the user interface of A1111 can ask for, 100 batches of 8."""

_LETTERS = string.ascii_uppercase + string.digits


def txt2img(machine: Machine, body: dict[str, Any], left: threading.Event) -> HttpAnswer:
    """Answer POST /sdapi/v1/txt2img.

    Raises:
        Invalid, Refused, Crashed: As the real server does.
    """
    fields = read_fields(TXT2IMG, fill_from_infotext(body))
    arguments = _script_arguments(machine, fields, is_img2img=False)
    _check_sampler(machine, fields)

    def asked(task: str, begins: Callable[[], None]) -> _Asked:
        begins()
        return _Asked("txt2img", task, fields, arguments)

    return _drawn(machine, "txt2img", fields, left, asked, shown=fields)


def img2img(machine: Machine, body: dict[str, Any], left: threading.Event) -> HttpAnswer:
    """Answer POST /sdapi/v1/img2img.

    Raises:
        Invalid, Refused, Crashed: As the real server does.
    """
    fields = read_fields(IMG2IMG, fill_from_infotext(body))
    if fields["init_images"] is None:
        raise Refused(404, "Init image not found")
    if fields["mask"]:
        check_picture(fields["mask"])
    arguments = _script_arguments(machine, fields, is_img2img=True)
    _check_sampler(machine, fields)

    def asked(task: str, begins: Callable[[], None]) -> _Asked:
        # Before the task begins: a bad init image leaves it pending for ever.
        count = len(fields["init_images"])
        pictures = read_pictures([*fields["init_images"], *([fields["mask"]] if fields["mask"] else ())])
        begins()
        if fields["mask"] == "":
            raise Crashed("AttributeError", "'str' object has no attribute 'mode'")
        if fields["latent_mask"] is not None:
            raise Crashed("AttributeError", "'str' object has no attribute 'convert'")
        mask = _repainted(pictures[count], fields) if fields["mask"] else None
        return _Asked("img2img", task, fields, arguments, pictures[:count], mask)

    hidden = {} if fields["include_init_images"] else {"init_images": None, "mask": None}
    return _drawn(machine, "img2img", fields, left, asked, shown={**fields, **hidden})


def _drawn(
    machine: Machine,
    route: str,
    fields: Fields,
    left: threading.Event,
    asked: Callable[[str, Callable[[], None]], _Asked],
    *,
    shown: Fields,
) -> HttpAnswer:
    """Wait for one's turn, draw, and return the answer.

    It is encoded while the next call draws, but one drawing at a time: pictures of two drawings at most are
    in memory, and of the one that is encoded only the results. Calls that were drawn together, which are few
    pictures, are encoded side by side, so that their callers can ask again in time to be drawn together.

    Args:
        machine: The server's.
        route: "txt2img" or "img2img".
        fields: The request's.
        left: Set once the caller has hung up.
        asked: Decodes the request's pictures for a task when the turn has come, and says when it begins.
        shown: The fields as the answer repeats them.
    """
    name = "".join(secrets.choice(_LETTERS) for _ in range(7))
    task = fields["force_task_id"] or f"task({route}-{name})"
    one = WaitingCall(
        route,
        task,
        fields,
        read=lambda begins: _checked(machine, asked(task, begins)),
        beside=lambda call: replace(call, task=task, fields=fields, **words_and_seeds(fields)),
    )
    with ExitStack() as encoding:
        with machine.gathering.waits(one):
            try:
                with _queued(machine, task, left, one.served):
                    done = _draw(machine, one)
                    encoding.enter_context(machine.encoding.held())
            except Served:
                assert one.done is not None  # noqa: S101 - it is set before `served`
                done = one.done
        return answer_of(machine, done, shown)


def _repainted(mask: UploadedPicture, fields: Fields) -> inpainting.Mask:
    """Return the mask as it is meant: white is repainted."""
    found = inpainting.mask_of(mask, rounded=fields["mask_round"] is not False)
    return 255 - found if fields["inpainting_mask_invert"] else found


def _script_arguments(machine: Machine, fields: Fields, *, is_img2img: bool) -> dict[str, object]:
    """Return the arguments of the scripts that draw; fail for scripts that are not here."""
    if fields["script_name"]:
        raise Refused(422, f"Script '{fields['script_name']}' not found")
    known = set(listings.script_titles(machine, is_img2img=is_img2img))
    arguments: dict[str, object] = {}
    for title, value in fields["alwayson_scripts"].items():
        if is_img2img and title.lower() == WORKFLOW_SCRIPT and machine.inventory.runs_workflows:
            raise Refused(422, f"{title} is of txt2img: give init_images and a mask as its pictures")
        if title.lower() not in known:
            raise Refused(422, f"Script '{title}' not found")
        if value is None or isinstance(value, (int, float)):
            raise Crashed("TypeError", f"argument of type {type(value).__name__!r} is not iterable")
        given = value["args"] if isinstance(value, Mapping) and "args" in value else ()
        if not isinstance(given, (list, tuple, str, Mapping)):
            raise Crashed("TypeError", f"object of type {type(given).__name__!r} has no len()")
        if machine.is_strict:
            strictness.check_script(title, given)
        if given != ():  # a list in place of the dict is ignored silently
            arguments[title.lower()] = given
    return arguments


def _check_sampler(machine: Machine, fields: Fields) -> None:
    if machine.is_strict:
        strictness.check_sampler(fields, machine)
        strictness.check_overrides(fields["override_settings"] or {}, machine.options)
    if (
        machine.behaviour.release == "1.9"
        and (fields["sampler_name"] or fields["sampler_index"]) not in SAMPLERS
    ):
        raise Refused(404, "Sampler not found")


def _sampler(machine: Machine, fields: Fields) -> tuple[str, str | None]:
    """Return the names of what runs; 1.9 shows an unknown schedule as it was sent, and none if none was."""
    sampler, schedule = resolve_sampler(
        fields["sampler_name"],
        fields["sampler_index"],
        fields["scheduler"],
        drawn_with=machine.inventory.samplers,
    )
    return sampler, fields["scheduler"] if machine.behaviour.release == "1.9" else schedule


@contextmanager
def _queued(machine: Machine, task: str, left: threading.Event, served: threading.Event) -> Iterator[None]:
    """Wait for a task's turn; inside, the global lock is held.

    A call whose caller has hung up before its turn leaves the queue; one that runs goes on to its end.
    """
    machine.tasks.add(task)
    try:
        with machine.lock.held(left, served):
            try:
                yield
                machine.tasks.finish(task)  # not where it failed: then it stays "active"
            finally:
                machine.state.end()
    except CallerLeft:
        machine.tasks.drop(task)
        raise


def _begin(machine: Machine, route: str, task: str) -> None:
    machine.state.begin(f"scripts_{route}")
    machine.tasks.start(task)


@dataclass(frozen=True)
class _Asked:
    """What a request asks for, with its pictures decoded."""

    route: str
    task: str
    fields: Fields
    arguments: Mapping[str, object]
    """Those of the scripts that draw (IC-Light, ControlNet, a workflow), by their names in lower case."""

    inits: Sequence[UploadedPicture] = ()
    mask: inpainting.Mask | None = None


def _draw(machine: Machine, one: WaitingCall) -> FinishedCall:
    """Check a call and draw it, with those that wait and agree with it, under its options."""
    fields, batches = one.fields, machine.inventory.batches_requests
    if batches:
        machine.gathering.wait(one)
    restore = fields["override_settings_restore_afterwards"] is not False
    with machine.options.overridden(fields["override_settings"], restore=restore):
        call = _with_model_loaded(machine, one.read(lambda: _begin(machine, one.route, one.task)))
        others = _companions(machine, one, call) if batches else []
        done = _drawn_together(machine, call, others) if others else None
        if done is None and others:
            machine.gathering.was_too_much([other for other, _ in others], fields["batch_size"])
            _begin(machine, one.route, one.task)
            others = []
        if done is None:
            done = _finished(machine, call, sampling.run(machine, [call])[0])
        if batches:
            machine.gathering.drawn(one, len(others), time.monotonic() - machine.state.started)
    # As on A1111 an answer is encoded as the server's options say once the call's own are taken back.
    done = encoded_as_now(machine, done)
    for other, _ in others:
        other.done = other.done and encoded_as_now(machine, other.done)
        other.served.set()
    machine.lock.recheck()
    return done


def _companions(
    machine: Machine, one: WaitingCall, call: DrawingCall
) -> list[tuple[WaitingCall, DrawingCall]]:
    """Begin those that are drawn with a call: none where it was interrupted, which is not meant for them."""
    others = machine.gathering.companions(one, call)
    have_begun = machine.tasks.start_beside(other.task for other, _ in others)
    if have_begun and not machine.state.stop.is_set():
        return others
    machine.tasks.finish_beside(are_done=False)
    machine.gathering.put_back([other for other, _ in others])
    return []


def _drawn_together(
    machine: Machine, call: DrawingCall, others: Sequence[tuple[WaitingCall, DrawingCall]]
) -> FinishedCall | None:
    """Draw a call with others that were begun, and note what comes of those; None where it fails."""
    are_done = False
    try:
        results = sampling.run(machine, [call, *(its for _, its in others)])
        done = _finished(machine, call, results[0])
        for (other, its), found in zip(others, results[1:], strict=True):
            other.done = _finished(machine, its, found)
        are_done = True
    except Exception as error:  # noqa: BLE001 - each is then drawn by itself, and fails with its own reason
        _log.info("%s in a batch of several calls: %s", type(error).__name__, error)
        return None
    finally:
        machine.tasks.finish_beside(are_done=are_done)
    return done


def _finished(machine: Machine, call: DrawingCall, results: CallResults) -> FinishedCall:
    """Return a call with its pictures, saved where that is asked for."""
    done = finished(machine, call, results)
    if call.fields["save_images"]:
        save(machine, done)
    return replace(done, call=replace(call, inits=(), mask=None))


def _with_model_loaded(machine: Machine, call: DrawingCall) -> DrawingCall:
    """Load the call's checkpoint, and return the call as IC-Light survives that."""
    if not machine.behaviour.no_hashing:
        call.checkpoint.sha256  # noqa: B018 - from now on it is known, as on A1111: titles have it
    is_swap = call.checkpoint != machine.loaded
    machine.loaded = call.checkpoint
    if not is_swap or not machine.behaviour.loses_relight_in_swap or machine.bridge_checks:
        return call
    return replace(call, unit=replace(call.unit, relights=False))


def _checked(machine: Machine, asked: _Asked) -> DrawingCall:
    """Return the call with its names resolved; the checks are in the real server's order."""
    fields, inventory = asked.fields, machine.inventory
    check_words(fields)
    _check_inits(asked)
    sampling.check_numbers(fields)
    _check_refiner(machine, fields)
    clip_skip = _clip_skip(machine)
    size = sampling.floored(fields)
    hires = sampling.hires_pass(fields, inventory.upscalers)
    _check_amount(asked, size if hires is None else (hires.width, hires.height))
    own = words_and_seeds(fields)
    light = asked.arguments.get("ic light")
    unit = machine.ic_light.read(light, asked.inits[0] if asked.inits else None)
    if machine.behaviour.release == "1.9":  # lacks the hook that IC-Light uses
        unit = replace(unit, relights=False, shows_subject=False)
    sampler, schedule = _sampler(machine, fields)
    finer = NOTHING_FINER
    if machine.is_strict:
        units = asked.arguments.get(listings.CONTROL_NET)
        finer = read_finer(machine, fields, units, asked.inits, sampler=sampler, size=size)
        hires = hires and hires_with_words(machine, fields, hires)
    return DrawingCall(
        route=asked.route,
        task=asked.task,
        fields=fields,
        loras=() if fields["disable_extra_networks"] else _loras(inventory, network_tags(own["prompt"])),
        size=size,
        hires=hires,
        sampler=sampler,
        schedule=schedule,
        clip_skip=clip_skip,
        checkpoint=machine.options.checkpoint,
        vae=next((vae for vae in inventory.vaes if vae.name == machine.options["sd_vae"]), None),
        unit=unit,
        finer=finer,
        workflow=read_workflow(asked.arguments.get(WORKFLOW_SCRIPT), count=len(own["seeds"])),
        inits=asked.inits,
        mask=asked.mask,
        **own,
    )


def _loras(inventory: EngineInventory, tags: Sequence[NetworkTag]) -> tuple[tuple[ModelFile, float], ...]:
    """Return the LoRAs that the tags name, each with its weight; what is unknown or unreadable vanishes."""
    known = {model.name: model for model in inventory.loras}
    return tuple(
        (known[tag.name], tag.unet_weight)
        for tag in tags
        if tag.is_lora and tag.name in known and tag.unet_weight is not None
    )


def _check_amount(asked: _Asked, size: tuple[int, int]) -> None:
    """Refuse a call whose pictures, all of them kept until the answer, are too much for this computer."""
    count = asked.fields["batch_size"] * asked.fields["n_iter"]
    area_px = size[0] * size[1]
    if asked.mask is not None:  # "only masked" gives pictures of the init image's size
        area_px = max(area_px, *(init.size[0] * init.size[1] for init in asked.inits))
    if count > MAX_PICTURES:
        raise Refused(413, f"a call draws at most {MAX_PICTURES} pictures; ask for fewer at once")
    if count * area_px > MAX_REQUEST_PX:
        raise too_many_pixels()


def _check_inits(asked: _Asked) -> None:
    if asked.route != "img2img":
        return
    if not asked.inits:
        text = "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [0]"
        raise Crashed("RuntimeError", text)
    batch = asked.fields["batch_size"] or 1
    if len(asked.inits) > batch:
        text = f"bad number of images passed: {len(asked.inits)}; expecting {batch} or less"
        raise Crashed("RuntimeError", text)


def _check_refiner(machine: Machine, fields: Fields) -> None:
    name = fields["refiner_checkpoint"]
    if name and name != "None" and machine.options.find_checkpoint(name) is None:
        raise Crashed("Exception", f"Could not find checkpoint with name {name}")


def _clip_skip(machine: Machine) -> int:
    value = machine.options["CLIP_stop_at_last_layers"]
    if not isinstance(value, (int, float)):
        raise Crashed("TypeError", f"bad operand type for unary -: {type(value).__name__!r}")
    return int(value)
