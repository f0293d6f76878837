"""Every error: a kind of its own, facts as attributes, a sentence with a remedy, safe across processes."""

from __future__ import annotations

import inspect
import pickle

import pytest

from prodgen import errors
from prodgen.errors import BackendError, NodeFault, ProdgenError, SheetFault

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ProdgenError)]

FACTS = {
    "worker": "worker 1",
    "what": "00123/kitchen",
    "settings": ("hires_upscaler",),
    "numbers": ("outline_growth_percent",),
    "reasons": ("the outline changed",),
    "path": "mug.rejected.png",
    "address": "s3://shop/run",
    "url": "http://gpu:7860",
    "reason": "it is on fire",
    "remedy": "Fetch water.",
    "cause": "refused",
    "lack": "library missing",
    "server_text": "help",
    "feature": "IC-Light",
    "dialect": "sdcpp",
    "kind": "sampler",
    "name": "Eular",
    "known": ("Euler", "Heun"),
    "hint": "(see there)",
    "setting": "steps",
    "value": 0,
    "pid": 4711,
    "host": "box",
    "since": "26 Nov 2026, 20:00:00",
    "source": "sheet.csv",
    "faults": (SheetFault(3, "sku", "is empty", "fill it in"),),
    "node_faults": (NodeFault("3", "KSampler", "value_not_in_list", "sampler_name", "it is not listed"),),
    "total": 7,
    "retry_after_s": 3.0,
    "status": 524,
    "proxy": "Cloudflare",
    "gave_up": True,
}


def made(kind: type[ProdgenError]) -> tuple[ProdgenError, dict[str, object]]:
    """An error of this kind with every fact it can carry, and those facts."""
    if kind.__init__ in (ProdgenError.__init__, Exception.__init__):
        return kind("the mug is broken; glue it"), {}
    facts = {name: FACTS[name] for name in inspect.signature(kind).parameters}
    return kind(**facts), facts


def test_there_are_errors_of_every_sort_here():
    assert len(KINDS) > 15


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_carries_its_facts_and_keeps_them_in_another_process(kind):
    error, facts = made(kind)

    again = pickle.loads(pickle.dumps(error))

    assert type(again) is kind
    assert str(again) == str(error)
    for name, value in facts.items():
        assert getattr(error, name) == getattr(again, name) == value


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_explained(kind):
    assert kind.__doc__
    assert len(kind.__doc__) > 20


@pytest.mark.parametrize("kind", [kind for kind in KINDS if issubclass(kind, BackendError)])
def test_an_error_of_a_backend_says_where_what_and_what_to_do(kind):
    plain, own = (
        kind("http://gpu:7860", "it is on fire"),
        kind("http://gpu:7860", "it is on fire.", remedy="Run."),
    )

    assert str(plain).startswith("http://gpu:7860: it is on fire. ")
    assert str(plain).endswith(plain.remedy)
    assert len(plain.remedy) > 20
    assert str(own) == "http://gpu:7860: it is on fire. Run."


def test_all_ways_of_not_being_reached_have_a_remedy_of_their_own():
    from typing import get_args

    causes = get_args(errors.UnreachableCause)
    remedies = {errors.BackendUnreachableError("http://x", "no", cause=cause).remedy for cause in causes}

    assert len(remedies) == len(causes)


def test_the_tree_in_the_text_is_the_tree_in_the_code():
    lines = [line for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]
    drawn = {}
    path: list[str] = []
    for line in lines:
        depth = (len(line) - len(line.lstrip())) // 4 - 1
        name = line.split()[0]
        path[depth:] = [name]
        drawn[name] = path[depth - 1] if depth else "Exception"

    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in KINDS}
