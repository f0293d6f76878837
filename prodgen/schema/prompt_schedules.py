"""What a prompt says at each step: A1111's "[from:to:when]", "[one|other]" and "AND".

Owns those three; brackets that only weigh words are left in the text, for `prompt_attention`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_AND = re.compile(r"\bAND\b")
_SHARE = re.compile(r"^(\s*.*?)(?:\s*:\s*([-+]?(?:\d+\.?|\d*\.\d+)))?\s*$", re.DOTALL)
_WHEN = re.compile(r"^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)$")
_PIECES = re.compile(r"\\.|[\[\]():|]|[^\\\[\]():|]+|\\", re.DOTALL)


@dataclass(frozen=True)
class PromptShare:
    """One prompt of those that "AND" joins, and how much it counts."""

    text: str
    weight: float


def split_shares(prompt: str) -> tuple[PromptShare, ...]:
    """Return the prompts that are joined by "AND"; a number after a colon at a part's end is its weight."""
    shares = []
    for part in _AND.split(prompt) if _AND.search(prompt) else ():
        match = _SHARE.match(part)
        text, weight = match.groups() if match else (part, None)
        shares.append(PromptShare(text, 1.0 if weight is None else float(weight)))
    return tuple(shares) or (PromptShare(prompt, 1.0),)


@dataclass(frozen=True)
class _Switch:
    """What "[before:after:when]" means: the first up to the call `when`, the second from then on."""

    before: Sequence[_Part]
    after: Sequence[_Part]
    when: float


@dataclass(frozen=True)
class _Turns:
    """What "[one|other]" means: one after the other, call by call."""

    options: Sequence[Sequence[_Part]]


_Part = str | _Switch | _Turns


class _StrayBar(Exception):  # noqa: N818 - internal: such a prompt has no schedule in A1111
    pass


def schedule(prompt: str, calls: int) -> tuple[tuple[int, str], ...]:
    """Return what a prompt says when.

    Args:
        prompt: The prompt, or one share of it.
        calls: How often the network is asked in the whole run; a `when` below 1 is a share of that.

    Returns:
        The last call and the text of each span, in order. The one to take is the first whose last call is not
        yet past. A1111 counts calls from 0, so that a first span of "[a|b]" has two.
    """
    try:
        parts = _parsed(prompt)
    except _StrayBar:
        parts = [prompt]
    ends: set[int] = {calls}
    _collect(parts, calls, ends)
    return tuple((end, _said(parts, end, calls)) for end in sorted(ends))


def _parsed(prompt: str) -> list[_Part]:
    pieces = _PIECES.findall(prompt)
    parts: list[_Part] = []
    place = 0
    while place < len(pieces):
        more, place = _group(pieces, place) if pieces[place] == "[" else ([pieces[place]], place + 1)
        if more == ["|"]:
            raise _StrayBar
        parts += more
    return parts


def _group(pieces: list[str], opening: int) -> tuple[list[_Part], int]:
    """Return what the bracket at `opening` means, and where the text goes on after it."""
    sections: list[list[_Part]] = [[]]
    separators: list[str] = []
    round_depth, place = 0, opening + 1
    while place < len(pieces) and (pieces[place] != "]" or round_depth):
        piece = pieces[place]
        if piece == "[":
            more, place = _group(pieces, place)
            sections[-1] += more
            continue
        if piece in ":|" and not round_depth:
            separators.append(piece)
            sections.append([])
        else:
            round_depth += (piece == "(") - (piece == ")" and round_depth > 0)
            sections[-1].append(piece)
        place += 1
    if place == len(pieces):  # never closed: the bracket stands for itself, and what follows is read anew
        return ["["], opening + 1
    return _meaning(sections, separators), place + 1


def _meaning(sections: list[list[_Part]], separators: list[str]) -> list[_Part]:
    if separators and set(separators) == {"|"}:
        return [_Turns(sections)]
    words = [part for part in sections[-1] if isinstance(part, str)]
    when = _WHEN.match("".join(words)) if len(words) == len(sections[-1]) else None
    if when and separators in ([":"], [":", ":"]):
        before = sections[0] if len(separators) == 2 else []
        return [_Switch(before, sections[-2], float(when[1]))]
    if "|" in separators:
        raise _StrayBar
    flat: list[_Part] = ["["]
    for place, section in enumerate(sections):
        flat += section if place == 0 else [":", *section]
    return [*flat, "]"]


def _last_call(when: float, calls: int) -> int:
    return min(calls, int(when * calls if when < 1 else when))


def _collect(parts: Sequence[_Part], calls: int, ends: set[int]) -> None:
    for part in parts:
        if isinstance(part, _Switch):
            ends.add(_last_call(part.when, calls))
            _collect(part.before, calls, ends)
            _collect(part.after, calls, ends)
        elif isinstance(part, _Turns):
            ends.update(range(1, calls + 1))
            for option in part.options:
                _collect(option, calls, ends)


def _said(parts: Sequence[_Part], call: int, calls: int) -> str:
    words = []
    for part in parts:
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, _Switch):
            chosen = part.before if call <= _last_call(part.when, calls) else part.after
            words.append(_said(chosen, call, calls))
        else:
            words.append(_said(part.options[(call - 1) % len(part.options)], call, calls))
    return "".join(words)
