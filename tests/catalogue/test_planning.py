"""From a sheet to orders: what a row asks, seeds, slots, matrices, and every fault with its place."""

from __future__ import annotations

import hashlib
import json
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from prodgen.catalogue import Order, Wishes, check_catalogue, order_shot, plan_orders, read_catalogue
from prodgen.catalogue.file_names import safe_name
from prodgen.errors import IdleSettingError, SettingError, SheetError

Sheet = Callable[..., Path]


def orders(path: Path, **wishes: object) -> list[Order]:
    catalogue, asked = read_catalogue(path), Wishes(**{"prompt": "on a table", **wishes})
    check_catalogue(catalogue, asked)
    return list(plan_orders(catalogue, asked))


def faults(path: Path, **wishes: object) -> list[tuple[int, str, str]]:
    with pytest.raises(SheetError) as caught:
        orders(path, **wishes)
    assert caught.value.total >= len(caught.value.faults) > 0
    return [(fault.row, fault.column, str(fault)) for fault in caught.value.faults]


def test_a_row_becomes_an_order_with_its_prompt_seed_and_file(sheet: Sheet, shop: Path):
    (order,) = orders(sheet("photo,sku,name\nphotos/1.jpg,00123,Mug\n"), prompt="{name} on oak")

    assert order.slot == order.sku == "00123"
    assert order.row == 2
    assert order.photo == str(shop / "photos/1.jpg")
    assert order.prompt == "Mug on oak"
    assert order.output == f"00123/00123-{order.seed}.png"
    assert Order.from_json(order.as_json()) == order


def test_a_cell_goes_before_what_is_asked_of_all_and_an_empty_cell_does_not(sheet: Sheet):
    path = sheet("photo,sku,steps,light,prompt,seed\nphotos/1.jpg,a,12,left,in snow,7\nphotos/2.jpg,b,,,,\n")

    own, common = orders(path, settings={"steps": 20, "cfg_scale": 3.0}, light="right", seed=5)

    assert own.asked_for["settings"] == {"steps": "12", "cfg_scale": 3.0}
    assert (own.asked_for["light"], own.prompt, own.seed) == ("left", "in snow", 7)
    assert common.asked_for["settings"] == {"steps": 20, "cfg_scale": 3.0}
    assert (common.asked_for["light"], common.prompt, common.seed) == ("right", "on a table", 5)


def test_an_order_is_the_shot_that_it_asks_for(sheet: Sheet, shop: Path, tmp_path: Path):
    path = sheet(
        "photo,sku,Steps,Light,LoRA,box,matte\n"
        'photos/1.jpg,a,12,soft left,detail:0.4; film,"10%,10%,90%,90%",photos/2.jpg\n'
    )
    (order,) = orders(path)

    shot = order_shot(order, root=tmp_path)

    assert shot.photo == shop / "photos/1.jpg"
    assert shot.matte == shop / "photos/2.jpg"
    assert shot.output == tmp_path / order.output
    assert [(lora.name, lora.weight) for lora in shot.loras] == [("detail", 0.4), ("film", 1.0)]
    assert shot.box == "10%,10%,90%,90%"
    assert any(getattr(stage, "steps", None) == 12 for stage in shot.recipe.stages)
    assert shot.lights
    json.dumps(dict(order.asked_for))


def test_every_product_is_shown_in_every_scene_as_often_as_asked(sheet: Sheet):
    path = sheet("photo,sku,name\nphotos/1.jpg,a,Mug\nphotos/2.jpg,b,Pot\n")

    made = orders(
        path, prompt="", scenes=(("kitchen", "{name}, kitchen"), ("beach", "{name}, beach")), count=2
    )

    assert [order.slot for order in made] == [
        *("a/kitchen", "a/kitchen/2", "a/beach", "a/beach/2"),
        *("b/kitchen", "b/kitchen/2", "b/beach", "b/beach/2"),
    ]
    assert [order.scene for order in made[:3]] == ["kitchen", "kitchen", "beach"]
    assert made[2].output == f"a/beach-{made[2].seed}.png"
    assert made[1].seed == (made[0].seed + 1) % 2**32
    assert len({order.output for order in made}) == 8
    assert [order.is_repeat for order in made] == [False, True] * 4
    shots = [order_shot(order, root=path.parent) for order in made[:2]]
    assert [shot.is_repeat for shot in shots] == [False, True]


