"""Pictures of a catalogue side by side: what is typical of a scene, and what stands out."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.report import sentences, side_by_side, write_report
from prodgen.report.consistency import ASPECTS, LEAST_PICTURES, deviations, typical

USUAL = {"fill": 0.6, "exposure_l": 62.0, "warmth_b": 3.0, "product_stops": 0.1}


def pictures(row, looks, **changes):
    """Orders and records of one scene, a product each, in which these numbers were measured."""
    made = [row(f"P{n}", look={**USUAL, **look}, **changes) for n, look in enumerate(looks)]
    return [(order, record) for order, _, record, _ in made]


def found(scenes):
    return {
        (one.sku, one.aspect.key) for scene in scenes for spread in scene.spreads for one in spread.outliers
    }


def near(key, middle, spread, count=40):
    """Looks that scatter a little about a middle."""
    return [{key: middle + spread * z} for z in np.random.default_rng(5).uniform(-1, 1, count)]


@pytest.mark.parametrize(
    ("key", "odd"), [("exposure_l", 30.0), ("fill", 0.3), ("warmth_b", 20.0), ("product_stops", -1.5)]
)
def test_the_one_picture_that_is_unlike_the_others_is_named_with_both_numbers(row, key, odd):
    looks = [*near(key, USUAL[key], 0.02 * abs(USUAL[key])), {key: odd}]

    (scene,) = side_by_side(pictures(row, looks))

    assert found([scene]) == {("P40", key)}
    (spread,) = [one for one in scene.spreads if one.aspect.key == key]
    assert spread.outliers[0].value == odd
    assert spread.typical == pytest.approx(USUAL[key], rel=0.02)


def test_a_difference_that_nobody_sees_is_not_called_out(row):
    assert found(side_by_side(pictures(row, [*[{}] * 20, {"exposure_l": 67.9, "fill": 0.67}]))) == set()


def test_a_catalogue_that_varies_a_lot_has_no_outlier_where_all_are_unlike(row):
    looks = [{"exposure_l": value} for value in np.linspace(20, 80, 30)]

    assert found(side_by_side(pictures(row, looks))) == set()


def test_a_fifth_of_dark_pictures_does_not_hide_itself(row):
    looks = [*near("exposure_l", 62, 1, 40), *near("exposure_l", 30, 1, 10)]

    assert len(found(side_by_side(pictures(row, looks)))) == 10


def test_only_pictures_of_one_scene_are_compared(row):
    beach = pictures(row, [{"exposure_l": 80.0}] * 6, asked_for={"background": "beach.jpg"})
    studio = pictures(row, [{"exposure_l": 20.0}] * 6, asked_for={"background": "studio.jpg"})

    scenes = side_by_side([*beach, *studio])

    assert [scene.scene for scene in scenes] == ["beach.jpg", "studio.jpg"]
    assert found(scenes) == set()


def test_a_prompt_that_names_the_product_makes_no_scene_of_its_own(row):
    named = [pictures(row, [{}], prompt=f"product {n} on a table")[0] for n in range(6)]

    assert [scene.count for scene in side_by_side(named)] == [6]


def test_a_few_pictures_have_nothing_typical(row):
    assert side_by_side(pictures(row, [{}] * (LEAST_PICTURES - 1))) == ()
    assert len(side_by_side(pictures(row, [{}] * LEAST_PICTURES))) == 1


def test_light_from_the_right_is_typical_on_both_sides_of_zero_degrees(row):
    angles = [350.0, 355.0, 0.0, 5.0, 10.0, 15.0, 200.0]
    rows = [row(f"A{n}", identity=light(angle)) for n, angle in enumerate(angles)]
    made = [(order, record) for order, _, record, _ in rows]

    (scene,) = side_by_side(made)

    assert found([scene]) == {("A6", "light_angle_deg")}
    (spread,) = [one for one in scene.spreads if one.aspect.is_angle]
    assert abs(deviations(np.array([spread.typical]), 5.0, is_angle=True)[0]) <= 5


def test_soft_light_has_no_direction_to_be_compared(row):
    made = pictures(row, [{}] * 6, identity=light(90, contrast=0.1))

    (scene,) = side_by_side(made)

    assert "light_angle_deg" not in {spread.aspect.key for spread in scene.spreads}


def test_pictures_of_which_nothing_was_measured_do_not_count(row):
    nothing = [
        (order, record) for order, _, record, _ in [row(f"N{n}", look={}, identity={}) for n in range(4)]
    ]

    assert side_by_side([*nothing, *pictures(row, [{}] * LEAST_PICTURES)])[0].count == LEAST_PICTURES


def test_broken_numbers_in_a_record_are_passed_over(row):
    looks = [*[{}] * 8, {"fill": None, "exposure_l": float("nan")}, {"fill": "wide"}]

    (scene,) = side_by_side(pictures(row, looks))

    assert {spread.aspect.key: spread.count for spread in scene.spreads}["fill"] == 8


def test_a_scene_without_a_common_look_is_told_apart_from_one_with_outliers(row):
    scattered = [{"exposure_l": value} for value in np.linspace(20, 80, 30)]
    (wide,) = side_by_side(pictures(row, scattered))
    (narrow,) = side_by_side(pictures(row, near("exposure_l", 62, 3)))

    assert [spread.aspect.key for spread in wide.spreads if spread.is_wide] == ["exposure_l"]
    assert not any(spread.is_wide for spread in narrow.spreads)


def test_sentences_name_the_farthest_first_and_count_the_rest(row):
    looks = [*near("exposure_l", 62, 1, 40), *[{"exposure_l": value} for value in (40, 20, 30, 25)]]

    (sentence,) = sentences(side_by_side(pictures(row, looks, scene="kitchen")))

    assert sentence.startswith(
        "kitchen: 4 of 44 pictures stand out by the lightness of the scene (typically 62 L*): "
    )
    assert sentence.endswith("P41/kitchen/1 (20 L*), P43/kitchen/1 (25 L*), P42/kitchen/1 (30 L*) and 1 more")


def test_whoever_writes_the_report_hears_what_stands_out(row, tmp_path):
    looks = [*near("exposure_l", 62, 1, 40), {"exposure_l": 20}]
    rows = [row(f"P{number}", look={**USUAL, **look}) for number, look in enumerate(looks)]

    (sentence,) = write_report(tmp_path, rows, title="shop")

    assert sentence.startswith("1 of 41 pictures stands out by the lightness of the scene")


def test_nothing_is_said_where_all_match(row):
    assert sentences(side_by_side(pictures(row, [{}] * 9))) == ()


def test_every_angle_has_the_same_right_to_be_the_middle():
    values = np.array([10.0, 20.0, 30.0])
    for turn in range(0, 360, 30):
        assert typical((values + turn) % 360, is_angle=True) == pytest.approx((20 + turn) % 360)


def test_every_aspect_is_shown_with_its_unit():
    assert [aspect.shown(0.5) for aspect in ASPECTS] == [
        "0 degrees",
        "50 % of the picture",
        "0 L*",
        "0 b*",
        "0.5 stops",
    ]


def light(angle, contrast=0.8):
    return {"light_angle_deg": angle, "light_contrast": contrast}
