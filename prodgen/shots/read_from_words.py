"""Types of fields that shots and recipes share, whose values may be given in words."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator

from prodgen.light import MOST_LIGHTS, Light, read_lights
from prodgen.pose import PoseHint, check_pose

AS_IT_IS = PlainSerializer(lambda value: value, return_type=Any)
"""Pydantic would take the list that JSON makes of a tuple for a wrong value."""


def _lights(value: Any) -> Any:
    """Return lights that are given in words; what is none of that is left to pydantic."""
    several = value if isinstance(value, list | tuple) else [value]
    return read_lights(several) if all(isinstance(one, str | Light) for one in several) else value


SeveralLights = Annotated[tuple[Light, ...], BeforeValidator(_lights), Field(max_length=MOST_LIGHTS)]
"""Lights, the key light first; words such as "soft left" are parsed when the value is made."""

PoseField = Annotated[PoseHint, PlainValidator(check_pose), AS_IT_IS]
"""How the camera looked at the product: "auto", "upright", "flat", or degrees, also in words."""
