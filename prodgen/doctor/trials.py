"""Draws a few tiny pictures to see whether IC-Light relights, options leak and listed things work.

At most `MOST_PICTURES` pictures of 64 x 64 pixels in two steps, and those of `tryouts` within their time.
Other callers' work is neither stopped nor overtaken, and every option that was overridden is set back, also
after an error. On a server that can only save its pictures, files prodgen-*.png stay in its output folder.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prodgen.client import Client
from prodgen.doctor.facts import DrawingTrials, RelightTrial
from prodgen.doctor.listed_things import ListedKind
from prodgen.doctor.tryouts import TriedThings, Tryouts, overridden_by
from prodgen.errors import BackendError, ProdgenError, UnsupportedFeatureError
from prodgen.images import RgbImage
from prodgen.schema import Capabilities, Generation, ICLight, Txt2Img

log = logging.getLogger(__name__)

SAME_LEVELS = 0.5
"""Mean difference, in 8-bit levels, below which a relit picture counts as the plain one.

Chosen: a GPU's arithmetic may differ in the last bit, and a relit product differs by tens of levels.
"""

IC_LIGHT = "IC-Light"
"""The name of its feature among the proofs of a drawing."""

PATCHED_KEY = "IC-Light patched"
"""Key under which prodgen's bridge, from 1.1.0 on, names the checkpoint that it saw drawing relit."""

SIDE_PX = 64
STEPS = 2
MOST_PICTURES = 6
"""Most pictures beside those that try what is listed: plain ones, and IC-Light's in its ways to be sent."""

HARMLESS_WORDS: Mapping[str, str] = {
    "grid_text_active_color": "#010101",
    "grid_text_inactive_color": "#989898",
    "grid_background_color": "#fefefe",
    "img2img_sketch_default_brush_color": "#fefefe",
    "img2img_inpaint_mask_brush_color": "#fefefe",
    "img2img_inpaint_sketch_default_brush_color": "#fefefe",
    "extra_networks_add_text_separator": "  ",
    "dataset_filename_join_string": "  ",
    "profiling_filename": "trace-1.json",
    "gallery_height": "1",
}
"""Options of A1111's page that change no picture -> a value to override them with."""

HARMLESS_SWITCHES = (
    "canvas_auto_expand", "canvas_blur_prompt", "canvas_show_tooltip", "compact_prompt_box",
    "dimensions_and_batch_together", "disable_token_counters", "extra_networks_card_description_is_html",
    "extra_networks_card_show_desc", "extra_networks_dir_button_function",
    "extra_networks_show_hidden_directories", "extra_networks_tree_view_default_enabled",
    "hires_fix_show_prompts", "hires_fix_show_sampler", "img2img_settings_accordion",
    "js_live_preview_in_modal_lightbox", "js_modal_lightbox", "js_modal_lightbox_gamepad",
    "js_modal_lightbox_initially_zoomed", "keyedit_move", "notification_audio", "samplers_in_dropdown",
    "show_gradio_deprecation_warnings", "show_progress_in_title", "txt2img_settings_accordion",
)  # fmt: skip
"""Options of A1111's page that change no picture and are on or off."""

OPTIONS_PER_TRIAL = 3
"""Number of options that are overridden, drawn at random each time.

Setting an option back saves it, and a saved option no longer leaks while all others still do: with fixed
options the second examination would find a healthy server."""


def draw(
    client: Client, options: Mapping[str, Any], *, things: Sequence[tuple[ListedKind, str]], trying_s: float
) -> DrawingTrials:
    """Draw the pictures and return what they show.

    Args:
        client: Client of a server that answers; it must not guard options.
        options: The server's options, as they are now.
        things: Things of its lists to try, the most important first.
        trying_s: Time limit for trying them.

    Raises:
        BackendError: If overridden options cannot be set back.
    """
    plain = _plain(client, options)
    relit = {}
    if plain.picture is not None and client.capabilities.ic_light is not None and _relights(client):
        relit = {mode: _relit(client, unit, plain.picture) for mode, unit in _units().items()}
    tried = TriedThings()
    if plain.picture is not None and things:
        tried = _tried(client, options, plain.picture, things, trying_s)
    return DrawingTrials(
        "",
        plain.error,
        client.version,
        plain.options,
        plain.has_leaked,
        relit,
        attempts=tried.attempts,
        cut_short=tried.cut_short,
    )