def test_pictures_whose_words_differ_do_not_differ_by_their_seed_alone(sheet: Sheet):
    path = sheet("photo,sku\nphotos/1.jpg,a\n")

    made = orders(path, prompt="on {oak|slate|marble|moss|sand|snow}", count=12)

    assert len({order.prompt for order in made}) == 12 - sum(order.is_repeat for order in made) > 1


def test_every_product_is_shown_at_so_many_places_of_each_scene_from_one_seed(sheet: Sheet):
    path = sheet("photo,sku,fill\nphotos/1.jpg,a,0.4\n")
    one, three = orders(path, prompt="{scene}oak"), orders(path, prompt="{scene}oak", variants=3)
    scenes = orders(path, prompt="", scenes=(("k", "kitchen"), ("b", "beach")), variants=2, count=2)

    assert [order.slot for order in three] == ["a/auto", "a/left-third", "a/right-third"]
    assert {order.seed for order in three} == {one[0].seed}
    assert {order.prompt for order in three} == {"oak"}
    assert [order.asked_for["settings"] for order in three][1] == {"fill": "0.4", "place": "left-third"}
    assert three[1].output == f"a/left-third-{one[0].seed}.png"
    assert len({order.output for order in scenes}) == len({order.digest for order in scenes}) == 8
    assert scenes[4].slot == "a/b/auto"


def test_variants_choose_the_places_themselves(sheet: Sheet):
    found = faults(sheet("photo,sku,place\nphotos/1.jpg,a,low\nphotos/2.jpg,b,\n"), variants=2)

    assert [(row, column) for row, column, _ in found] == [(2, "place")]
    with pytest.raises(IdleSettingError, match="place"):
        Wishes(prompt="x", variants=2, settings={"place": "low"})
    with pytest.raises(IdleSettingError, match="place"):
        Wishes(recipe="outpaint", variants=2)


def test_a_seed_is_made_of_the_slot_alone_and_stays_when_the_sheet_grows(sheet: Sheet):
    before = orders(sheet("photo,sku\nphotos/1.jpg,a\n"))
    after = orders(sheet("sku,photo\nb,photos/2.jpg\na,photos/1.jpg\n"), count=3)

    first = int(hashlib.sha256(b"a").hexdigest(), 16) % 2**32
    assert before[0].seed == first
    assert [order.seed for order in after if order.sku == "a"] == [first, first + 1, first + 2]
    assert before[0].slot in {order.slot for order in after}


def test_rows_of_one_sku_are_apart_by_their_scene_column(sheet: Sheet):
    made = orders(sheet("photo,sku,scene\nphotos/1.jpg,a,front\nphotos/2.jpg,a,back\n"))

    assert [order.slot for order in made] == ["a/front", "a/back"]


def test_two_rows_of_one_sku_are_a_fault_of_the_second(sheet: Sheet):
    found = faults(sheet("photo,sku\nphotos/1.jpg,a\nphotos/2.jpg,b\nphotos/3.jpg,a\n"))

    assert [(row, column) for row, column, _ in found] == [(4, "sku")]
    assert "row 2" in found[0][2]


