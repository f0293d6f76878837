"""report.html and report.csv as files: whole, escaped, and true to the ledger."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest

from prodgen.errors import ImageError
from prodgen.report import PlaceFacts, RunFacts, write_report

HOSTILE = "</script><img src=x onerror=alert(1)><!--"


class _Seen(HTMLParser):
    """The tags of a page, and the text in each of its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.tags and self.lasttag == "script" and self.cdata_elem == "script":
            self.scripts[-1] += data


def page_of(folder):
    seen = _Seen()
    seen.feed((folder / "report.html").read_text("utf-8"))
    kinds = [attrs.get("class") for tag, attrs in seen.tags if tag == "script"]
    blocks = dict(zip(kinds, seen.scripts, strict=True))
    about = json.loads(blocks["about"])
    rows = [
        dict(zip(about["columns"], one, strict=True))
        for kind, text in zip(kinds, seen.scripts, strict=True)
        if kind == "rows"
        for one in json.loads(text)
    ]
    return seen, about, rows


def table_of(folder):
    return list(
        csv.DictReader(io.StringIO((folder / "report.csv").read_bytes().decode("utf-8-sig"), newline=""))
    )


def test_every_row_is_in_both_files_with_what_became_of_it(tmp_path, row):
    failure = {"kind": "SegmentationError", "reason": "no product was found; give --box", "whose": "row"}
    rows = [
        row("00123"),
        row("4006381333931", status="warn"),
        row("b", failure=failure),
        row("c", state="waiting"),
    ]

    write_report(tmp_path, iter(rows), title="spring")

    _, about, shown = page_of(tmp_path)
    assert [about["statuses"][one["status"]] for one in shown] == ["pass", "warn", "failed", "waiting"]
    assert [one["sku"] for one in shown] == ["00123", "4006381333931", "b", "c"]
    table = table_of(tmp_path)
    assert [line["sku"] for line in table] == ["00123", "4006381333931", "b", "c"]
    assert table[2]["failure"] == "SegmentationError"
    assert table[2]["reasons"] == "no product was found; give --box"
    assert table[0]["sidecar"] == "00123/kitchen-7.json"


def test_what_was_dropped_from_the_sheet_is_not_reported(tmp_path, row):
    write_report(tmp_path, [row("a"), row("b", state="dropped")], title="spring")

    assert len(page_of(tmp_path)[2]) == len(table_of(tmp_path)) == 1


def test_nothing_from_outside_becomes_markup(tmp_path, row):
    rows = [
        row(HOSTILE, prompt=HOSTILE, headline=HOSTILE, reasons=(HOSTILE,), place=HOSTILE),
        row("b", failure={"kind": HOSTILE, "reason": HOSTILE, "whose": "row"}),
    ]

    write_report(tmp_path, rows, title=HOSTILE, run=RunFacts(why=HOSTILE, places=(PlaceFacts(HOSTILE, 1),)))

    seen, about, shown = page_of(tmp_path)
    assert not [tag for tag, attrs in seen.tags if "onerror" in attrs or attrs.get("src") == "x"]
    assert shown[0]["sku"] == about["title"] == HOSTILE


