"""IC-Light as A1111 runs it: three spellings of the arguments, and what each swallows in silence.

Owns the meaning of the arguments and the extra pictures. The light itself is the engine's. On A1111 what is
wrong in the arguments never becomes an error: the extension's exceptions are caught and logged, and an
un-relit picture comes back with 200. A server that says which models it has refuses them instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Matte, RgbImage, from_uint8, to_uint8
from prodgen.server.wire import Crashed, Pixels, Refused, UploadedPicture, read_picture, resized

IC_LIGHT_MODELS = ["IC-Light.SD15.FC", "IC-Light.SD15.FBC"]
"""Foreground only, and foreground with background, as the extension names them."""

IcLightDialect = Literal["v1", "v2", "v15"]
"""One dict (huchenlei); 13 positional values (Haoming02 2.0); 15 positional values (in between)."""

Segment = Callable[[RgbImage], Matte]
"""Finds the product in a photograph."""

MAX_DETAIL_RADIUS_PX = 255
"""Widest blur of the detail; with a wider one its picture is missing. Guard: the extension offers up to 9,
and the time grows with it."""

GREY = 127
"""The extension's neutral backdrop, 8 bit."""

_NO_SUBJECT = "there is no foreground; send the product as input_fg"

_LIGHTS = ("Left Light", "Right Light", "Top Light", "Bottom Light", "Ambient")
_SOURCES = ("Use Background Image", "Use Flipped Background Image", *_LIGHTS)

_V1_DEFAULTS: dict[str, Any] = {
    "enabled": False,
    "model_type": None,
    "input_fg": None,
    "uploaded_bg": None,
    "bg_source_fc": "None",
    "bg_source_fbc": _SOURCES[0],
    "remove_bg": True,
    "reinforce_fg": True,
    "detail_transfer": False,
    "detail_transfer_use_raw_input": False,
    "detail_transfer_blur_radius": 5,
}
_V2_ORDER = (
    "enabled",
    "model_type",
    "input_fg",
    "uploaded_bg",
    "remove_bg",
    "rembg_model",
    "foreground_threshold",
    "background_threshold",
    "erode_size",
    "detail_transfer",
    "detail_transfer_use_raw_input",
    "detail_transfer_blur_radius",
    "reinforce_fg",
)
_V15_ORDER = (*_V2_ORDER[:2], "bg_source_fc", "bg_source_fbc", *_V2_ORDER[2:])
_POSITIONAL_DEFAULTS: dict[str, Any] = {
    **_V1_DEFAULTS,
    "model_type": IC_LIGHT_MODELS[0],
    "rembg_model": "u2net_human_seg",
    "foreground_threshold": 225,
    "background_threshold": 16,
    "erode_size": 16,
    "detail_transfer_blur_radius": 3,
    "reinforce_fg": False,
}


class _Swallowed(Exception):  # noqa: N818 - internal: what the real server only logs
    """Why IC-Light will not run, in words for whoever asked."""


@dataclass(frozen=True)
class IcLightUnit:
    """IC-Light's arguments once they are understood."""

    enabled: bool = False
    model_type: str | None = None
    subject: UploadedPicture | None = None
    """The picture that is cut out, RGB or RGBA; in img2img with v2 it is the init image."""

    light_map: UploadedPicture | None = None
    """img2img only: whose light it shall have."""

    background: UploadedPicture | None = None
    background_source: str = _SOURCES[0]
    reinforce: bool = False
    detail: bool = False
    detail_raw: bool = False
    detail_radius_px: int = 5
    shows_subject: bool = False
    """Whether the foreground on grey comes back as an extra picture."""

    relights: bool = False
    """Whether the engine is asked for light at all."""

    @property
    def is_fbc(self) -> bool:
        """Whether the model composes onto a given background."""
        return self.model_type == IC_LIGHT_MODELS[1]

    @property
    def channels(self) -> int:
        """Input channels of the model's first convolution, for the text of the n_iter failure."""
        return 12 if self.is_fbc else 8

    def conditions(self, width: int, height: int) -> Conditions | None:
        """Return the pictures that the light depends on, at this size; None without a subject."""
        if self.subject is None:
            return None
        subject = crop_to(self.subject.pixels, width, height)
        has_alpha = subject.shape[2] == 4
        light_map = None
        if self.light_map is not None:
            light_map = crop_to(self.light_map.over(255, 255, 255), width, height)
        return Conditions(
            foreground=np.ascontiguousarray(subject[..., :3]),
            matte=subject[..., 3] if has_alpha else np.full((height, width), 255, np.uint8),
            background=background_pixels(self, width, height),
            light_map=light_map,
        )


@dataclass(frozen=True)
class Conditions:
    """The pictures that relighting depends on, all of one size, uint8."""

    foreground: Pixels
    """The product, (H, W, 3); outside the matte it means nothing."""

    matte: NDArray[np.uint8]
    """(H, W), 255 = product."""

    background: Pixels | None
    """The picture that FBC composes onto; None for FC."""

    light_map: Pixels | None
    """img2img: the picture whose light the product shall have."""


OFF = IcLightUnit()


