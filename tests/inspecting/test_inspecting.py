"""Any two pictures of a product can be judged: where it lies, what is said, the page that shows it."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from prodgen import codecs, files, images
from prodgen.cli import main
from prodgen.errors import ImageError, UnknownNameError
from prodgen.identity import profile_limits
from prodgen.inspecting import Inspection, find, inspect, inspect_pictures
from prodgen.inspecting.page import page_html

SIZE = 240


def product(text: str = "SOAP 75", *, color=(0.15, 0.3, 0.6)) -> tuple[np.ndarray, np.ndarray]:
    """A printed box on a light sweep, and its matte."""
    y = np.mgrid[:SIZE, :SIZE][0].astype(np.float32)
    picture = np.repeat((0.8 + 0.1 * y / SIZE)[..., None], 3, axis=2).astype(np.float32)
    matte = np.zeros((SIZE, SIZE), np.float32)
    matte[60:200, 50:190] = 1
    picture[matte > 0] = color
    picture[150:170, 60:180] = (0.9, 0.85, 0.3)
    written = images.to_uint8(picture)
    cv2.putText(written, text, (58, 115), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (242, 242, 235), 2, cv2.LINE_AA)
    cv2.putText(written, text[::-1], (66, 140), cv2.FONT_HERSHEY_PLAIN, 1, (230, 230, 230), 1, cv2.LINE_AA)
    return images.from_uint8(written), cv2.GaussianBlur(matte, (0, 0), 0.7)


def framed(picture: np.ndarray, scale: float, x: float, y: float, *, size=(420, 300)) -> np.ndarray:
    """The picture somewhere in a larger scene."""
    warp = np.array([[scale, 0, x], [0, scale, y]], np.float64)
    laid = cv2.warpAffine(picture, warp, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(laid, 0, 1)


def evening(picture: np.ndarray) -> np.ndarray:
    """A product in weaker light that comes from the left."""
    return np.clip(picture * np.linspace(1.0, 0.6, picture.shape[1], dtype=np.float32)[None, :, None], 0, 1)


def prodgen(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pictures")
    photo, matte = product()
    pictures = {
        "photo": photo,
        "good": framed(evening(photo), 0.9, 120, 40),
        "bad": framed(evening(photo)[..., ::-1].copy(), 0.9, 120, 40),
    }
    paths = {name: folder / f"{name}.png" for name in (*pictures, "matte")}
    for name, picture in pictures.items():
        files.save(paths[name], picture)
    files.save_matte(paths["matte"], matte)
    return paths


@pytest.fixture(scope="module")
def moved() -> Inspection:
    photo, matte = product()
    return inspect_pictures(photo, framed(evening(photo), 0.9, 120, 40), matte)


@pytest.mark.parametrize(("scale", "x", "y"), [(0.6, 200, 110), (0.9, 30, 60), (1.4, 20, -60)])
def test_a_product_that_was_moved_and_resized_is_found_to_a_pixel(scale, x, y):
    photo, matte = product()

    place = find(photo, framed(evening(photo), scale, x, y), matte)

    centre = place.warp @ (120, 130, 1)
    np.testing.assert_allclose(centre, (scale * 120 + x, scale * 130 + y), atol=1)
    assert place.scale == pytest.approx(scale, rel=0.01)


def test_a_turned_product_is_found_with_its_angle():
    photo, matte = product()
    turned = cv2.warpAffine(
        photo, cv2.getRotationMatrix2D((120, 120), -12, 1), (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE
    )

    place = find(photo, np.clip(turned, 0, 1), matte)

    assert place.turn_deg == pytest.approx(12, abs=0.5)


def test_a_product_without_print_is_found_by_its_outline():
    y, x = np.mgrid[:SIZE, :SIZE]
    matte = np.clip(60.5 - np.hypot(x - 120, 1.4 * (y - 130)), 0, 1).astype(np.float32)
    photo = (0.85 - matte[..., None] * np.array([0.1, 0.6, 0.7])).astype(np.float32)

    place = find(photo, framed(photo, 0.7, 180, 60), matte)

    np.testing.assert_allclose(place.warp @ (120, 130, 1), (0.7 * 120 + 180, 0.7 * 130 + 60), atol=2)


def test_the_same_framing_at_another_size_is_recognised_as_such():
    photo, matte = product()

    place = find(photo, images.resize(evening(photo), 400, 400), matte)

    assert place.is_same_framing


def test_a_slip_of_three_pixels_is_measured_not_corrected():
    photo, matte = product()

    place = find(photo, framed(photo, 1, 3, 0, size=(SIZE, SIZE)), matte)

    assert place.is_same_framing
    np.testing.assert_allclose(place.warp, [[1, 0, 0], [0, 1, 0]])


@pytest.mark.parametrize("size", [(240, 240), (420, 300)])
def test_a_picture_without_the_product_is_a_failure_that_says_so(size):
    photo, matte = product()
    noise = np.random.default_rng(4).random((size[1], size[0], 3)).astype(np.float32)

    found = inspect_pictures(photo, cv2.GaussianBlur(noise, (0, 0), 4), matte)

    assert not found.passes
    assert found.identity is None
    assert not found.verdict.product.is_product_found
    assert "cannot be found" in found.reasons[0]


def test_the_same_product_elsewhere_in_another_light_passes(moved):
    assert moved.passes, moved.reasons
    assert any("0.90 times" in notice for notice in moved.notices)


def test_another_colour_elsewhere_fails_by_its_colour():
    photo, matte = product()

    found = inspect_pictures(photo, framed(evening(photo)[..., ::-1].copy(), 0.9, 120, 40), matte)

    assert found.verdict.status == "fail"
    assert found.identity.delta_e_mean > profile_limits("editorial")["delta_e_mean"].fail


def test_other_print_in_the_same_place_fails_by_its_print():
    photo, matte = product()
    other, _ = product("MILK 40")

    found = inspect_pictures(photo, evening(other), matte)

    assert found.identity.print_agreement < profile_limits("editorial")["print_agreement"].fail


def test_a_small_delivery_is_not_blamed_for_pixels_it_does_not_have():
    photo, matte = product()
    large, cut = images.resize(photo, 960, 960), images.resize(matte, 960, 960)

    found = inspect_pictures(large, images.resize(large, 240, 240), cut)

    assert found.verdict.status == "pass", found.reasons
    assert found.result.shape == (240, 240, 3)


def test_a_product_cut_off_by_the_frame_is_judged_where_it_is_seen_and_that_is_said():
    photo, matte = product()

    found = inspect_pictures(photo, framed(photo, 1, -90, 20), matte)

    assert any("outside the result" in notice for notice in found.notices)
    assert found.identity.delta_e_mean < 1


def test_a_matte_of_another_size_is_refused():
    photo, matte = product()

    with pytest.raises(ImageError, match="matte"):
        inspect_pictures(photo, photo, matte[:100])


def test_an_unknown_profile_is_refused_with_the_known_ones():
    photo, matte = product()

    with pytest.raises(UnknownNameError, match="catalogue"):
        inspect_pictures(photo, photo, matte, profile="catalog")


def test_the_page_is_well_formed_and_fetches_nothing(moved):
    text = page_html(replace(moved, names=("photo.png", "result.png")))

    tree = ET.fromstring(text.replace("<!DOCTYPE html>", ""))
    sources = [node.get(name) for node in tree.iter() for name in ("src", "href", "data", "action")]
    assert all(source.startswith("data:image/") for source in sources if source is not None)
    assert not re.findall(r"https?:|url\(|@import|fetch\(|XMLHttp", re.sub(r'src="[^"]*"', "", text))


def test_the_page_shows_every_limit_with_its_number_and_status(moved):
    text = page_html(replace(moved, names=("photo.png", "result.png")))

    rows = {
        row.find("th").text: [cell.text for cell in row.findall("td")]
        for row in ET.fromstring(text.replace("<!DOCTYPE html>", "")).iter("tr")
        if row.find("td") is not None
    }
    limit = profile_limits("editorial")["delta_e_mean"]
    assert rows["colour"] == [
        f"{moved.identity.delta_e_mean:.2f} dE", f"≤ {limit.warn:g}", f"≤ {limit.fail:g}", "pass",
    ]  # fmt: skip
    assert rows["detail"][1].startswith("≥")


def test_hostile_names_and_notices_are_text_in_the_page(moved):
    hostile = '"><script>alert(1)</script>&lt;$result${x}\ud800'
    noted = inspect_pictures(moved.photo, moved.result, moved.matte, notices=(hostile,))

    text = page_html(replace(noted, names=(hostile, "'onload='x"))).encode("utf-8", "replace").decode()

    tree = ET.fromstring(text.replace("<!DOCTYPE html>", ""))
    assert len(list(tree.iter("script"))) == 1
    assert "<script>alert(1)" in "".join(tree.find(".//h1/../p").itertext())
    assert "<script>alert" not in text


def test_a_page_of_a_product_that_was_not_found_still_shows_both_pictures():
    photo, matte = product()
    noise = np.random.default_rng(4).random((90, 200, 3)).astype(np.float32)

    text = page_html(inspect_pictures(photo, noise, matte))

    assert len(re.findall(r'<img id="(photo|result)"', text)) == 2
    assert 'id="heat"' not in text
    ET.fromstring(text.replace("<!DOCTYPE html>", ""))


@pytest.mark.parametrize("kind", ["path", "bytes", "Pillow", "array", "Photo"])
def test_pictures_may_come_in_any_form_and_give_the_same_numbers(kind, pictures, moved):
    def handed_in(path):
        forms = {
            "path": lambda: path,
            "bytes": path.read_bytes,
            "Pillow": lambda: codecs.to_pillow(files.load(path).rgb),
            "array": lambda: files.load(path).rgb,
            "Photo": lambda: files.load(path),
        }
        return forms[kind]()

    inspection = inspect(handed_in(pictures["photo"]), handed_in(pictures["good"]), matte=pictures["matte"])

    assert inspection.identity.delta_e_mean == pytest.approx(moved.identity.delta_e_mean, abs=0.05)
    assert inspection.names == (("photo.png", "good.png") if kind == "path" else ("photograph", "result"))


def test_the_verdict_is_said_in_words_before_any_number(pictures):
    good, bad = (inspect(pictures["photo"], pictures[x], matte=pictures["matte"]) for x in ("good", "bad"))

    assert good.summary.startswith("the product kept its colours")
    assert not re.search(r"\d", bad.summary.split("(")[0])
    assert bad.summary in bad._repr_html_().replace("&#x27;", "'")
    assert bad.reasons[0].startswith("the product's colours changed")


def test_an_inspection_writes_its_page(moved, tmp_path):
    moved.page(tmp_path / "page.html")

    assert (tmp_path / "page.html").read_text("utf-8") == page_html(moved)


def test_inspect_exits_with_0_for_the_same_product(pictures):
    done = prodgen("inspect", pictures["photo"], pictures["good"], "--matte", pictures["matte"])

    assert done.exit_code == 0, done.output
    assert re.search(r"verdict +(pass|warn)", done.output)


def test_inspect_exits_with_1_for_another_product_and_says_why_in_json(pictures):
    done = prodgen("inspect", pictures["photo"], pictures["bad"], "--matte", pictures["matte"], "--json")

    told = json.loads(done.output)
    assert done.exit_code == 1
    assert told["verdict"] == "fail"
    assert told["reasons"]
    assert told["identity"]["delta_e_mean"] > 6


def test_inspect_writes_the_page_where_it_was_asked_to(pictures, tmp_path):
    done = prodgen(
        "inspect",
        pictures["photo"],
        pictures["good"],
        "--matte",
        pictures["matte"],
        "--html",
        tmp_path / "a b.html",
    )

    assert done.exit_code == 0, done.output
    assert "Is it the same product?" in (tmp_path / "a b.html").read_text("utf-8")


def test_inspect_finds_the_product_itself_without_a_matte(pictures):
    done = prodgen("inspect", pictures["photo"], pictures["good"], "--segmenter", "classical")

    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["missing.png", "good"],
        ["photo", "text"],
        ["photo", "good", "--matte", "text"],
        ["photo", "good", "--matte", "small"],
        ["photo", "good", "--matte", "black"],
        ["photo", "good", "--profile", "nonsense"],
        ["photo", "good", "--segmenter", "nonsense"],
        ["photo", "good", "--html", "folder"],
    ],
    ids=" ".join,
)
def test_whatever_is_wrong_is_one_sentence(arguments, pictures, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "folder").mkdir()
    files.save_matte(tmp_path / "small.png", np.ones((20, 20), np.float32))
    files.save_matte(tmp_path / "black.png", np.zeros((SIZE, SIZE), np.float32))
    known = {**pictures, **{path.stem: path for path in tmp_path.iterdir()}}

    done = prodgen("inspect", *[known.get(word, word) for word in arguments])

    assert done.exit_code in (1, 2)
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("prodgen: ")


def test_a_cut_out_result_is_judged_on_white_whatever_hides_under_its_alpha(pictures, tmp_path):
    photo, matte = product()
    hidden = np.where(matte[..., None] > 0, photo, 0).astype(np.float32)
    files.save(tmp_path / "cut.png", hidden, matte=matte)

    done = prodgen("inspect", pictures["photo"], tmp_path / "cut.png", "--matte", pictures["matte"], "--json")

    told = json.loads(done.output)
    assert told["verdict"] == "pass", told["reasons"]
    assert any("on white" in notice for notice in told["notices"])
