"""Templates over columns: what they fill, what they choose, and what can never be slipped into them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen.catalogue import Order, Wishes, check_catalogue, order_shot, plan_orders, read_catalogue
from prodgen.catalogue.templates import read_template
from prodgen.errors import SettingError, SheetError
from prodgen.text2image.wildcards import MAX_PROMPT, Wildcards

Sheet = Callable[..., Path]


def filled(text: str, *, seed: int = 0, folder: Path | None = None, **cells: str) -> str:
    return read_template(text).fill(cells, wildcards=Wildcards(folder), seed=seed)


def order_of(path: Path, **wishes: object) -> Order:
    catalogue = read_catalogue(path)
    check_catalogue(catalogue, Wishes(**wishes))
    (order,) = plan_orders(catalogue, Wishes(**wishes))
    return order


def test_columns_are_put_in_however_their_names_are_spelled():
    assert filled("{name} on a {Floor Type}, {{x}}", name="Mug", floor_type="oak") == "Mug on a oak, {x}"


@pytest.mark.parametrize(
    "text",
    [
        "{name.__class__}",
        "{name[0]}",
        "{name!r}",
        "{name:>9}",
        "{0}",
        "{}",
        "{ }",
        "{name",
        "name}",
        "{a{b}}",
        "\U000f0000 {a}",
        "{a\nb}",
    ],
)
def test_nothing_but_a_columns_name_may_stand_in_braces(text: str):
    with pytest.raises(SettingError):
        read_template(text)


def test_a_deep_or_endless_template_is_refused_in_a_sentence():
    for text in (
        "{" * 5001,
        "{a|" * 2000 + "}" * 2000 + "}}}",
        "".join(f"{{a{number}}}" for number in range(500)),
        "{a|" * 50_000 + "}" * 50_000,
    ):
        with pytest.raises(SettingError) as caught:
            read_template(text)
        assert len(str(caught.value)) < 300


def test_the_seed_alone_decides_alternatives_and_wildcards(tmp_path: Path):
    (tmp_path / "surface.txt").write_text("oak\nmarble\nslate\n")
    text = "{name} on {a small|a large|{an old|a new}} __surface__"

    seen = {filled(text, seed=seed, folder=tmp_path, name="Mug") for seed in range(60)}

    assert len(seen) == 12
    assert all(prompt.startswith("Mug on a") for prompt in seen)
    assert [filled(text, seed=5, folder=tmp_path, name="Mug") for _ in range(3)] == [
        filled(text, seed=5, folder=tmp_path, name="Mug")
    ] * 3


def test_alternatives_may_hold_columns():
    assert {filled("{in {a}|on {b}}", seed=seed, a="snow", b="oak") for seed in range(20)} == {
        "in snow",
        "on oak",
    }


@given(cell=st.text(max_size=60))
def test_what_a_cell_holds_stays_words(cell: str):
    for text in ("{name}, oak", "{name}{|}, oak"):
        prompt = filled(text, seed=1, name=cell, sku="SECRET")

        assert "SECRET" not in prompt
        assert "<" not in prompt
        assert "\n" not in prompt
        words = "".join(cell.replace("<", "‹").replace(">", "›").split())
        assert (
            "".join(prompt.split()).startswith(
                "".join(letter for letter in words if letter.isprintable())[:5]
            )
            or not words.isprintable()
        )


@pytest.mark.parametrize(
    "cell", ["{sku}", "{{sku}}", "{a|b}", "__surface__", "<lora:evil:1>", "\U000f0001", "${sku}%s"]
)
def test_no_cell_is_read_as_a_template(sheet: Sheet, tmp_path: Path, cell: str):
    (tmp_path / "surface.txt").write_text("oak\n")
    path = sheet(f'photo,sku,name\nphotos/1.jpg,SECRET,"{cell}"\n')

    order = order_of(path, prompt="{name} in {snow|snow}", wildcards=tmp_path)
    shot = order_shot(order, root=tmp_path)

    assert order.prompt == f"{cell} in snow".replace("<", "‹").replace(">", "›")
    assert shot.loras == ()


def test_a_lora_in_the_prompt_itself_is_one(sheet: Sheet, tmp_path: Path):
    path = sheet('photo,sku,prompt\nphotos/1.jpg,a,"oak <lora:film:0.5>"\n')

    shot = order_shot(order_of(path), root=tmp_path)

    assert [(lora.name, lora.weight) for lora in shot.loras] == [("film", 0.5)]


def test_two_cells_cannot_make_a_lora_together(sheet: Sheet, tmp_path: Path):
    path = sheet("photo,sku,x,y\nphotos/1.jpg,a,<lora,:evil:1>\n")

    assert order_shot(order_of(path, prompt="{x}{y}"), root=tmp_path).loras == ()


def test_newlines_quotes_and_emoji_become_one_line(sheet: Sheet):
    path = sheet('photo,sku,name,prompt\nphotos/1.jpg,a,"Big\r\n""Mug"" 😀","a {name}\non\toak"\n')

    assert order_of(path).prompt == 'a Big "Mug" 😀 on oak'


def test_a_prompt_that_grows_too_long_is_a_fault_of_its_row(sheet: Sheet):
    path = sheet(f"photo,sku,name\nphotos/1.jpg,a,{'x' * MAX_PROMPT}\n")

    with pytest.raises(SheetError, match=r"row 2.*8,00\d characters"):
        order_of(path, prompt="a {name}")


def test_a_name_that_is_no_column_is_told_once_with_the_nearest(sheet: Sheet):
    path = sheet("photo,sku,surface\nphotos/1.jpg,a,oak\nphotos/2.jpg,b,oak\n")

    with pytest.raises(SheetError) as caught:
        order_of(path, prompt="on {surfcae}", name="{colr}")

    assert [fault.column for fault in caught.value.faults] == ["prompt", "name"]
    assert "'surface'" in str(caught.value)


def test_cells_left_empty_that_a_prompt_names_are_told(sheet: Sheet):
    catalogue = read_catalogue(sheet("photo,sku,Surface\nphotos/1.jpg,a,\nphotos/2.jpg,b,oak\n"))

    summary = check_catalogue(catalogue, Wishes(prompt="on {surface}"))

    assert any("'Surface' is empty in 1" in notice for notice in summary.notices)


def test_a_missing_folder_of_wildcards_is_one_fault_of_the_command_for_each_template(sheet: Sheet):
    path = sheet("photo,sku\nphotos/1.jpg,a\nphotos/2.jpg,b\nphotos/3.jpg,c\n")
    for asked, names in (
        ({"prompt": "on __surface__"}, ["surface"]),
        ({"scenes": (("in", "on __surface__"), ("out", "in __garden__"))}, ["surface", "garden"]),
        ({"prompt": "x", "negative_prompt": "__dirt__"}, ["dirt"]),
    ):
        with pytest.raises(SheetError) as caught:
            order_of(path, **asked)

        assert [fault.row for fault in caught.value.faults] == [0] * len(names)
        for fault, name in zip(caught.value.faults, names, strict=True):
            assert f"{name}.txt is: --wildcards DIR" in fault.what


@pytest.mark.parametrize("column", ["prompt", "negative_prompt"])
def test_a_wildcard_in_a_cell_that_cannot_be_filled_is_a_fault_of_its_row(sheet: Sheet, column: str):
    path = sheet(f"photo,sku,{column}\nphotos/1.jpg,a,x\nphotos/2.jpg,b,__surface__\n")

    with pytest.raises(SheetError) as caught:
        order_of(path, prompt="on oak")

    assert [(fault.row, fault.column) for fault in caught.value.faults] == [(3, column)]


def test_a_folder_of_wildcards_that_is_none_is_refused_before_a_sheet_is_read(tmp_path: Path):
    with pytest.raises(SettingError, match="wildcards must be a folder"):
        Wishes(prompt="x", wildcards=tmp_path / "none")