def _tried(
    client: Client,
    options: Mapping[str, Any],
    plain: RgbImage,
    things: Sequence[tuple[ListedKind, str]],
    trying_s: float,
) -> TriedThings:
    def once(**fields: Any) -> tuple[RgbImage, str | None]:
        drawn = client.txt2img(_request(client.capabilities, **fields))
        return drawn.image, drawn.applied.vae

    try:
        return Tryouts(client, once, plain).run(things, within_s=trying_s)
    finally:
        if values := overridden_by(things, client, options):
            _put_back(client, values)


@dataclass(frozen=True)
class _Plain:
    picture: RgbImage | None = None
    error: ProdgenError | None = None
    options: tuple[str, ...] = ()
    has_leaked: bool = False


def _request(capabilities: Capabilities, **fields: Any) -> Txt2Img:
    if "Euler" in capabilities.samplers:
        fields["sampler_name"] = "Euler"
    given = {"prompt": "grey", "seed": 1, "width": SIDE_PX, "height": SIDE_PX, "steps": STEPS, **fields}
    return Txt2Img.model_validate(given)


def _plain(client: Client, before: Mapping[str, Any]) -> _Plain:
    """Draw a plain picture with a few options overridden."""
    overrides = _overrides(before)
    picture, failure, has_leaked = None, None, False
    try:
        try:
            drawn = client.txt2img(_request(client.capabilities, override_settings=overrides))
        except UnsupportedFeatureError:
            # This kind of server takes no options for one call.
            overrides = {}
            drawn = client.txt2img(_request(client.capabilities))
        picture = drawn.image
    except BackendError as error:
        failure = error
    finally:
        if overrides:
            has_leaked = _put_back(client, {key: before[key] for key in overrides})
    return _Plain(picture, failure, tuple(overrides), has_leaked)


def _overrides(before: Mapping[str, Any]) -> dict[str, Any]:
    """Return another value for a few harmless options, of those that the server has."""
    known: dict[str, Any] = {k: v for k, v in HARMLESS_WORDS.items() if isinstance(before.get(k), str)}
    known |= {key: not before[key] for key in HARMLESS_SWITCHES if isinstance(before.get(key), bool)}
    drawn = random.sample(sorted(known), min(OPTIONS_PER_TRIAL, len(known)))
    return {key: known[key] for key in drawn}


def _put_back(client: Client, values: Mapping[str, Any]) -> bool:
    """Set options back to `values` and return whether that was needed."""
    try:
        now = client.options()
    except BackendError as error:
        log.warning("whether options stayed overridden cannot be read; they are put back blindly: %s", error)
        client.put_options_back(values)
        return False
    stayed = {key: value for key, value in values.items() if now.get(key) != value}
    if stayed:
        client.put_options_back(stayed)
    return bool(stayed)


def _relights(client: Client) -> bool:
    """Return whether this kind of server runs IC-Light at all."""
    try:
        client.dialect.ic_light(_units()["fc"], client.capabilities, light_map=None)
    except UnsupportedFeatureError:
        return False
    except ProdgenError:
        return True  # the attempt itself will say it better
    return True


def _units() -> dict[str, ICLight]:
    """Return a disc to relight, and one to relight before a bright sky."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32)
    matte = np.clip(SIDE_PX / 3 - np.hypot(x - SIDE_PX / 2, y - SIDE_PX / 2), 0, 1).astype(np.float32)
    product = np.empty((SIDE_PX, SIDE_PX, 3), np.float32)
    product[:] = (0.7, 0.3, 0.2)
    sky = np.repeat(np.linspace(0.95, 0.2, SIDE_PX, dtype=np.float32)[:, None, None], SIDE_PX, 1).repeat(3, 2)
    return {
        "fc": ICLight(foreground=product, matte=matte),
        "fbc": ICLight(mode="fbc", foreground=product, matte=matte, background=sky),
    }


def _told(drawn: Generation, key: str) -> str:
    """Return what stands under a key of the server's report on extensions; "" if nothing does."""
    report = drawn.info.get("extra_generation_params")
    return str(report.get(key) or "") if isinstance(report, dict) else ""


def _relit(client: Client, unit: ICLight, plain: RgbImage) -> RelightTrial:
    try:
        drawn = client.txt2img(_request(client.capabilities, ic_light=unit))
    except ProdgenError as error:
        return RelightTrial(error)
    difference = np.abs(drawn.image - plain).mean() * 255 if drawn.image.shape == plain.shape else np.inf
    proof = drawn.applied.proofs.get(IC_LIGHT)
    return RelightTrial(
        proof=proof.kind if proof is not None and drawn.applied.ic_light else None,
        is_plain=bool(difference < SAME_LEVELS),
        was_fetched=drawn.was_fetched,
        is_patched=drawn.is_missing_a_picture,
        patched=_told(drawn, PATCHED_KEY),
    )
