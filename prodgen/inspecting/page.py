"""An inspection as one HTML file: slider, flicker, heat map, and the numbers with their limits.

Everything is in the file and nothing is fetched, so it can be mailed and archived. page.html is the layout.
"""

from __future__ import annotations

import base64
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen import __version__, codecs
from prodgen.color import from_lab
from prodgen.identity import Comparison, named, profile_limits
from prodgen.images import RgbImage, resize
from prodgen.inspecting.inspection import Inspection, shown_number, status_of
from prodgen.masks import composite

SHOWN_SIDE_PX = 1200
"""Longest side of the pictures in the page, in pixels: half of a wide screen, about 1 MB in all."""

PAGE_JPEG_QUALITY = 92
"""JPEG quality of the pictures in the page, which are to be looked at and not measured."""

HEAT_MAX = 20.0
"""CIEDE2000 at the end of the heat map's scale. A choice of display: far beyond every failure limit."""

HEAT_MIN = 1.0
"""CIEDE2000 below which the heat map is transparent: about one just noticeable difference."""

OPACITY_SLOPE, MAX_OPACITY = 6.0, 0.8
"""The heat map's opacity rises this fast with its scale and ends there: faint differences must show too."""


def page_html(inspection: Inspection) -> str:
    """Return the page as HTML that is well-formed XML too."""
    photo, result = inspection.names
    shown, height, width = inspection, *_shown_size(inspection)
    verdict, seen = shown.verdict, shown.comparison
    controls, expected, heat, legend = "", "", "", ""
    if seen is not None:
        heat_url = _data_url("png", codecs.encode_pixels("PNG", _heat(seen, (height, width))))
        heat = f'<img id="heat" hidden="hidden" src="{heat_url}" alt="Heat map of colour differences" />'
        lit = _jpeg_url(resize(_expected(shown, seen), width, height))
        expected = (
            f'<img id="expected" hidden="hidden" src="{lit}" alt="The photograph in the result\'s light" />'
        )
        controls = _CONTROLS
        legend = _LEGEND
    return _template().substitute(
        generator=f"prodgen {escape(__version__)}",
        title=escape(f"{verdict.status}: {result} against {photo}"),
        width=width,
        height=height,
        ramp=", ".join(f"rgb({r}, {g}, {b})" for r, g, b in _ramp(9)),
        status=verdict.status,
        profile=escape(shown.profile),
        photo=escape(photo),
        result=escape(result),
        photo_url=_jpeg_url(resize(shown.photo, width, height)),
        result_url=_jpeg_url(_result_shown(shown.result, width, height)),
        expected=expected,
        heat=heat,
        controls=controls,
        legend=legend,
        reasons=f"<p>{escape(verdict.headline.capitalize())}.</p>{_list(shown.reasons)}",
        notices="".join(f'<p class="soft">note: {escape(text)}</p>' for text in shown.notices),
        table=_table(shown),
    )


_CONTROLS = """
<button type="button" id="heat-button" aria-pressed="false" aria-controls="heat">Heat map</button>
<label>Compare with <select id="before"><option value="photo">the photograph</option>
<option value="expected">the photograph in the result's light</option></select></label>
"""

_LEGEND = f"""
<div id="legend" hidden="hidden">
<p class="soft">Where colour still differs after the light is taken out, CIEDE2000; below {HEAT_MIN:g}
nothing is shown.</p>
<div class="scale"></div>
<div class="ends soft"><span>{HEAT_MIN:g}</span><span>{HEAT_MAX:g} and more</span></div>
</div>
"""


@cache
def _template() -> Template:
    return Template(files("prodgen.inspecting").joinpath("page.html").read_text("utf-8"))


