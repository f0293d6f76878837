"""What this engine refuses, before anything is loaded: nothing asked for is left out in silence."""

from __future__ import annotations

from prodgen.engines.diffusers.families import families
from prodgen.engines.diffusers.samplers import SAMPLERS
from prodgen.engines.diffusers.sigmas import SCHEDULES
from prodgen.server.engine import BatchOrder
from prodgen.server.wire import Refused

FROM_TWO_STEPS = ("DDIM", "PLMS")
"""Samplers that make no step when asked for a single one."""


def check_order(order: BatchOrder) -> None:
    """Refuse what this engine cannot draw.

    Raises:
        Refused: With 422, or 404 for a name that is not there, and the remedy.
    """
    for sampler in (order.sampler, order.hires.sampler if order.hires else None):
        if sampler is not None and sampler not in SAMPLERS:
            raise Refused(404, f"Sampler not found: {sampler!r}; this engine has {', '.join(SAMPLERS)}")
    for schedule in (order.schedule, order.hires.schedule if order.hires else None):
        if schedule not in (None, "Automatic", *SCHEDULES):
            known = ", ".join(("Automatic", *SCHEDULES))
            raise Refused(404, f"Schedule not found: {schedule!r}; this engine has {known}")
    if order.sampler in FROM_TWO_STEPS and order.steps < 2:
        text = f"{order.sampler} makes a step fewer than it is asked for, as A1111's does: ask for 2 or more"
        raise Refused(422, text)
    _check_refiner(order)


def _check_refiner(order: BatchOrder) -> None:
    refiner, checkpoint = order.finer.refiner, order.checkpoint
    if refiner is None:
        return
    ours, theirs = (families().get(file.family) for file in (checkpoint, refiner))
    if ours is None or theirs is None or ours.base != theirs.base:
        titles = [one.title if one else "of another family" for one in (theirs, ours)]
        text = f"the refiner {refiner.name!r} is {titles[0]} and {checkpoint.name!r} is {titles[1]}"
        raise Refused(422, f"{text}: choose a refiner of the checkpoint's family")
