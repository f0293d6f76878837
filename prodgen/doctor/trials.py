"""A few tiny pictures that show what no list tells: whether IC-Light relights, whether options leak.

At most `MOST_PICTURES` of 64 x 64 in two steps. Other callers' work is neither stopped nor passed by,
and every option that was overridden is afterwards as it was, also after an error. Where a server
can only save its pictures, files prodgen-*.png stay in its output folder.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from prodgen.client import Client
from prodgen.doctor.facts import Relit, Trials
from prodgen.errors import BackendError, ProdgenError, UnsupportedFeatureError
from prodgen.images import RgbImage
from prodgen.schema import Capabilities, ICLight, Txt2Img

log = logging.getLogger(__name__)

SIDE_PX = 64
STEPS = 2
MOST_PICTURES = 6

SAME_LEVELS = 0.5
"""Mean 8-bit levels between two pictures that are the same; a GPU's arithmetic may differ in the last bit."""

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
"""Options of A1111's page that no picture of anybody depends on -> a value to override them with."""

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
"""More of the kind, that are on or off."""

AT_A_TIME = 3
"""Putting an option back saves it, after which it leaks no more, though all others do: each time some
are drawn by lot, or a second look would find a healthy server."""


def draw(client: Client, options: Mapping[str, Any]) -> Trials:
    """Draw the pictures and return what they show.

    Args:
        client: Of a server that answers; it must not guard options.
        options: The server's, as they are.

    Raises:
        BackendError: If what was overridden cannot be put back.
    """
    plain = _plain(client, options)
    relit = {}
    if plain.picture is not None and client.capabilities.ic_light is not None and _relights(client):
        relit = {mode: _relit(client, unit, plain.picture) for mode, unit in _units().items()}
    return Trials("", plain.error, client.version, plain.options, plain.has_leaked, relit)


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
    drawn = random.sample(sorted(known), min(AT_A_TIME, len(known)))
    return {key: known[key] for key in drawn}


def _put_back(client: Client, values: Mapping[str, Any]) -> bool:
    """Set options back to `values`; returns whether that was needed."""
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
    """Whether this kind of server runs IC-Light at all."""
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


def _relit(client: Client, unit: ICLight, plain: RgbImage) -> Relit:
    try:
        drawn = client.txt2img(_request(client.capabilities, ic_light=unit))
    except ProdgenError as error:
        return Relit(error)
    difference = np.abs(drawn.image - plain).mean() * 255 if drawn.image.shape == plain.shape else np.inf
    return Relit(
        is_proven=drawn.applied.ic_light is True,
        is_plain=bool(difference < SAME_LEVELS),
        was_fetched=drawn.was_fetched,
        is_patched=drawn.is_missing_a_picture,
    )
