"""What a prompt says at each step: A1111's "[from:to:when]", "[one|other]" and "AND".

Owns those three; brackets that only weigh words are left in the text, for `prompt_attention`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_AND = re.compile(r"\bAND\b")
_WEIGHT = re.compile(r"\s*([-+]?(?:\d+\.?|\d*\.\d+))\s*")
_WHEN = re.compile(r"^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)$")
_PIECES = re.compile(r"\\.|[\[\]():|]|[^\\\[\]():|]+|\\", re.DOTALL)


@dataclass(frozen=True)
class PromptShare:
    """One prompt of those that "AND" joins, and how much it counts."""

    text: str
    weight: float


def split_shares(prompt: str) -> tuple[PromptShare, ...]:
    """Return the prompts that are joined by "AND"; a number after a colon at a part's end is its weight."""
    if not _AND.search(prompt):
        return (PromptShare(prompt, 1.0),)
    return tuple(_share(part) for part in _AND.split(prompt))


def _share(part: str) -> PromptShare:
    text, colon, tail = part.rpartition(":")
    weight = _WEIGHT.fullmatch(tail) if colon else None
    return PromptShare(part.rstrip(), 1.0) if weight is None else PromptShare(text.rstrip(), float(weight[1]))


@dataclass(frozen=True)
class _Run:
    """The run of a sampler that a prompt is read for."""

    calls: int
    calls_before: int | None
    """Calls of the first pass, in a hires pass."""


@dataclass(frozen=True)
class _Switch:
    """What "[before:after:when]" means: the first up to the call `when`, the second from then on."""

    before: Sequence[_Part]
    after: Sequence[_Part]
    when: str
    """A number with a point is a share of the calls, one without counts them."""

    def last_call(self, run: _Run) -> int:
        """Return the last call of a run that has the first text; below 1 there is none."""
        number = float(self.when)
        if "." in self.when:
            number = (number - (run.calls_before is not None)) * run.calls
        else:
            number -= run.calls_before or 0
        return int(max(-1.0, min(run.calls, number)))


@dataclass(frozen=True)
class _Turns:
    """What "[one|other]" means: one after the other, call by call."""

    options: Sequence[Sequence[_Part]]


@dataclass(frozen=True)
class _Weighed:
    """A bracket that changes nothing on the way, with what is in it."""

    parts: Sequence[_Part]


_Part = str | _Switch | _Turns | _Weighed


@dataclass
class _OpenBracket:
    """A square bracket that is being read."""

    sections: list[list[_Part]] = field(default_factory=lambda: [[]])
    separators: list[str] = field(default_factory=list)
    round_depth: int = 0
    """Round brackets that are open within it; in them ":", "|" and "]" are letters."""

    has_bar: bool = False
    """Whether a "|" is directly in it, whatever that means there."""

    def read(self, piece: str) -> None:
        """Take one more piece of the prompt, that neither opens nor closes a square bracket."""
        self.has_bar = self.has_bar or piece == "|"
        if piece in (":", "|") and not self.round_depth:
            self.separators.append(piece)
            self.sections.append([])
            return
        self.round_depth += (piece == "(") - (piece == ")" and self.round_depth > 0)
        self.sections[-1].append(piece)

    @property
    def inside(self) -> list[_Part]:
        """All that is in it, separators included."""
        flat = [*self.sections[0]]
        for separator, section in zip(self.separators, self.sections[1:], strict=True):
            flat += [separator, *section]
        return flat


class _StrayBar(Exception):  # noqa: N818 - internal: such a prompt has no schedule in A1111
    pass


def schedule(prompt: str, calls: int, *, calls_before: int | None = None) -> tuple[tuple[int, str], ...]:
    """Return what a prompt says when.

    A `when` with a point ("0.5") is a share of a run's calls, one without counts them. A hires pass goes on
    where the first one ended, as in A1111 since 1.6: "1.5" is half of it, "0.5" was over before it began.

    Args:
        prompt: The prompt, or one share of it.
        calls: How often the network is asked in the whole run.
        calls_before: That of the first pass, where this is the hires pass; None in a first pass.

    Returns:
        The last call and the text of each span, in order. The one to take is the first whose last call is not
        yet past. A1111 counts calls from 0, so that a first span of "[a|b]" has two.
    """
    try:
        parts = _parsed(prompt)
    except _StrayBar:
        parts = [prompt]
    run = _Run(calls, calls_before)
    ends: set[int] = {calls}
    _collect(parts, run, ends)
    return tuple((end, _said(parts, end, run)) for end in sorted(ends))


def _parsed(prompt: str) -> list[_Part]:
    """Return a prompt's parts, each of its pieces read once.

    Where a bracket is never closed, neither is one around it: a "]" that is a letter within the inner one,
    for a round bracket's sake, is one within the outer one too. So the brackets left at the end are letters.
    """
    done: list[_Part] = []
    is_stray = False  # whether a "|" is in no bracket
    brackets: list[_OpenBracket] = []
    for piece in _PIECES.findall(prompt):
        if piece == "[":
            brackets.append(_OpenBracket())
        elif piece == "]" and brackets and not brackets[-1].round_depth:
            meant = _meaning(brackets.pop())
            (brackets[-1].sections[-1] if brackets else done).append(meant)
        elif brackets:
            brackets[-1].read(piece)
        else:
            is_stray = is_stray or piece == "|"
            done.append(piece)
    if is_stray or any(bracket.has_bar for bracket in brackets):
        raise _StrayBar
    for bracket in brackets:
        done += ["[", *bracket.inside]
    return done


def _meaning(bracket: _OpenBracket) -> _Part:
    sections, separators = bracket.sections, bracket.separators
    if separators and set(separators) == {"|"}:
        return _Turns(sections)
    words = [part for part in sections[-1] if isinstance(part, str)]
    when = _WHEN.match("".join(words)) if len(words) == len(sections[-1]) else None
    if when and separators in ([":"], [":", ":"]):
        before = sections[0] if len(separators) == 2 else []
        return _Switch(before, sections[-2], when[1])
    if "|" in separators:
        raise _StrayBar
    return _Weighed(["[", *bracket.inside, "]"])


def _collect(parts: Sequence[_Part], run: _Run, ends: set[int]) -> None:
    waiting = list(parts)
    while waiting:
        part = waiting.pop()
        if isinstance(part, _Switch):
            ends |= {part.last_call(run)} if part.last_call(run) > 0 else set()
            waiting += [*part.before, *part.after]
        elif isinstance(part, _Turns):
            ends.update(range(1, run.calls + 1))
            waiting += [inner for option in part.options for inner in option]
        elif isinstance(part, _Weighed):
            waiting += part.parts


def _said(parts: Sequence[_Part], call: int, run: _Run) -> str:
    words = []
    waiting = [*reversed(parts)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, _Switch):
            chosen = part.before if call <= part.last_call(run) else part.after
            waiting += reversed(chosen)
        elif isinstance(part, _Turns):
            waiting += reversed(part.options[(call - 1) % len(part.options)])
        else:
            waiting += reversed(part.parts)
    return "".join(words)