def test_the_page_may_run_its_own_script_only_and_fetch_nothing(tmp_path, row):
    write_report(tmp_path, [row()], title="spring")

    seen, _, _ = page_of(tmp_path)
    policy = next(attrs["content"] for tag, attrs in seen.tags if attrs.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:", policy)
    assert not [attrs for tag, attrs in seen.tags if tag in ("link", "img", "iframe") and "src" in attrs]
    assert not [attrs for tag, attrs in seen.tags if any(name.startswith("on") for name in attrs)]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_from_outside_is_no_formula_for_a_spreadsheet(tmp_path, row, start):
    write_report(tmp_path, [row("a", prompt=f"{start}1+1")], title="spring")

    assert table_of(tmp_path)[0]["prompt"] == f"'{start}1+1"


def test_a_negative_number_of_prodgens_own_stays_a_number(tmp_path, row):
    write_report(tmp_path, [row("a", identity={"outline_growth_percent": -1.25})], title="spring")

    assert table_of(tmp_path)[0]["outline_growth_percent"] == "-1.25"


def test_a_fault_on_the_way_leaves_the_old_report(tmp_path, row):
    write_report(tmp_path, [row("a")], title="old")
    before = {name: (tmp_path / name).read_bytes() for name in ("report.html", "report.csv")}

    def torn():
        yield row("b")
        raise RuntimeError("the ledger went away")

    with pytest.raises(RuntimeError):
        write_report(tmp_path, torn(), title="new")

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(tmp_path, row):
    (tmp_path / "out").write_text("a file")

    with pytest.raises(ImageError, match="is no folder"):
        write_report(tmp_path / "out", [row("a")], title="spring")


def test_names_that_are_no_utf_8_and_numbers_that_are_none_do_not_break_the_page(tmp_path, row):
    odd = row(
        "\udcff\ud83d",
        identity={"delta_e_mean": float("nan"), "detail": float("inf")},
        look={"fill": float("nan")},
    )

    write_report(tmp_path, [odd], title="spring")

    assert page_of(tmp_path)[2][0]["sku"] == "\udcff\ud83d"


def test_texts_that_repeat_are_written_once(tmp_path, row):
    prompt = "on a marble table " * 20
    write_report(tmp_path, [row(str(n), prompt=prompt) for n in range(50)], title="spring")

    seen, about, shown = page_of(tmp_path)
    assert "".join(seen.scripts).count("on a marble table on") < 30
    assert {about["words"][one["prompt"]] for one in shown} == {prompt}


def test_so_many_texts_that_they_cannot_be_kept_are_written_out(tmp_path, row, monkeypatch):
    monkeypatch.setattr("prodgen.report.page_rows.MOST_WORDS", 4)

    write_report(tmp_path, [row(str(n), prompt=f"prompt {n % 9}") for n in range(18)], title="spring")

    _, about, shown = page_of(tmp_path)
    told = [
        one["prompt"] if isinstance(one["prompt"], str) else about["words"][one["prompt"]] for one in shown
    ]
    assert told == [f"prompt {n % 9}" for n in range(18)]
    assert len(about["words"]) == 4


def test_a_row_that_is_being_made_is_no_failure(tmp_path, row):
    write_report(tmp_path, [row("a", state="claimed")], title="spring")

    assert table_of(tmp_path)[0]["status"] == "working"


def test_the_files_do_not_tell_where_on_this_machine_photographs_are(tmp_path, row):
    out = tmp_path / "shop" / "out"
    photos = [
        str(tmp_path / "shop" / "photos" / "a.jpg"),
        str(tmp_path / "elsewhere" / "b.jpg"),
        "s3://shop/c.jpg",
    ]

    write_report(out, [row(str(n), photo=photo) for n, photo in enumerate(photos)], title="spring")

    assert [one["photo"] for one in page_of(out)[2]] == ["../photos/a.jpg", None, None]
    assert [line["photo"] for line in table_of(out)] == ["a.jpg", "b.jpg", "s3://shop/c.jpg"]
    assert str(tmp_path) not in (out / "report.html").read_text("utf-8")


def test_excel_is_told_that_the_table_is_utf_8(tmp_path, row):
    write_report(tmp_path, [row("grün")], title="spring")

    assert (tmp_path / "report.csv").read_bytes().startswith("\ufeffsku,".encode())


def test_a_record_judged_by_limits_that_are_gone_is_reported_without_them(tmp_path, row):
    write_report(tmp_path, [row("a", profile="of an old version")], title="spring")

    assert table_of(tmp_path)[0]["nearest_to_its_limit"] == ""
    assert page_of(tmp_path)[2][0]["strain"] is None


def test_the_number_nearest_to_its_limit_is_told_with_how_near_it_is(tmp_path, row):
    write_report(tmp_path, [row("a", identity={"delta_e_mean": 6.0, "detail": 0.95})], title="spring")

    line = table_of(tmp_path)[0]
    assert (line["nearest_to_its_limit"], line["of_its_limit"]) == ("delta_e_mean", "0.75")  # 6 of 8