@dataclass
class IcLightScript:
    """The extension in one server; v1 keeps the last good arguments and uses them when new ones fail."""

    dialect: IcLightDialect | None = "v1"
    segment: Segment | None = None
    """Cuts out what comes with remove_bg; None is a server without the network's weights."""

    models: Sequence[str] | None = None
    """What there is, "FC" and "FBC", for a server that refuses what would not run; None swallows it as A1111
    does."""

    _stored: IcLightUnit = field(default=OFF, repr=False)

    def read(self, arguments: object, init: UploadedPicture | None) -> IcLightUnit:
        """Return what will run for this call's arguments.

        Args:
            arguments: The script's "args", or None if the request does not name the script.
            init: The first init image of an img2img call.

        Returns:
            The unit; `OFF` if nothing is asked, or if it fails without a trace.

        Raises:
            Refused: In place of a failure without a trace, where `models` are given.
        """
        if self.dialect is None:
            return OFF
        args = list(arguments) if isinstance(arguments, (list, tuple)) else []
        try:
            unit = self._read_v1(args, init) if self.dialect == "v1" else self._read_list(args, init)
            if self.models is not None:
                _check_runs(unit, self.models)
        except _Swallowed as error:
            if self.models is not None:
                raise Refused(422, f"IC-Light: {error}") from None
            return replace(self._stored, light_map=init) if self.dialect == "v1" else OFF
        if self.models is None:
            self._stored = unit
        return unit

    def _read_v1(self, args: Sequence[object], init: UploadedPicture | None) -> IcLightUnit:
        given = args[0] if args else {}
        if not isinstance(given, Mapping):
            raise _Swallowed("its argument is one object with named values")
        values = {**_V1_DEFAULTS, **{key: given[key] for key in _V1_DEFAULTS if key in given}}
        if not values["enabled"]:
            return OFF
        model = _model(values["model_type"])
        subject = self._cut_out(_sent(values), values)
        is_fbc = model == IC_LIGHT_MODELS[1]
        if is_fbc and init is not None:
            # Refused by an assertion, before the arguments are stored.
            raise _Swallowed(
                "FBC composes onto uploaded_bg in txt2img; img2img takes FC, with the light map as init"
            )
        unit = self._unit(values, model, subject, init)
        if subject is None or (is_fbc and not _has_background(unit)):
            # Parsed and stored, but the hook that relights fails: no light, no extra picture.
            return replace(unit, relights=False, shows_subject=False)
        return unit

    def _read_list(self, args: Sequence[object], init: UploadedPicture | None) -> IcLightUnit:
        order = _V2_ORDER if self.dialect == "v2" else _V15_ORDER
        values = {**_POSITIONAL_DEFAULTS, **dict(zip(order, args, strict=False))}
        if not values["enabled"]:
            return OFF
        if self.dialect == "v15":
            return self._read_v15(values, init)
        sent = _sent(values)
        subject = self._cut_out(sent if init is None else init, values)
        if subject is None or sent is None:
            raise _Swallowed(_NO_SUBJECT)
        unit = self._unit(values, str(values["model_type"]), subject, None if init is None else sent)
        unit = replace(unit, background_source=_SOURCES[0], reinforce=unit.reinforce and unit.detail)
        known = values["model_type"] in IC_LIGHT_MODELS
        return replace(unit, relights=known and (not unit.is_fbc or _has_background(unit)))

    def _read_v15(self, values: Mapping[str, Any], init: UploadedPicture | None) -> IcLightUnit:
        """Read the 15 values; in img2img they always fail over the API, where the light map is text."""
        model = _model(values["model_type"])
        subject = self._cut_out(_sent(values), values)
        known = values["bg_source_fbc"] in _SOURCES
        if init is not None or subject is None or values["reinforce_fg"] or not known:
            raise _Swallowed(
                "these 15 values run in txt2img alone, with a foreground and without reinforce_fg"
            )
        unit = self._unit(values, model, subject, None)
        return replace(unit, relights=not unit.is_fbc or _has_background(unit))

    def _cut_out(self, picture: UploadedPicture | None, values: Mapping[str, Any]) -> UploadedPicture | None:
        """Return the subject with its matte as alpha, if remove_bg is asked for."""
        if picture is None or not values["remove_bg"]:
            return picture
        if self.segment is None:
            raise _Swallowed(
                "nothing cuts out here; send the product cut out, with alpha, and remove_bg false"
            )
        rgb = picture.pixels[..., :3]
        return UploadedPicture(np.dstack([rgb, to_uint8(self.segment(from_uint8(rgb)))]), "RGBA")

    def _unit(
        self,
        values: Mapping[str, Any],
        model: str,
        subject: UploadedPicture | None,
        light_map: UploadedPicture | None,
    ) -> IcLightUnit:
        is_heeded = model != IC_LIGHT_MODELS[0] or values["bg_source_fc"] in (None, "", "None")
        if self.models is not None and not is_heeded:
            raise _Swallowed(
                "bg_source_fc has no effect over the API; send the light as img2img's init image"
            )
        return IcLightUnit(
            enabled=True,
            model_type=model,
            subject=subject,
            light_map=light_map,
            background=_optional(values["uploaded_bg"]),
            background_source=str(values["bg_source_fbc"]),
            reinforce=bool(values["reinforce_fg"]),
            detail=bool(values["detail_transfer"]),
            detail_raw=bool(values["detail_transfer_use_raw_input"]),
            detail_radius_px=_radius(values["detail_transfer_blur_radius"]),
            shows_subject=True,
            relights=True,
        )


