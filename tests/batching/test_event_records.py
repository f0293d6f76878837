"""Events as JSON objects: their names are a promise to programs."""

from __future__ import annotations

import json

from prodgen.batching.event_records import event_record
from prodgen.dispatch import Notice, PlaceBack, PlaceLost, PlanMade, StepBegun, StillWaiting
from prodgen.ledger import PlaceState, Planned

NAMED = {"event", "at", "slot", "sku", "row"}


def test_each_event_has_the_names_that_the_docs_promise(run_events, root):
    page = (root / "docs" / "catalogue.md").read_text("utf-8")
    events = [
        Notice("the disk is on the network"),
        PlanMade(Planned(60, 12, {"new": 48})),
        StepBegun("gpu-1:7860", run_events.order(), "draw"),
        run_events.done(),
        run_events.failed(),
        PlaceLost("gpu-1:7860", "nothing answers"),
        PlaceBack("gpu-1:7860"),
        StillWaiting(61.0, "gpu-1:7860"),
        run_events.standing(PlaceState("gpu-1:7860")),
        run_events.ended(),
    ]
    for event in events:
        record = json.loads(json.dumps(event_record(event)))
        row = next(line for line in page.splitlines() if line.startswith(f"| `{record['event']}` |"))
        for name in record.keys() - {"event", "at"}:
            assert f"`{name}`" in row, (record["event"], name)


def test_a_finished_picture_is_told_with_its_file_and_verdict(run_events):
    record = event_record(run_events.done(notices=("the prompt names no place",)))

    assert record["file"] == "00123/kitchen-5.png"
    assert (record["status"], record["sku"], record["row"]) == ("pass", "00123", 12)
    assert record["seconds"] == {"relight": 1.5, "identity": 0.25}


def test_a_failure_says_whether_it_is_final_and_whose_fault_it_is(run_events):
    record = event_record(run_events.failed(is_final=False))

    assert (record["final"], record["whose"], record["kind"]) == (False, "row", "SegmentationError")
