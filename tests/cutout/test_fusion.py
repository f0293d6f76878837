"""What networks say and what the photograph shows, fused piece by piece."""

import cv2
import numpy as np
import pytest

from prodgen import color, cutout
from prodgen.cutout import fusion, regions
from prodgen.cutout.deviation import measure_deviation

WIDTH, HEIGHT = 360, 300


def backdrop(level=0.82):
    """A lit sweep: brighter above and to the left, with a camera's noise."""
    y, x = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j]
    noise = np.random.default_rng(3).normal(0, 0.006, (HEIGHT, WIDTH, 3))
    return ((level + 0.08 * (0.5 - y) + 0.05 * (0.5 - x))[..., None] + noise).clip(0, 1).astype(np.float32)


def photo_of(matte, colour, shade=0.0):
    """A flat product of one colour, darker to the right by `shade`, before the backdrop."""
    x = np.linspace(0, 1, WIDTH, dtype=np.float32)[None, :, None]
    product = np.asarray(colour, np.float32) * (1 - np.float32(shade) * x)
    soft = cv2.GaussianBlur(matte, (0, 0), 0.7)[..., None]
    return (backdrop() * (1 - soft) + product * soft).astype(np.float32)


def wheel():
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    middle = (180, 150)
    cv2.circle(matte, middle, 110, 1, 14)
    cv2.circle(matte, middle, 16, 1, -1)
    for angle in np.linspace(0, 2 * np.pi, 14, endpoint=False):
        end = (round(180 + 110 * np.cos(angle)), round(150 + 110 * np.sin(angle)))
        cv2.line(matte, middle, end, 1, 3)
    return matte


def disc(radius=117):
    return cv2.circle(np.zeros((HEIGHT, WIDTH), np.float32), (180, 150), radius, 1, -1)


def overlap(found, true):
    found, true = found > 0.5, true > 0.5
    return (found & true).sum() / (found | true).sum()


def sure(matte):
    """A network's answer that takes all of `matte` for product, blurred as at 320 px."""
    return cv2.GaussianBlur(matte * 0.98, (0, 0), 2)


@pytest.mark.parametrize("opinion", ["crop", "network"])
def test_holes_through_which_the_backdrop_is_seen_are_opened_though_the_networks_fill_them(opinion):
    true = wheel()
    found = fusion.fuse(photo_of(true, (0.1, 0.1, 0.12)), sure(disc()), sure(disc()), opinion)
    assert overlap(disc(), true) < 0.5
    assert overlap(found, true) > 0.85


@pytest.mark.parametrize("opinion", ["crop", "network"])
def test_a_pale_product_before_a_pale_backdrop_stays_whole(opinion):
    true = disc(90)
    found = fusion.fuse(photo_of(true, (0.93, 0.93, 0.92), shade=0.35), sure(true), sure(true), opinion)
    assert overlap(found, true) > 0.95