def _check_runs(unit: IcLightUnit, models: Sequence[str]) -> None:
    """Fail where the arguments are in order and there would be no light all the same."""
    if not unit.enabled:
        return
    if unit.subject is None:
        raise _Swallowed(_NO_SUBJECT)
    if unit.model_type not in IC_LIGHT_MODELS:
        raise _Swallowed(f"model_type is one of {', '.join(IC_LIGHT_MODELS)}")
    if not unit.relights:
        raise _Swallowed("FBC needs a background: uploaded_bg, or a light as bg_source_fbc")
    if unit.detail and not _is_blurred(unit.detail_radius_px):
        raise _Swallowed(f"detail_transfer_blur_radius is an odd number from 1 to {MAX_DETAIL_RADIUS_PX}")
    kind = "FBC" if unit.is_fbc else "FC"
    if kind not in models:
        raise _Swallowed(
            f"the weights of {unit.model_type} are not here; there are those of {', '.join(models)}"
        )


def _is_blurred(radius_px: int) -> bool:
    """Whether OpenCV blurs by this radius."""
    return radius_px % 2 == 1 and 1 <= radius_px <= MAX_DETAIL_RADIUS_PX


def _model(name: object) -> str:
    if name not in IC_LIGHT_MODELS:
        raise _Swallowed(f"model_type is one of {', '.join(IC_LIGHT_MODELS)}")
    return str(name)


def _radius(value: object) -> int:
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]  # anything may come; see below
    except (TypeError, ValueError, OverflowError):
        raise _Swallowed("detail_transfer_blur_radius is a number") from None


def _optional(text: object) -> UploadedPicture | None:
    if text is None:
        return None
    try:
        return read_picture(text)
    except (Refused, Crashed):
        raise _Swallowed("input_fg or uploaded_bg is no picture") from None


def _sent(values: Mapping[str, Any]) -> UploadedPicture | None:
    """Return input_fg; grey and palette pictures fail."""
    picture = _optional(values["input_fg"])
    if picture is not None and picture.mode not in ("RGB", "RGBA"):
        raise _Swallowed("input_fg has to be RGB or RGBA")
    return picture


def _has_background(unit: IcLightUnit) -> bool:
    return unit.background is not None or unit.background_source in _LIGHTS


def on_grey(picture: UploadedPicture) -> Pixels:
    """Return the foreground as it comes back: alpha blended onto grey 127, (H, W, 3)."""
    return picture.over(GREY, GREY, GREY)


def crop_to(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return the centre of a picture with the aspect of width x height, resized to it."""
    rows, columns = pixels.shape[:2]
    scale = max(width / columns, height / rows)
    wide = min(columns, max(1, round(width / scale)))
    high = min(rows, max(1, round(height / scale)))
    left, top = (columns - wide) // 2, (rows - high) // 2
    part = pixels[top : top + high, left : left + wide]
    if part.shape[:2] == (height, width):
        return part
    return resized(part, width, height, cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def background_pixels(unit: IcLightUnit, width: int, height: int) -> Pixels | None:
    """Return the background that FBC composes onto, (height, width, 3), or None for FC."""
    if not unit.is_fbc:
        return None
    if unit.background_source in _LIGHTS:
        return light_gradient(unit.background_source, width, height)
    if unit.background is None:
        return None
    pixels = crop_to(unit.background.over(255, 255, 255), width, height)
    flipped = unit.background_source == _SOURCES[1]
    return np.ascontiguousarray(pixels[:, ::-1]) if flipped else pixels


def light_gradient(source: str, width: int, height: int) -> Pixels:
    """Return the gradient that FBC takes for a light source: 224 where it is, 32 opposite; 64 for ambient."""
    if source == "Ambient":
        return np.full((height, width, 3), 64, np.uint8)
    across = source in ("Left Light", "Right Light")
    ramp = np.linspace(224, 32, width if across else height)
    if source in ("Right Light", "Bottom Light"):
        ramp = ramp[::-1]
    plane = np.broadcast_to(ramp if across else ramp[:, None], (height, width))
    return np.repeat(plane[..., None].astype(np.uint8), 3, axis=2)


def detail_picture(unit: IcLightUnit, result: Pixels) -> Pixels | None:
    """Return a result with the foreground's fine detail added; None where OpenCV fails (an even radius)."""
    radius = unit.detail_radius_px
    if unit.subject is None or not _is_blurred(radius):
        return None
    height, width = result.shape[:2]
    source = unit.subject.pixels[..., :3] if unit.detail_raw else on_grey(unit.subject)
    sharp = crop_to(source, width, height).astype(np.float32)
    fine = sharp - cv2.GaussianBlur(sharp, (radius, radius), 0)
    return np.clip(np.rint(result + fine), 0, 255).astype(np.uint8)