def test_a_long_sheet_that_was_pasted_twice_is_refused(sheet: Sheet, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("prodgen.catalogue.order_planning.MOST_KNOWN", 100)
    rows = "".join(f"photos/1.jpg,{number}\n" for number in range(150))

    with pytest.raises(SheetError) as caught:
        orders(sheet("photo,sku\n" + 2 * rows))

    assert caught.value.total == 100
    assert str(caught.value.faults[0]).startswith("row 152, sku: '0' stands in row 2 already")


def test_two_rows_that_would_write_one_file_are_a_fault(sheet: Sheet):
    path = sheet("photo,sku,kind\nphotos/1.jpg,a,mug\nphotos/2.jpg,b,mug\n")

    found = faults(path, name="{kind}")

    assert found[0][0] == 3
    assert "row 2" in found[0][2]


def test_files_that_differ_in_case_only_are_a_fault(sheet: Sheet):
    found = faults(sheet("photo,sku\nphotos/1.jpg,Mug\nphotos/2.jpg,mUG\n"), name="{sku}")

    assert found[0][0] == 3
    assert "case" in found[0][2]


def test_all_faults_of_a_sheet_are_told_with_row_and_column(sheet: Sheet):
    path = sheet(
        "Photo,SKU,Steps,Light,Box,Seed,Prompt\n"
        "photos/none.jpg,a,many,left,,,\n"
        ",b,,sideways,,-1,\n"
        'photos/1.jpg,c,,,"1,2",1.5,{nme}\n'
    )

    found = faults(path)

    assert {(row, column) for row, column, _ in found} == {
        *((2, "Photo"), (2, "Steps")),
        *((3, "Photo"), (3, "Light"), (3, "Seed")),
        *((4, "Box"), (4, "Seed"), (4, "Prompt")),
    }
    assert all(len(text) < 300 and "\n" not in text for *_, text in found)


def test_a_thousand_faults_are_counted_and_two_hundred_told(sheet: Sheet):
    path = sheet("photo,sku\n" + "".join(f"no/{number}.jpg,{number}\n" for number in range(1000)))

    with pytest.raises(SheetError) as caught:
        orders(path)

    assert caught.value.total == 1000
    assert len(caught.value.faults) == 200
    assert "1,000 faults" in str(caught.value)
    assert "800 more" in str(caught.value)


def test_a_fault_of_the_command_itself_is_told_once_and_not_for_each_row(sheet: Sheet):
    found = faults(sheet("photo,sku\nphotos/1.jpg,a\nphotos/2.jpg,b\n"), prompt="")

    assert [row for row, *_ in found] == [0]
    assert "prompt" in found[0][2]


def test_a_sheet_without_photos_says_which_columns_there_are(sheet: Sheet):
    found = faults(sheet("foto,sku\nphotos/1.jpg,a\n"))

    assert found[0][0] == 0
    assert re.search("'foto'.*'sku'", found[0][2])


def test_a_slip_in_a_column_that_is_not_used_is_told(sheet: Sheet):
    catalogue = read_catalogue(sheet("photo,sku,promt\nphotos/1.jpg,a,in snow\n"))

    summary = check_catalogue(catalogue, Wishes(prompt="on a table"))

    assert any("'promt'" in notice and "'prompt'" in notice for notice in summary.notices)


def test_a_setting_that_the_recipe_lacks_is_told(sheet: Sheet):
    path = sheet("photo,sku,recipe,light\nphotos/1.jpg,a,packshot,left\n")

    found = faults(path, prompt="")

    assert [(row, column) for row, column, _ in found] == [(2, "light")]


@pytest.mark.parametrize("cells", ["packshot,flat", "relight,sideways", "relight,100"])
def test_a_pose_that_cannot_be_is_told_with_its_column(sheet: Sheet, cells: str):
    path = sheet(f"photo,sku,recipe,pose\nphotos/1.jpg,a,{cells}\n")

    found = faults(path, prompt="" if "packshot" in cells else "on oak")

    assert [(row, column) for row, column, _ in found] == [(2, "pose")]


def test_a_pose_is_a_rows_own_before_that_of_all(sheet: Sheet):
    path = sheet("photo,sku,pose\nphotos/1.jpg,a,flat\nphotos/2.jpg,b,\n")

    own, common = orders(path, pose="35")

    assert (own.asked_for["pose"], common.asked_for["pose"]) == ("flat", "35")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"settings": {"stepps": 3}}, "'stepps'"),
        ({"prompt": "{a"}, "prompt cannot be read"),
        ({"negative_prompt": "{a"}, "negative_prompt cannot be read"),
        ({"scenes": (("day", "{a"),)}, "day cannot be read"),
        ({"scenes": (("day", "x"), ("day", "y"))}, "a name of its own each, not 'day'"),
        ({"scenes": (("", "x"),)}, "a name of its own each"),
        ({"scenes": (("day", "x"),), "prompt": "y"}, "each scene brings its own prompt"),
        ({"ending": ".gif"}, "ending"),
        ({"name": "../{sku}"}, "run's folder"),
        ({"loras": ("film:much",)}, "film:much"),
        ({"light": "sideways"}, "sideways"),
        ({"pose": "sideways"}, "auto, upright, flat, or the angle"),
        ({"box": "1,2"}, "box"),
        ({"points": "+1"}, "points"),
    ],
)
def test_wrong_wishes_are_refused_before_a_sheet_is_read(wrong: dict[str, object], words: str):
    with pytest.raises(SettingError, match=re.escape(words)):
        Wishes(**wrong)


def test_a_setting_that_no_stage_of_the_recipe_takes_is_refused_before_a_sheet_is_read():
    with pytest.raises(IdleSettingError):
        Wishes(recipe="packshot", settings={"steps": 3})


