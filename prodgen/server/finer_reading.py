"""Reads from a request what it asks for beside words, seeds and sizes, as an engine with a model can do it.

The engine without one draws without all of it, as it always did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from prodgen.schema.prompts import network_tags, without_tags
from prodgen.server import control_net, strictness
from prodgen.server.engine import HiresPass
from prodgen.server.fields import without_comments
from prodgen.server.finer_settings import FinerSettings
from prodgen.server.listings import SCHEDULERS, resolve_sampler
from prodgen.server.options_store import NO_MAPS_OPTION
from prodgen.server.state import Machine
from prodgen.server.wire import UploadedPicture

_WITH_ETA_DDIM = ("DDIM", "DDIM CFG++", "PLMS", "UniPC")
"""Samplers whose noise is set by the option eta_ddim; that of the others by eta_ancestral."""

_AS_BEFORE = ("Use same sampler", "Use same scheduler", "", None)


def read_finer(
    machine: Machine,
    fields: Mapping[str, Any],
    units: object,
    inits: Sequence[UploadedPicture],
    *,
    sampler: str,
    size: tuple[int, int],
) -> FinerSettings:
    """Return the finer settings of a call.

    Args:
        machine: The server's, with the call's options.
        fields: The request's.
        units: ControlNet's "args".
        inits: The init images of an img2img call.
        sampler: Name of what runs.
        size: Width and height of the first pass.

    Raises:
        Refused: For what cannot be done.
    """
    options = machine.options
    strictness.check_settings(machine, fields, network_tags(without_comments(fields["prompt"])))
    eta_option = "eta_ddim" if sampler in _WITH_ETA_DDIM else "eta_ancestral"
    eta = fields["eta"] if fields["eta"] is not None else options[eta_option]
    noise = fields.get("initial_noise_multiplier")
    resize = (fields["seed_resize_from_w"] or 0, fields["seed_resize_from_h"] or 0)
    refiner = options.find_checkpoint(fields["refiner_checkpoint"] or "")
    return FinerSettings(
        controls=control_net.read_units(
            units, inits, machine.inventory, size, shows_maps=not options[NO_MAPS_OPTION]
        ),
        restore_faces=strictness.face_restorer(machine, fields),
        tiling=bool(options["tiling"] if fields["tiling"] is None else fields["tiling"]),
        eta=None if eta == options.defaults[eta_option] else float(eta),
        eta_entry="Eta DDIM" if sampler in _WITH_ETA_DDIM else "Eta",
        eta_noise_seed_delta=int(options["eta_noise_seed_delta"] or 0),
        initial_noise_multiplier=float(options["initial_noise_multiplier"] if noise is None else noise),
        seed_resize=resize if min(resize) > 0 else None,
        refiner=refiner if fields["refiner_switch_at"] else None,
        refiner_switch_at=float(fields["refiner_switch_at"] or 1.0),
    )


def hires_with_words(machine: Machine, fields: Mapping[str, Any], hires: HiresPass) -> HiresPass:
    """Return the second pass with words, sampler and schedule of its own, where it has any.

    Raises:
        Refused: For a sampler or schedule that is not there.
    """
    sampler = None if fields["hr_sampler_name"] in _AS_BEFORE else fields["hr_sampler_name"]
    schedule = None if fields["hr_scheduler"] in _AS_BEFORE else fields["hr_scheduler"]
    named = {"sampler_name": sampler, "sampler_index": "Euler", "scheduler": schedule}
    strictness.check_sampler(named, machine)
    label = None
    if sampler is not None:  # A1111 keeps a schedule that was asked for, and else takes the sampler's own
        sampler, label = resolve_sampler(
            sampler, sampler, schedule or fields["scheduler"], drawn_with=machine.inventory.samplers
        )
    elif schedule is not None:
        label = next(name for name, (low, _, _) in SCHEDULERS.items() if schedule in (name, low))
    return replace(
        hires,
        prompt=_words(fields["hr_prompt"]),
        negative_prompt=_words(fields["hr_negative_prompt"]),
        sampler=sampler,
        schedule=label,
    )


def _words(prompt: str | None) -> str | None:
    """Return the words of a prompt without its comments and tags; None where there are none."""
    bare = without_comments(prompt or "")
    return without_tags(bare, network_tags(bare)).strip() or None
