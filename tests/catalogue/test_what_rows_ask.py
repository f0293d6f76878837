"""What a row asks goes before what is asked of all; both reach the order, and the shot that is made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prodgen import files
from prodgen.catalogue import (
    Order,
    Wishes,
    check_catalogue,
    order_shot,
    plan_orders,
    read_catalogue,
    row_rules,
)
from prodgen.catalogue.row_orders import RowPlanner
from prodgen.errors import SettingError, SheetError, SheetFault
from prodgen.shots import shoot

Sheet = Callable[..., Path]

RELIGHT = Path(__file__).parents[2] / "prodgen/shots/recipes/relight.toml"


def orders(path: Path, **wishes: object) -> list[Order]:
    catalogue, asked = read_catalogue(path), Wishes(**{"prompt": "on a table", **wishes})
    check_catalogue(catalogue, asked)
    return list(plan_orders(catalogue, asked))


def faults(path: Path, **wishes: object) -> list[SheetFault]:
    with pytest.raises(SheetError) as caught:
        orders(path, **wishes)
    return list(caught.value.faults)


def places(found: list[SheetFault]) -> list[tuple[int, str]]:
    return [(fault.row, fault.column) for fault in found]


def test_a_scene_of_the_row_stands_before_a_scene_that_is_asked_of_all(sheet: Sheet):
    path = sheet("photo,sku,scene\nphotos/1.jpg,a,front\n")

    (order,) = orders(path, prompt="", scenes=(("kitchen", "{sku}: {scene}"),))

    assert (order.slot, order.scene) == ("a/front/kitchen", "front/kitchen")
    assert order.prompt == "a: front kitchen"
    assert order.output == f"a/front-kitchen-{order.seed}.png"
    assert order.seed == int(hashlib.sha256(b"a/front/kitchen").hexdigest(), 16) % 2**32


def test_prompts_that_scenes_leave_without_effect_are_told_unless_the_scenes_use_them(sheet: Sheet):
    catalogue = read_catalogue(sheet("photo,sku,Prompt\nphotos/1.jpg,a,in snow\nphotos/2.jpg,b,\n"))

    def notices(template: str) -> tuple[str, ...]:
        return check_catalogue(catalogue, Wishes(scenes=(("day", template),))).notices

    assert notices("at noon") == ("'Prompt' of 1 rows is not used, since scenes are given",)
    assert notices("{sku} {prompt}, at noon") == ("'Prompt' is empty in 1 prompts that name it",)


def test_a_negative_prompt_is_a_template_of_the_row_or_of_all(sheet: Sheet):
    path = sheet("photo,sku,name,negative_prompt\nphotos/1.jpg,a,Mug,no {name}\nphotos/2.jpg,b,Pot,\n")

    own, common = orders(path, negative_prompt="glare on {name}")

    assert own.asked_for["negative_prompt"] == "no Mug"
    assert common.asked_for["negative_prompt"] == "glare on Pot"


def test_what_is_asked_of_all_holds_where_a_row_says_nothing(sheet: Sheet):
    own_row = 'photos/2.jpg,b,film,"0%,0%,50%,50%","-1,1"'
    path = sheet(f"photo,sku,loras,box,points\nphotos/1.jpg,a,,,\n{own_row}\n")

    common, own = orders(path, loras=("oil:0.5",), box="10%,10%,90%,90%", points="+9,9")

    names = ("loras", "box", "points")
    assert [common.asked_for[name] for name in names] == [["oil:0.5"], "10%,10%,90%,90%", "+9,9"]
    assert [own.asked_for[name] for name in names] == [["film"], "0%,0%,50%,50%", "-1,1"]


def test_files_that_the_command_names_are_those_of_the_folder_where_it_was_given(
    sheet: Sheet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "mine.toml").write_text(RELIGHT.read_text("utf-8"))
    (tmp_path / "oak.png").touch()
    monkeypatch.chdir(tmp_path)
    path = sheet("photo,sku\nphotos/1.jpg,a\n")

    (order,) = orders(path, recipe="mine.toml", background="oak.png")
    (by_url,) = orders(path, background="https://shop.example/oak.png")

    assert order.asked_for["recipe"] == str(tmp_path / "mine.toml")
    assert order.pictures == (order.photo, str(tmp_path / "oak.png"))
    assert by_url.asked_for["background"] == "https://shop.example/oak.png"


def test_a_row_without_a_photograph_has_that_one_fault(sheet: Sheet):
    assert places(faults(sheet("photo,name\nphotos/1.jpg,Pot\n,Mug\n"))) == [(3, "photo")]


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("prompt", "oak <lora:film:much>"),
        ("seed", "4294967296"),
        ("points", "+1"),
        ("box", '"1,2"'),
        ("loras", "film:much"),
        ("steps", "many"),
    ],
)
def test_each_row_with_a_wrong_cell_has_its_fault_also_if_one_before_has_the_same(
    sheet: Sheet, column: str, cell: str
):
    rows = f"photos/1.jpg,a,{cell}\nphotos/2.jpg,b,\nphotos/3.jpg,c,{cell}\n"

    found = faults(sheet(f"photo,sku,{column}\n{rows}"))

    assert places(found) == [(2, column), (4, column)]


def test_a_wrong_cell_may_stand_in_a_column_that_was_not_meant_for_a_setting(sheet: Sheet):
    (fault,) = faults(sheet("photo,sku,Size\nphotos/1.jpg,a,XL\n"))

    assert fault.column == "Size"
    assert fault.remedy == "correct it, or rename the column if it is no setting"


def test_a_setting_without_effect_is_blamed_on_the_cell_that_asks_for_it(sheet: Sheet):
    path = sheet("photo,sku,recipe,negative_prompt\nphotos/1.jpg,a,packshot,glare\nphotos/2.jpg,b,,glare\n")

    assert (2, "negative_prompt") in places(faults(path, prompt="in snow"))


def test_rows_of_other_photographs_do_not_matter_where_photographs_are_chosen(sheet: Sheet, shop: Path):
    others = '{"photo"\n{"photo": "../2.jpg"}\n{"photo": "photos/3.jpg"}\n'
    path = sheet('{"photo": "photos/1.jpg"}\n' + others, "s.jsonl")

    chosen = orders(path, photos=frozenset({str(shop / "photos/1.jpg")}))

    assert [order.sku for order in chosen] == ["1"]
    assert orders(path, photos=frozenset({str(shop / "gone.jpg")})) == []


def test_what_many_kinds_of_rows_decide_is_not_remembered_for_ever(
    sheet: Sheet, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("prodgen.catalogue.row_orders.MOST_KNOWN", 3)
    rows = "".join(f"photos/1.jpg,{number},{number}\n" for number in range(1, 10))
    path = sheet("photo,sku,steps\n" + rows)
    planner = RowPlanner(read_catalogue(path), Wishes(prompt="x"), looks=False)

    assert len(list(planner.orders())) == 9
    assert len(planner._known) <= 3


def test_pictures_that_were_fetched_stand_for_their_urls_in_the_shot(sheet: Sheet, tmp_path: Path):
    row = 'https://x/1.jpg,a,https://x/2.png,https://x/3.png,https://x/4.png,glare,"+9,9"\n'
    path = sheet("photo,sku,matte,background,light_from,negative_prompt,points\n" + row)
    (order,) = orders(path, allow_urls=True)
    put = {url: tmp_path / url[-5:] for url in order.pictures}

    shot = order_shot(order, root=tmp_path, pictures=put)

    assert order.pictures == tuple(put)
    assert [shot.photo, shot.matte, shot.background, shot.light_from] == list(put.values())
    assert len(put) == 4
    assert shot.negative_prompt == "glare"
    assert shot.points == "+9,9"


def test_another_seed_is_another_digest_and_another_lora_another_kin(sheet: Sheet):
    one, two = orders(sheet("photo,sku,loras\nphotos/1.jpg,a,film\nphotos/2.jpg,b,oil\n"), seed=5)

    assert replace(one, seed=6).digest != one.digest
    assert replace(one, seed=6).kin == one.kin != two.kin


def test_a_recipe_that_is_changed_during_a_run_is_not_mixed_with_what_it_was(
    sheet: Sheet, shop: Path, tmp_path: Path
):
    (shop / "mine.toml").write_text(RELIGHT.read_text("utf-8"))
    (order,) = orders(sheet("photo,sku,recipe\nphotos/1.jpg,a,mine.toml\n"))
    (shop / "mine.toml").write_text(RELIGHT.read_text("utf-8") + "# changed\n")
    for known in (row_rules.recipe_with, row_rules._loaded):
        known.cache_clear()  # as in another process of the run

    with pytest.raises(SettingError, match="has changed since the run began; start it again"):
        order_shot(order, root=tmp_path)


def test_a_recipe_that_is_gone_when_a_sheet_is_planned_is_a_fault(sheet: Sheet):
    catalogue = read_catalogue(sheet("photo,sku,recipe\nphotos/1.jpg,a,none.toml\n"))

    with pytest.raises(SheetError, match=r"row 2.*none\.toml"):
        list(plan_orders(catalogue, Wishes(prompt="x")))


@pytest.fixture
def delivered(shop: Path) -> Path:
    """A packshot that further pictures are to be like."""
    matte = np.zeros((64, 64), np.float32)
    matte[20:50, 20:44] = 1
    files.save(shop / "a.png", np.full((64, 64, 3), 0.4, np.float32), matte=matte)
    shoot(shop / "a.png", recipe="packshot", settings={"size": "96x96"}, seed=3, output=shop / "packshot.png")
    return shop / "packshot.png"


@pytest.mark.parametrize("recipe", ["", "packshot"])
def test_a_row_may_ask_to_be_like_a_packshot_and_change_its_settings(
    sheet: Sheet, delivered: Path, recipe: str
) -> None:
    path = sheet(f"photo,like,recipe,color\nphotos/1.jpg,packshot.png,{recipe},#eeeeee\n")

    (order,) = orders(path, prompt="")
    shot = order_shot(order, root=path.parent)

    assert shot.recipe.name == "packshot"
    assert any(getattr(stage, "color", None) == "#eeeeee" for stage in shot.recipe.stages)
    assert orders(path, prompt="", recipe="packshot")


def test_a_picture_to_be_like_that_tells_no_words_leaves_them_missing(sheet: Sheet, delivered: Path) -> None:
    plain = delivered.with_name("agency.png")
    files.save(plain, files.load(delivered).rgb)
    found = faults(sheet("photo,like\nphotos/1.jpg,agency.png\nphotos/1.jpg,gone.png\n"), prompt="")

    assert [(fault.row, "prompt is empty" in str(fault)) for fault in found] == [(2, True), (3, False)]


@pytest.mark.parametrize("name", ["like", "reference", "background", "light_map", "light_from"])
def test_a_picture_that_is_asked_of_all_and_is_not_there_is_told_before_the_run(
    sheet: Sheet, name: str
) -> None:
    found = faults(sheet("photo\nphotos/1.jpg\nphotos/2.jpg\n"), **{name: "nowhere.png"})

    assert [fault.row for fault in found] == [0]
    assert "nowhere.png" in str(found[0])
    assert "does not exist" in str(found[0])


def test_what_is_wrong_with_a_row_is_told_once_for_all_its_variants(sheet: Sheet) -> None:
    found = faults(sheet("photo,steps\nphotos/1.jpg,900\n"), variants=3)

    assert places(found) == [(2, "steps")]


def test_several_pictures_of_a_row_that_draws_nothing_are_a_fault_of_that_row(sheet: Sheet):
    path = sheet("photo,sku,recipe\nphotos/1.jpg,a,beach\nphotos/2.jpg,b,cutout\n")

    (fault,) = faults(path, prompt="", count=2)

    assert fault.row == 3
    assert "recipe 'cutout' draws nothing, so that its 2 pictures would be equal" in fault.what


def test_what_a_row_may_ask_beside_an_example_is_found_out_anew_when_the_example_has_changed(
    sheet: Sheet, shop: Path
):
    photo = np.full((96, 96, 3), 0.8, np.float32)
    photo[24:72, 32:64] = (0.6, 0.1, 0.1)
    files.save(shop / "photo.png", photo)
    made = {
        recipe: shoot(shop / "photo.png", "", recipe=recipe, settings={"size": "96x96"}, seed=1)
        for recipe in ("packshot", "cutout")
    }
    made["packshot"].save(shop / "like.png")
    path = sheet("photo,sku,like,reflection\nphotos/1.jpg,a,like.png,0.3\n")

    assert len(orders(path, prompt="")) == 1
    made["cutout"].save(shop / "like.png")
    assert "reflection" in str(faults(path, prompt="")[0])


def test_a_row_whose_product_stays_goes_before_a_share_that_is_asked_of_all(sheet: Sheet):
    path = sheet("photo,sku,place\nphotos/1.jpg,a,original\nphotos/2.jpg,b,left\n")

    kept, moved = orders(path, settings={"fill": 0.4})

    assert kept.asked_for["settings"] == {"place": "original"}
    assert moved.asked_for["settings"] == {"fill": 0.4, "place": "left"}
