"""A1111's infotext taken apart, whoever wrote it: prompt, negative prompt, and the line of parameters.

The form: the prompt (any number of lines), "Negative prompt: " (any number of lines), and one last line
of "Key: value" pairs with commas between. A value that holds a comma, a colon or a line break is
quoted as JSON. Knows no setting's meaning. (Observed on A1111 1.10.1; some sites write JSON unquoted.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from prodgen.errors import ImageError

MAX_CHARACTERS = 1 << 20

_NEGATIVE = "Negative prompt:"
_DECIMAL_COMMA = re.compile(r"(-?\d+,\d+)(?=\s*(?:,|$))")
"""A number as half of Europe writes it: no pair begins with digits, so the comma divides none."""

_STEPS = re.compile(r"(?<![\w-])Steps: \d+(?=,|$)")

_KEY = re.compile(r"\s*([A-Za-z][\w \-/.()]*?):\s*")


@dataclass(frozen=True)
class Infotext:
    """What an infotext says, values as text."""

    prompt: str
    negative_prompt: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    """The last line's pairs, in their order, unquoted."""


def read(text: str) -> Infotext:
    """Take an infotext apart.

    Raises:
        ImageError: If it is none: no line of parameters with steps or a seed.
    """
    lines = text[:MAX_CHARACTERS].replace("\r\n", "\n").strip("\n\0 ").split("\n")
    # Some programs add lines of their own below. All known ones begin with the steps.
    meant = [number for number, line in enumerate(lines) if _is_of_parameters(line)]
    if not meant:
        raise ImageError("its text is no A1111 infotext: there is no line with Steps and Seed")
    number = next((x for x in reversed(meant) if lines[x].lstrip().startswith("Steps:")), meant[-1])
    before, line = _without_words(lines[number])
    values = pairs(line)
    words = [*lines[:number], *before]
    start = next((k for k, line in enumerate(words) if line.lstrip().startswith(_NEGATIVE)), len(words))
    negative = "\n".join(words[start:]).lstrip().removeprefix(_NEGATIVE).strip()
    return Infotext("\n".join(words[:start]).strip(), negative, values)


def _without_words(line: str) -> tuple[list[str], str]:
    """Return what stands before the parameters in their line, as lines, and the parameters.

    Sites and tools make one line of all, so that the prompts run into the steps without a comma.
    """
    starts = [match.start() for match in _STEPS.finditer(line)]
    before = line[: starts[-1]] if starts else ""
    first = _KEY.match(before)
    if not before.strip() or (before.rstrip().endswith(",") and first is not None and first[1][0].isupper()):
        return [], line
    prompt, found, negative = before.partition(_NEGATIVE)
    return [prompt, *([_NEGATIVE + negative] if found else [])], line[starts[-1] :]


def _is_of_parameters(line: str) -> bool:
    if "Steps:" not in line and "Seed:" not in line:
        return False
    values = pairs(line)
    return len(values) >= 2 and bool({"Steps", "Seed"} & values.keys())


def pairs(line: str) -> dict[str, str]:
    """Return the "Key: value" pairs of a line; what is no pair is passed over."""
    found: dict[str, str] = {}
    place = 0
    while place < len(line):
        match = _KEY.match(line, place)
        if match is not None:
            found[match[1]], place = _value(line, match.end())
        comma = line.find(",", place)
        place = len(line) if comma < 0 else comma + 1
    return found


def _value(line: str, start: int) -> tuple[str, int]:
    """Return the value that begins at `start`, and where it ends."""
    if line[start : start + 1] in ('"', "[", "{"):
        try:
            value, end = json.JSONDecoder().raw_decode(line, start)
        except (ValueError, RecursionError):
            pass
        else:
            if line[end : end + 1] in ("", ","):
                return (value if isinstance(value, str) else line[start:end]), end
    if (number := _DECIMAL_COMMA.match(line, start)) is not None:
        return number[1].replace(",", "."), number.end()
    end = line.find(",", start)
    end = len(line) if end < 0 else end
    return line[start:end].strip(), end