def _shown_size(inspection: Inspection) -> tuple[int, int]:
    height, width = inspection.photo.shape[:2]
    scale = min(1.0, SHOWN_SIDE_PX / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _result_shown(result: RgbImage, width: int, height: int) -> RgbImage:
    """Return the result at the photograph's size, with grey bars if its aspect ratio is another."""
    scale = min(width / result.shape[1], height / result.shape[0])
    w, h = (
        max(1, min(width, round(result.shape[1] * scale))),
        max(1, min(height, round(result.shape[0] * scale))),
    )
    if abs(w - width) <= 2 and abs(h - height) <= 2:
        return resize(result, width, height)
    framed = np.full((height, width, 3), 0.5, np.float32)
    top, left = (height - h) // 2, (width - w) // 2
    framed[top : top + h, left : left + w] = resize(result, w, h)
    return framed


def _expected(inspection: Inspection, seen: Comparison) -> RgbImage:
    """Return the result's scene with the photograph's product in it, lit as the result is."""
    height, width = inspection.matte.shape
    scene = resize(inspection.result, width, height)
    window = seen.region.pixels(height, width)
    there = inspection.matte[window]
    lit = resize(from_lab(seen.expected_lab), there.shape[1], there.shape[0])
    whole = scene.copy()
    whole[window] = composite(lit, scene[window], there)
    return whole


def _heat(seen: Comparison, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the heat map over the whole picture: (h, w, 4), 8-bit colour and alpha."""
    height, width = size
    rows, columns = seen.region.pixels(height, width)
    there = columns.stop - columns.start, rows.stop - rows.start
    heat = cv2.resize(seen.heat(), there, interpolation=cv2.INTER_LINEAR)
    share = np.clip((heat - HEAT_MIN) / (HEAT_MAX - HEAT_MIN), 0, 1)
    picture = np.zeros((height, width, 4), np.uint8)
    colors = cv2.applyColorMap((share * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    picture[rows, columns, :3] = colors
    picture[rows, columns, 3] = (255 * np.clip(OPACITY_SLOPE * share, 0, MAX_OPACITY)).astype(np.uint8)
    return picture


def _ramp(steps: int) -> NDArray[np.uint8]:
    values = np.linspace(0, 255, steps).astype(np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(values, cv2.COLORMAP_INFERNO)[:, 0, ::-1], np.uint8)


def _jpeg_url(picture: RgbImage) -> str:
    return _data_url("jpeg", codecs.encode("JPEG", picture, quality=PAGE_JPEG_QUALITY))


def _data_url(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _list(sentences: tuple[str, ...]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in sentences)
    return f"<ul>{items}</ul>" if items else ""


def _table(inspection: Inspection) -> str:
    """The cut-out's score and the numbers, in the order of `Likeness`, with limits and status in words."""
    identity, profile, cut_out = inspection.identity, inspection.profile, inspection.verdict.cut_out
    if identity is None:
        return "<h2>Numbers</h2><p>None: the product could not be found.</p>"
    limits = profile_limits(profile)
    rows = []
    if cut_out is not None:
        rows.append(
            '<tr><th scope="row">cut-out<small>How likely that of the photograph is right.</small></th>'
            f'<td class="number">{cut_out.score:.2f}</td><td class="number soft"></td>'
            f'<td class="number soft"></td><td class="status {cut_out.status}">{cut_out.status}</td></tr>'
        )
    for name, about in type(identity).model_fields.items():
        value, limit = getattr(identity, name), limits.get(name)
        if limit is None and value is None:
            continue
        status = status_of(identity, name, profile)
        sign = "≥" if limit and limit.is_least else "≤"
        bounds = [f"{sign} {limit.warn:g}", f"{sign} {limit.fail:g}"] if limit else ["", ""]
        rows.append(
            f'<tr><th scope="row">{escape(named(name)[0])}'
            f"<small>{escape(about.description or '')}</small></th>"
            f'<td class="number">{escape(named(name, shown_number(value))[1])}</td>'
            + "".join(f'<td class="number soft">{bound}</td>' for bound in bounds)
            + f'<td class="status {status.replace(" ", "-")}">{status}</td></tr>'
        )
    return (
        "<table><caption>Numbers</caption><thead><tr><th scope='col'>what</th>"
        "<th scope='col' class='number'>found</th><th scope='col' class='number'>to pass</th>"
        "<th scope='col' class='number'>not to fail</th><th scope='col'>status</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