def test_before_a_busy_backdrop_the_networks_are_believed():
    true = disc(80)
    busy = np.random.default_rng(5).uniform(0, 1, (HEIGHT // 6, WIDTH // 6, 3)).astype(np.float32)
    busy = cv2.resize(busy, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    photo = np.where(true[..., None] > 0.5, np.float32(0.4), busy).astype(np.float32)
    assert overlap(fusion.fuse(photo, sure(true), sure(true), "crop"), true) > 0.93


def test_a_photograph_in_which_nothing_is_seen_gives_nothing():
    nothing = np.full((20, 20), 0.02, np.float32)
    assert fusion.fuse(backdrop(), nothing, nothing, "crop").max() < 0.5


def test_the_backdrop_is_predicted_behind_the_product_from_what_is_beside_it():
    deviation = measure_deviation(color.to_lab(photo_of(disc(), (0.2, 0.3, 0.5))), disc(125))
    behind = color.to_lab(backdrop())
    error = np.linalg.norm(deviation.lab - deviation.difference - behind, axis=2)
    assert error.mean() < 1.5
    assert deviation.z[disc(110) > 0].min() > 8
    assert np.median(deviation.z[disc(130) == 0]) < 2


def test_pieces_cover_the_photograph_and_are_of_one_kind_each():
    lab = color.to_lab(photo_of(wheel(), (0.1, 0.1, 0.12)))
    found = regions.part(lab, (sure(disc()), sure(disc())), (0.5, 0.5))
    assert found.area.sum() == WIDTH * HEIGHT
    assert found.measures.shape == (len(found.area), 38)
    assert np.isfinite(found.measures).all()
    assert (found.kinds[found.labels] == regions.BACKDROP).mean() > 0.6


def ring():
    return disc(110) - disc(80)


def test_one_pane_is_told_from_many_openings_by_how_much_of_what_agrees_with_the_backdrop_it_is():
    numbers = {}
    for name, true in (("pane", ring()), ("spokes", wheel())):
        lab = color.to_lab(photo_of(true, (0.1, 0.1, 0.12)))
        found = regions.part(lab, (sure(disc()), sure(disc())), (0.5, 0.5))
        seen_through = found.labels[163, 238]  # between hub and rim, and two spokes of the wheel
        assert found.kinds[seen_through] == regions.BACKDROP
        numbers[name] = found.measures[seen_through, 33:35]
    assert numbers["pane"][0] > -0.4
    assert numbers["spokes"][0] < -1.5
    assert numbers["spokes"][1] > numbers["pane"][1] + 1


def test_the_doubt_of_a_look_in_the_middle_of_an_opening_is_measured_apart_from_its_surroundings():
    doubting = (sure(disc()) - 0.6 * cv2.GaussianBlur(disc(30), (0, 0), 8)).astype(np.float32)
    lab = color.to_lab(photo_of(ring(), (0.1, 0.1, 0.12)))
    found = regions.part(lab, (sure(disc()), doubting), (0.9, 0.1))
    opening = found.measures[found.labels[150, 180]]
    assert opening[37] < opening[2] - 0.005


def test_light_that_bends_along_the_rim_is_measured_from_rim_to_middle():
    """A pane whose colour moves away from the backdrop's towards its rim, and one that is seen through."""
    inward = cv2.distanceTransform((disc(80) > 0).astype(np.uint8), cv2.DIST_L2, 5)[..., None]
    bent = 1 - np.float32(0.03) * np.exp(-inward / 4) * (disc(80) > 0)[..., None]
    profiles = []
    for light in (np.float32(1), bent):
        lab = color.to_lab((photo_of(ring(), (0.1, 0.1, 0.12)) * light).astype(np.float32))
        found = regions.part(lab, (sure(disc()), sure(disc())), (0.5, 0.5))
        profiles.append(found.measures[found.labels[150, 180], 36])
    assert profiles[1] > profiles[0] + 0.05


def test_the_network_segmenter_gives_its_looks_along_with_the_matte():
    photo = photo_of(wheel(), (0.1, 0.1, 0.12))
    found = cutout.segmenter("u2netp").segment(photo)
    assert found.matte.shape == (HEIGHT, WIDTH)
    assert len(found.looks) == 2
    assert found.looks[0].shape == (320, 320)


def test_a_product_found_is_solid_and_the_backdrop_empty_but_for_the_edge():
    true = disc(90)
    matte = cutout.segmenter("u2netp").segment(photo_of(true, (0.75, 0.2, 0.2))).matte
    assert overlap(matte, true) > 0.95
    edge = cv2.dilate(true, np.ones((13, 13))) - cv2.erode(true, np.ones((13, 13)))
    assert matte[(true > 0.5) & (edge == 0)].min() > 0.999
    assert matte[(true < 0.5) & (edge == 0)].max() < 0.001


def test_print_in_the_backdrops_colour_of_which_the_looks_are_certain_is_weighed_heavier_than_a_guess(
    monkeypatch,
):
    """Pieces that the measures hold for product by 0.22, and the looks nearly or quite for sure."""
    monkeypatch.setattr(fusion, "decide", lambda regions, *models: np.full(len(regions.area), 0.22))
    certain, likely = (np.full((HEIGHT, WIDTH), value, np.float32) for value in (0.999, 0.97))
    photo = photo_of(disc(), (0.2, 0.3, 0.5))
    assert fusion.fuse(photo, certain, certain, "crop").min() > 0.5
    assert fusion.fuse(photo, likely, likely, "crop").max() < 0.5


def test_a_few_strokes_of_print_are_not_opened_against_looks_that_are_certain(monkeypatch):
    strokes = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.rectangle(strokes, (150, 140), (153, 154), 1, -1)
    photo = photo_of(disc(), (0.1, 0.1, 0.4))
    photo[strokes > 0] = backdrop()[strokes > 0]
    certain = cv2.GaussianBlur(disc(), (0, 0), 2)
    opened = {"share": strokes}

    def decided(parts, *_models):
        def inside(mask):
            return parts.mean(mask) > 0.5

        return np.where(inside(certain) & ~inside(opened["share"]), 0.99, 0.01)

    monkeypatch.setattr(fusion, "decide", decided)
    closed = fusion.fuse(photo, certain, certain, "crop")
    assert closed[strokes > 0].min() > 0.9

    photo = photo_of(wheel(), (0.1, 0.1, 0.12))
    opened["share"] = disc() * (1 - wheel())
    assert overlap(fusion.fuse(photo, certain, certain, "crop"), wheel()) > 0.7
