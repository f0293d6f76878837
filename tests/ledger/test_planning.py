"""What a plan finds: what is done stays done as long as content proves it; otherwise it says why not."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from prodgen.errors import LedgerError
from prodgen.ledger import OrderFailure, open_run, preview

PROMPT = OrderFailure("SegmentationError", "no product was found; give --matte", "row")


def test_everything_is_new_the_first_time(shop):
    assert shop.run(shop.orders(3)) == {"new": 3}


def test_the_same_sheet_again_makes_nothing(shop):
    shop.run(shop.orders(3))

    assert shop.run(shop.orders(3)) == {}
    assert len(shop.drawn) == 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"prompt": "on a beach"}, "prompt changed"),
        ({"seed": 8}, "seed changed"),
        ({"asked_for": {"light": "left"}}, "settings changed"),
        ({"output": "elsewhere.png"}, "file name changed"),
    ],
)
def test_a_changed_row_is_made_again_and_only_that(shop, change, why):
    shop.run(shop.orders(3))
    orders = shop.orders(3)
    orders[1] = replace(orders[1], **change)

    assert shop.run(orders) == {why: 1}
    assert shop.drawn[3:] == [orders[1].slot]
    assert shop.run(orders) == {}


def test_a_row_that_only_moved_in_the_sheet_is_not_made_again(shop):
    shop.run(shop.orders(3))

    assert shop.run([replace(order, row=order.row + 10) for order in reversed(shop.orders(3))]) == {}
    assert list(shop.states()) == [order.slot for order in reversed(shop.orders(3))]


def test_a_changed_photograph_is_photographed_anew(shop):
    shop.run(shop.orders(3))
    shop.photo("2.jpg", b"the product has another colour now")

    assert shop.run(shop.orders(3)) == {"photo changed": 1}
    assert shop.run(shop.orders(3)) == {}


def test_a_photograph_of_equal_size_and_another_content_is_found(shop):
    """The size says nothing, and the time was set back to when the picture was made."""
    shop.run(shop.orders(1))
    photo = shop.photos / "1.jpg"
    photo.write_bytes(photo.read_bytes()[::-1])

    assert shop.run(shop.orders(1)) == {"photo changed": 1}


def test_a_photograph_that_was_only_touched_or_moved_is_not(shop):
    shop.run(shop.orders(2))
    (shop.photos / "1.jpg").touch()
    (shop.photos / "2.jpg").rename(shop.photos / "renamed.jpg")
    orders = [*shop.orders(1), shop.order(2, photo=str(shop.photos / "renamed.jpg"))]

    assert shop.run(orders) == {}


def test_a_photograph_that_changes_while_its_picture_is_made_is_found_next_time(shop):
    order = shop.order(1)
    with open_run(shop.out) as run:
        run.ledger.plan([order])
        claim = shop.take(run)
        record = shop.draw(claim.order)
        shop.photo("1.jpg", b"a new photograph, put there before the ledger heard of the picture")
        run.ledger.finish(claim, record)

    assert shop.run([order]) == {"photo changed": 1}


def test_a_matte_counts_as_the_photograph_does(shop):
    matte = shop.photo("matte.png", b"a matte")
    order = shop.order(1, asked_for={"matte": str(matte)})
    shop.run([order])
    shop.photo("matte.png", b"a better matte")

    assert shop.run([order]) == {"matte changed": 1}


def test_a_picture_that_is_gone_or_was_changed_is_made_again(shop):
    shop.run(shop.orders(3))
    (shop.out / shop.order(1).output).unlink()
    (shop.out / shop.order(2).output).write_bytes(b"somebody saved over it")

    assert shop.run(shop.orders(3)) == {"picture is gone": 1, "picture was changed": 1}


def test_a_shadow_of_its_own_that_is_gone_is_made_again_with_its_picture(shop):
    order = shop.order(1, asked_for={"settings": {"transparent": True, "shadow_layer": True}})
    shadow = (shop.out / order.output).with_name(f"{Path(order.output).stem}-shadow.png")
    shop.run([order])

    assert shop.run([order]) == {"its shadow is gone": 1}
    shadow.write_bytes(b"a shadow")
    assert shop.run([order]) == {}


def test_a_picture_that_was_only_copied_back_is_not(shop):
    """Its time differs, its content does not."""
    shop.run(shop.orders(1))
    os.utime(shop.out / shop.order(1).output, (5, 5))

    assert shop.run(shop.orders(1)) == {}


def test_only_verify_reads_a_file_whose_size_and_time_are_as_they_were(shop):
    shop.run(shop.orders(1))
    picture = shop.out / shop.order(1).output
    was = picture.stat()
    picture.write_bytes(picture.read_bytes()[::-1])
    os.utime(picture, ns=(was.st_atime_ns, was.st_mtime_ns))

    assert shop.run(shop.orders(1)) == {}
    assert shop.run(shop.orders(1), verify=True) == {"picture was changed": 1}


def test_what_failed_is_tried_again_when_the_command_is_started_again(shop):
    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(2))
        run.ledger.fail(shop.take(run), PROMPT, is_final=True)
        shop.make_all(run)
    assert sorted(shop.states().values()) == ["done", "failed"]

    assert shop.run(shop.orders(2)) == {"failed before": 1}


def test_a_sheet_that_grows_during_a_run_disturbs_neither_what_is_made_nor_what_failed(shop):
    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(2), others="keep")
        run.ledger.fail(shop.take(run), PROMPT, is_final=True)
        claim = shop.take(run)

        planned = run.ledger.plan(shop.orders(3), others="keep")

        assert planned.reasons == {"new": 2}, "one that is being made, and one more"
        assert list(shop.states().values()) == ["failed", "claimed", "waiting"]
        run.ledger.finish(claim, shop.draw(claim.order))
        assert list(shop.states().values()) == ["failed", "done", "waiting"]


def test_what_failed_in_this_run_is_tried_again_when_its_photograph_was_mended(shop):
    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(1))
        run.ledger.fail(shop.take(run), PROMPT, is_final=True)
        shop.photo("1.jpg", b"a sharper photograph")

        assert run.ledger.plan(shop.orders(1), others="keep").reasons == {"failed before": 1}


def test_a_row_changed_while_it_is_made_is_made_anew(shop):
    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(1))
        claim = shop.take(run)
        run.ledger.plan([shop.order(1, prompt="in a forest")])
        run.ledger.finish(claim, shop.draw(claim.order))

        assert list(shop.states().values()) == ["waiting"]


def test_a_row_that_left_the_sheet_is_dropped_and_known_again_when_it_returns(shop):
    shop.run(shop.orders(3))

    assert shop.run(shop.orders(2)) == {}
    assert list(shop.states().values()) == ["done", "done", "dropped"]
    assert shop.run(shop.orders(3)) == {}
    assert len(shop.drawn) == 3


def test_a_part_of_the_sheet_leaves_in_the_report_what_is_done(shop):
    shop.run(shop.orders(2))
    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(4))

    assert shop.run(shop.orders(4)[3:], others="keep finished") == {"new": 1}
    assert sorted(shop.states().values()) == ["done", "done", "done", "dropped"]


def test_a_part_of_the_sheet_neither_forgets_nor_repeats_what_failed_in_the_rest(shop):
    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(2))
        run.ledger.fail(shop.take(run), PROMPT, is_final=True)

    assert shop.run([shop.order(2)], others="keep finished") == {"new": 1}
    assert list(shop.states().values()) == ["failed", "done"]


def test_a_prompt_that_is_changed_and_changed_back_costs_nothing(shop):
    shop.run(shop.orders(1))
    with open_run(shop.out) as run:
        assert run.ledger.plan([shop.order(1, prompt="in a forest")]).reasons == {"prompt changed": 1}

    assert shop.run(shop.orders(1)) == {}


def test_a_prompt_changed_in_a_run_that_was_stopped_still_says_so(shop):
    shop.run(shop.orders(1))
    changed = [shop.order(1, prompt="in a forest")]
    with open_run(shop.out) as run:
        run.ledger.plan(changed)

    assert shop.run(changed) == {"prompt changed": 1}


def test_a_picture_between_file_and_ledger_is_entered_instead_of_made(shop):
    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(2))
        shop.draw(shop.take(run).order)  # the process is killed here

    assert shop.run(shop.orders(2)) == {"new": 1}
    assert len(shop.drawn) == 2


@pytest.mark.parametrize("torn", ["picture", "sidecar", "photograph", "prompt"])
def test_a_picture_is_entered_only_if_its_content_proves_it(shop, torn):
    order = shop.order(1)
    shop.draw(order)
    sidecar = shop.out / order.output.replace(".png", ".json")
    if torn == "picture":
        (shop.out / order.output).write_bytes(b"\0" * (shop.out / order.output).stat().st_size)
    elif torn == "sidecar":
        sidecar.write_text(sidecar.read_text()[:-20])
    elif torn == "photograph":
        shop.photo("1.jpg", b"of another product")
    else:
        order = shop.order(1, prompt="in a forest")

    assert shop.run([order]) == {"new": 1}


@pytest.mark.parametrize(
    "content", [b"[]", b"null", b'{"order": 3, "digest": 1, "record": 2}', b"\xff", b"{}"]
)
def test_a_strange_file_in_the_sidecars_place_is_no_sidecar(shop, content):
    order = shop.order(1)
    shop.draw(order)
    (shop.out / order.output.replace(".png", ".json")).write_bytes(content)

    assert shop.run([order]) == {"new": 1}


def test_a_sidecar_keeps_the_story_beside_what_the_ledger_needs(shop):
    shop.draw(shop.order(1))

    kept = json.loads((shop.out / shop.order(1).output.replace(".png", ".json")).read_text())

    assert set(kept) == {"story", "order", "digest", "record"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "name"),
        ({"slot": "another"}, "output"),
        ({"slot": "another", "output": "00001/WHITE/1.png"}, "output"),
    ],
)
@pytest.mark.parametrize("between", [0, 1500])
def test_two_rows_for_one_picture_are_refused(shop, change, said, between):
    first, photo = shop.order(1), str(shop.photo("all.jpg"))
    others = [shop.order(number, photo=photo) for number in range(2, 2 + between)]

    with open_run(shop.out) as run, pytest.raises(LedgerError, match=f"rows 2 and 99: both have the {said}"):
        run.ledger.plan([first, *others, replace(first, row=99, **change)])


def test_a_preview_says_what_a_plan_would_and_writes_nothing(shop):
    assert preview(shop.out, shop.orders(3)).reasons == {"new": 3}
    assert not shop.out.exists()
    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(4))
        run.ledger.fail(shop.take(run), PROMPT, is_final=True)
        claim = shop.take(run)
        run.ledger.finish(claim, shop.draw(claim.order))
        shop.take(run)
    before = {path: path.read_bytes() for path in shop.out.rglob("*") if path.is_file()}

    planned = preview(shop.out, [*shop.orders(3), shop.order(4, prompt="in a forest"), shop.order(5)])

    assert (planned.total, planned.done) == (5, 1)
    assert planned.reasons == {"failed before": 1, "new": 3}
    assert {path: path.read_bytes() for path in shop.out.rglob("*") if path.is_file()} == before


def test_a_preview_refuses_two_rows_for_one_picture_too(shop):
    with pytest.raises(LedgerError, match="both have the name"):
        preview(shop.out, [shop.order(1), shop.order(1)])


def test_a_photograph_behind_an_address_is_believed_as_long_as_the_address_stays(shop):
    order = shop.order(1)
    web = replace(order, photo="s3://shop/mug.jpg")
    with open_run(shop.out) as run:
        run.ledger.plan([web])
        claim = shop.take(run)
        record = replace(shop.draw(order), photo_sha256={web.photo: "0" * 64})
        run.ledger.finish(claim, record)
        assert run.ledger.plan([web]).reasons == {}
        assert run.ledger.plan([replace(web, photo="s3://shop/cup.jpg")]).reasons == {"photo changed": 1}


def test_a_photograph_that_is_gone_is_said(shop):
    shop.run(shop.orders(1))
    order = shop.order(1)
    Path(order.photo).unlink()
    with open_run(shop.out) as run:
        assert run.ledger.plan([order]).reasons == {"photo is gone": 1}


def test_a_photograph_written_twice_within_one_tick_of_the_clock_is_found(shop):
    order = shop.order(1)
    photo = Path(order.photo)
    photo.write_bytes(b"a photograph")
    was = photo.stat()
    shop.run([order])
    photo.write_bytes(b"another one.")
    os.utime(photo, ns=(was.st_atime_ns, was.st_mtime_ns))

    assert shop.run([order]) == {"photo changed": 1}


def test_another_photograph_of_equal_size_and_time_is_not_taken_for_the_first(shop):
    shop.run(shop.orders(1))
    other = shop.photo("other.jpg", b"photograph 2")

    assert shop.run([shop.order(1, photo=str(other))]) == {"photo changed": 1}