def test_only_and_limit_keep_order_and_completeness(sheet: Sheet):
    """C17: "every second skipped"."""
    rows = "".join(
        f"photos/{number % 9 + 1}.jpg,{'MUG' if number % 3 else 'POT'}-{number}\n" for number in range(60)
    )
    path = sheet("photo,sku\n" + rows)

    mugs = [order.sku for order in orders(path, only="MUG-*")]
    first = [order.sku for order in orders(path, only="MUG-*", limit=7, count=2)]

    assert mugs == [f"MUG-{number}" for number in range(60) if number % 3]
    assert first == [sku for sku in mugs[:7] for _ in range(2)]


def test_a_plan_breaks_off_at_the_first_row_with_a_fault(sheet: Sheet):
    for rows in ("photos/1.jpg,a\n,b\nphotos/3.jpg,c\n", "photos/1.jpg,a\n,b\n"):
        plan = plan_orders(read_catalogue(sheet("photo,sku\n" + rows)), Wishes(prompt="x"))

        assert next(plan).sku == "a"
        with pytest.raises(SheetError, match="row 3"):
            next(plan)


def test_a_summary_counts_rows_products_and_pictures(sheet: Sheet):
    path = sheet("photo,sku,scene\nphotos/1.jpg,a,front\nphotos/2.jpg,a,back\nphotos/3.jpg,b,\n")

    summary = check_catalogue(read_catalogue(path), Wishes(prompt="x", count=2))

    assert (summary.rows, summary.products, summary.orders) == (3, 2, 6)


def test_a_catalogue_that_asks_for_nothing_is_refused(sheet: Sheet):
    with pytest.raises(SettingError, match="asks for no product"):
        orders(sheet("photo,sku\n"))
    with pytest.raises(SettingError, match="only must be like the sku of a product"):
        orders(sheet("photo,sku\nphotos/1.jpg,a\n"), only="MUG-*")


def test_faults_of_rows_that_are_not_chosen_do_not_matter(sheet: Sheet):
    path = sheet("photo,sku\nphotos/1.jpg,a\nnone.jpg,b\n")

    assert len(orders(path, only="a")) == len(orders(path, limit=1)) == 1


def test_a_sku_is_the_name_of_the_photograph_where_the_sheet_has_none(sheet: Sheet):
    assert orders(sheet("photo\nphotos/3.jpg\n"))[0].sku == "3"


def test_the_digest_tells_a_changed_recipe_file_and_not_a_moved_folder(
    shop: Path, sheet: Sheet, tmp_path: Path
):
    recipe = shop / "mine.toml"
    recipe.write_text((Path(__file__).parents[2] / "prodgen/shots/recipes/relight.toml").read_text("utf-8"))
    path = sheet("photo,sku,recipe,matte\nphotos/1.jpg,a,mine.toml,photos/2.jpg\n")
    (before,) = orders(path)

    shop.rename(tmp_path / "moved")
    (moved,) = orders(tmp_path / "moved/sheet.csv")
    recipe = tmp_path / "moved/mine.toml"
    recipe.write_text(recipe.read_text("utf-8") + "# changed\n")
    (changed,) = orders(tmp_path / "moved/sheet.csv")

    assert before.photo != moved.photo
    assert before.digest == moved.digest != changed.digest


def test_the_memory_of_a_plan_does_not_grow_with_the_sheet(sheet: Sheet, monkeypatch: pytest.MonkeyPatch):
    for room in ("output_pattern", "row_orders"):  # its cache has a size, but would still be filling
        monkeypatch.setattr(f"prodgen.catalogue.{room}.safe_name", safe_name.__wrapped__)

    def peak(rows: int) -> int:
        lines = (f"photos/{number % 9 + 1}.jpg,{number:08d},Mug {number}\n" for number in range(rows))
        path = sheet("photo,sku,name\n" + "".join(lines))
        catalogue, wishes = read_catalogue(path), Wishes(prompt="{name} in snow")
        tracemalloc.start()
        try:
            summary = check_catalogue(catalogue, wishes)
            assert summary.orders == sum(1 for _ in plan_orders(catalogue, wishes)) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    few, many = peak(100), peak(1100)

    assert many - few < 1000 * 100, "100 bytes for each further row"


def test_a_cell_may_name_several_lights(sheet):
    (order,) = orders(sheet("photo,sku,light\nphotos/1.jpg,a,soft left; #0044ff back-right\n"), prompt="x")

    shot = order_shot(order, root=Path("out"))

    assert [(light.azimuth_deg, light.color) for light in shot.lights] == [(-80, None), (140, "#0044ff")]
