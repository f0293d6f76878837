"""Names of pictures: safe on every file system, and never two for one file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen.catalogue import Wishes, check_catalogue, plan_orders, read_catalogue
from prodgen.catalogue.file_names import MAX_BYTES, as_disks_see, safe_name
from prodgen.catalogue.output_pattern import safe_path
from prodgen.errors import SettingError, SheetError
from prodgen.schema import seeds

Sheet = Callable[..., Path]

ODD = (
    *(
        "..",
        ".",
        "...",
        "A/B:1",
        "CON",
        "con.png",
        "NUL",
        "COM1",
        "lpt9.txt",
        "a.",
        "a ",
        " a",
        "-rf",
        "~",
        "{seed}",
    ),
    *(
        "a\0b",
        "a\nb",
        "a\\b",
        "C:\\x",
        "/etc/passwd",
        "../../x",
        "a//b",
        "/",
        "%2e%2e",
        "a?b*c",
        '"x"',
        "<x>",
        "|",
    ),
    *(
        "thumbnails",
        "ledger.sqlite",
        "report.html",
        "run.lock",
        "Failed.csv",
        "x" * 300,
        "é" * 200,
        "=41",
        "B",
        "=~",
    ),
    *("\U000f0000", "\u202e", "日本語", "😀"),
)

texts = st.one_of(
    st.text(st.characters(blacklist_categories=("Cs",)), max_size=80),
    st.sampled_from(ODD),
    st.text("=A1/.~ con", max_size=6),
)


def is_safe(name: str) -> bool:
    stem = name.partition(".")[0].lower()
    return (
        len(name.encode()) <= MAX_BYTES
        and not re.search(r'[\x00-\x1f<>:"/\\|?*{}%#]', name)
        and not name.startswith((".", " ", "-"))
        and not name.endswith((".", " "))
        and stem not in ("con", "prn", "aux", "nul", "com1", "lpt9")
    )


@given(text=texts)
def test_every_text_becomes_a_safe_name(text: str):
    name = safe_name(text)

    assert is_safe(name)
    assert (name == "") == (text == "")


@given(first=texts, second=texts)
def test_no_two_texts_become_one_name(first: str, second: str):
    assert (safe_name(first) == safe_name(second)) == (first == second)
    assert (safe_path(first) == safe_path(second)) == (first == second)


@given(text=texts)
def test_a_name_says_what_it_was_made_of(text: str):
    name = safe_name(text)
    if "=~" not in name:
        raw = re.sub(rb"=([0-9A-F]{2})", lambda match: bytes.fromhex(match[1].decode()), name.encode())
        assert raw.decode("utf-8", "surrogatepass") == text


def test_no_name_turns_the_direction_of_writing():
    assert safe_name("mug-\u202egpj.exe") == "mug-=E2=80=AEgpj.exe"
    assert safe_name("\u2066a\u2069") == "=E2=81=A6a=E2=81=A9"
    assert safe_name("\u05d0\u05d1\u200d") == "\u05d0\u05d1\u200d", "Hebrew itself needs no sign for that"


def test_plain_skus_stay_as_they_are():
    for plain in ("00123", "90.750", "4006381333931", "Mug (red) No. 5", "tasse_blå+1", "日本語"):
        assert safe_name(plain) == plain


@pytest.mark.parametrize(
    "pattern", ["", "{sku}/{scene}-{seed}", "{sku}", "{number}/{sku}.jpg", "all/{kind} {sku}"]
)
def test_no_cell_leads_out_of_the_runs_folder(sheet: Sheet, tmp_path: Path, pattern: str):
    skus = {sku.strip(): None for sku in ODD if '"' not in sku and "\0" not in sku and sku.strip()}
    rows = "".join(f'photos/1.jpg,"{sku}",..\n' for sku in skus)
    catalogue = read_catalogue(sheet("photo,sku,kind\n" + rows))
    wishes = Wishes(prompt="x", name=pattern)

    check_catalogue(catalogue, wishes)
    orders = list(plan_orders(catalogue, wishes))

    assert len({as_disks_see(order.output) for order in orders}) == len(orders) > 30
    assert len({order.slot for order in orders}) == len(orders)
    for order in orders:
        target = Path(tmp_path / "OUT" / order.output)
        assert target.resolve().is_relative_to(tmp_path / "OUT")
        assert all(is_safe(part) or part.endswith((".png", ".jpg")) for part in order.output.split("/"))
        assert seeds.in_name(target, 1) == target, "what is written is what was planned"
        assert target.suffix in (".png", ".jpg")
        own = ("thumbnails", "ledger.", "report.", "failed.", "run.")
        assert not order.output.lower().startswith(own), "the run itself writes there"


@pytest.mark.parametrize(
    "pattern", ["../{sku}", "/tmp/{sku}", "a\\{sku}", "C:/{sku}", "{sku}/../../x", "{a|b}", "{{sku}}", "{sku"]
)
def test_a_pattern_that_leads_out_or_is_none_is_refused(pattern: str):
    with pytest.raises(SettingError):
        Wishes(name=pattern)


@pytest.mark.parametrize(
    "name", ["thumbnails", "Thumbnails", "ledger.sqlite", "RUN.lock", "report.html", "failed.csv", ".fetched"]
)
def test_a_pattern_cannot_begin_with_what_the_run_itself_writes(name: str):
    for pattern in (f"{name}/{{sku}}", name):
        with pytest.raises(SettingError, match=f"another name than {name!r}"):
            Wishes(name=pattern)
    Wishes(name=f"{{sku}}/{name}/{{seed}}")


def test_no_cell_makes_a_pattern_begin_with_what_the_run_itself_writes(sheet: Sheet):
    path = sheet("photo,sku,kind\nphotos/1.jpg,run,thumb\nphotos/2.jpg,report,Thumb\nphotos/3.jpg,a,\n")
    catalogue = read_catalogue(path)

    def names(pattern: str) -> list[str]:
        wishes = Wishes(prompt="x", name=pattern)
        check_catalogue(catalogue, wishes)
        return [order.output for order in plan_orders(catalogue, wishes)]

    assert names("{sku}") == ["=72un.png", "=72eport.png", "a.png"], "the sidecar of run.png is run.json"
    assert names("{kind}nails/{sku}") == ["=74humbnails/run.png", "=54humbnails/report.png", "nails/a.png"]
    assert names("{kind}/{sku}") == ["thumb/run.png", "Thumb/report.png", "a.png"]


def test_a_pattern_that_leaves_nothing_for_a_name_is_a_fault(sheet: Sheet):
    catalogue = read_catalogue(sheet("photo,sku,kind\nphotos/1.jpg,a,\n"))

    with pytest.raises(SheetError, match="is empty"):
        check_catalogue(catalogue, Wishes(prompt="x", name="{sku}/{kind}"))


def test_an_empty_folder_in_a_pattern_is_left_out(sheet: Sheet):
    catalogue = read_catalogue(sheet("photo,sku,kind\nphotos/1.jpg,a,\n"))

    assert next(plan_orders(catalogue, Wishes(prompt="x", name="{kind}/{sku}"))).output == "a.png"
