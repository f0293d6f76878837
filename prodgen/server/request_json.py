"""The JSON in a request's body, read within limits: a small text must not become a large thing in memory."""

from __future__ import annotations

import json
import math
from typing import Any

from prodgen.server.wire import Invalid

MAX_VALUES = 100_000
"""Values in one body, counted by their commas and brackets. Guard: in Python each takes up to 100 bytes, an
empty list of the text "[]," too; a request with all of A1111's fields and options has 500."""

MAX_DEPTH = 64
"""Lists and objects inside one another. Guard: the arguments of a script lie 4 deep."""

MAX_QUOTED = 1000
"""Most characters of a body that are repeated where it is no JSON."""

_NO_DICT = {"loc": ["body"], "msg": "value is not a valid dict", "type": "type_error.dict"}


def read_body(body: bytes, content_type: str | None) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    JSON is read with a JSON content type or with none; a list that makes a dict, such as [], is one.

    Raises:
        Invalid: If there is no body, no JSON, or no object in it; if it holds too much, or a number that JSON
            does not have.
    """
    if not body:
        raise Invalid([{"loc": ["body"], "msg": "field required", "type": "value_error.missing"}])
    kind = (content_type or "application/json").split(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Invalid([_NO_DICT])
    if sum(body.count(sign) for sign in (b",", b"[", b"{")) > MAX_VALUES:
        raise _unfit(f"a request has at most {MAX_VALUES} values")
    value = _parsed(body)
    try:
        fields = dict(value)
    except (TypeError, ValueError):
        raise Invalid([_NO_DICT]) from None
    if _is_deeper(fields, MAX_DEPTH):
        raise _unfit(f"lists and objects lie at most {MAX_DEPTH} deep inside one another")
    return {str(key): item for key, item in fields.items()}


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_finite, parse_float=_finite)
    except json.JSONDecodeError as error:
        doc = error.doc[:MAX_QUOTED]
        facts = {"msg": error.msg, "doc": doc, "pos": error.pos, "lineno": error.lineno}
        entry = {"loc": ["body", error.pos], "msg": str(error), "type": "value_error.jsondecode"}
        raise Invalid([{**entry, "ctx": {**facts, "colno": error.colno}}]) from error
    except (UnicodeDecodeError, RecursionError):
        raise Invalid([_NO_DICT]) from None
    except ValueError:  # digits without end, which Python does not turn into a number
        raise _unfit("a number has too many digits") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _unfit(f"{text[:20]} is no number of JSON")
    return number


def _is_deeper(value: object, depth: int) -> bool:
    """Whether a value holds lists and objects more than `depth` deep, itself included."""
    level: list[object] = [value]
    for _ in range(depth + 1):
        nested: list[object] = []
        for item in level:
            if isinstance(item, dict):
                nested.extend(item.values())
            elif isinstance(item, list):
                nested.extend(item)
        level = [item for item in nested if isinstance(item, (dict, list))]
        if not level:
            return False
    return True


def _unfit(text: str) -> Invalid:
    return Invalid([{"loc": ["body"], "msg": text, "type": "value_error"}])
