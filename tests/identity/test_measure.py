"""Identity: each number alone catches what only it can see, and passes what is clean."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from prodgen import identity, shading
from prodgen.color import from_lab, to_lab, to_linear, to_srgb
from prodgen.errors import SettingError
from prodgen.identity import Likeness, Limit
from prodgen.shading import working_pair

SIZE = 160


def carton(size: int = 320) -> tuple[np.ndarray, np.ndarray]:
    """A carton with orange, blue and white parts and black strokes, on light grey; and its matte."""
    picture = np.full((size, size, 3), 0.8, np.float32)
    k = size / 160
    box = [round(v * k) for v in (28, 24, 132, 140)]
    left, top, right, bottom = box
    picture[top:bottom, left:right] = 0.88
    picture[round(104 * k) : bottom, left:right] = (0.85, 0.42, 0.15)
    picture[top : round(50 * k), left:right] = (0.15, 0.32, 0.75)
    for line in range(4):
        y = round((58 + 11 * line) * k)
        for column in range(9 - line):
            x = round((36 + 10 * column) * k)
            picture[y : y + round(6 * k), x : x + max(2, round(3 * k))] = 0.1
            picture[y : y + max(2, round(2 * k)), x : x + round(6 * k)] = 0.1
    matte = np.zeros((size, size), np.float32)
    matte[top:bottom, left:right] = 1
    matte = cv2.GaussianBlur(matte, (0, 0), 0.7)
    matte[matte > 0.98], matte[matte < 0.02] = 1, 0
    return picture, matte


def soft_light(size: int) -> np.ndarray:
    """Smooth light between 0.35 and 1."""
    y, x = np.mgrid[:size, :size] / size
    return (0.35 + 0.65 * x * (1 - 0.4 * y)).astype(np.float32)[..., None]


def in_light(picture: np.ndarray) -> np.ndarray:
    return to_srgb(to_linear(picture) * soft_light(picture.shape[0]))


def turned(picture: np.ndarray, degrees: float, chroma: float = 1.0) -> np.ndarray:
    """The picture with its hue turned in CIE L*a*b* and its chroma scaled."""
    lab = to_lab(picture)
    c, s = chroma * np.cos(np.radians(degrees)), chroma * np.sin(np.radians(degrees))
    a, b = lab[..., 1].copy(), lab[..., 2].copy()
    lab[..., 1], lab[..., 2] = c * a - s * b, s * a + c * b
    return from_lab(lab)


@pytest.fixture(scope="module")
def clean() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Photograph, its honest result in new light, matte; large enough for print to be print."""
    photo, matte = carton(320)
    return photo, in_light(photo), matte


def inside(result: np.ndarray, spoiled: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The spoiled product in the untouched scene."""
    return result + (spoiled - result) * matte[..., None]


def likeness(*pictures: np.ndarray, **more: object) -> Likeness:
    """The numbers of photograph, result and matte."""
    return identity.measure(*pictures, **more).likeness


def failures(measured: Likeness, profile: str = "catalogue") -> set[str]:
    """Names of the numbers beyond a limit."""
    return {limit.number for limit in measured.verdict(profile).broken}


def repaired_blend(
    photo: np.ndarray, relit: np.ndarray, matte: np.ndarray, profile: str
) -> identity.Repaired:
    field = shading.light_field(photo, relit, matte)
    return identity.repair(
        field,
        lambda light: shading.blend(photo, relit, matte, field=light),
        lambda picture: identity.measure(photo, picture, matte, relit=field, is_registered=True),
        profile=profile,
    )


def test_a_product_that_only_got_new_light_passes_the_strict_profile(clean):
    photo, result, matte = clean

    measured = likeness(photo, result, matte, relit=result)

    assert measured.verdict("catalogue").status == "pass", failures(measured)
    assert measured.light_kept == pytest.approx(1, abs=0.01)


def test_our_own_blend_of_a_spoiled_picture_passes_the_strict_profile(clean):
    photo, result, matte = clean
    relit = inside(result, cv2.GaussianBlur(turned(result, 0, chroma=0.3), (0, 0), 1.5), matte)

    measured = likeness(photo, shading.blend(photo, relit, matte), matte, relit=relit)

    assert measured.verdict("catalogue").status != "fail", failures(measured)


def hue(picture):
    return turned(picture, 40)


def desaturated(picture):
    return turned(picture, 0, chroma=0.5)


def blurred(picture):
    return cv2.GaussianBlur(picture, (0, 0), 2.5)


def ghosted(picture):
    return 0.6 * picture + 0.4 * np.roll(picture, 9, axis=1)


def shifted(picture):
    return np.roll(picture, 3, axis=1)


def other_text(picture):
    """The lower lines of print mirrored: as much ink, other letters."""
    changed = picture.copy()
    changed[135:200, 70:200] = changed[135:200, 70:200][:, ::-1]
    return changed


def one_patch(picture):
    """A fifth of the side of the orange ground turned green."""
    changed = picture.copy()
    changed[230:262, 70:110] = turned(picture[230:262, 70:110], 70)
    return changed


@pytest.mark.parametrize(
    ("spoil", "number"),
    [
        (hue, "chroma_error_median"),
        (desaturated, "chroma_error_median"),
        (blurred, "print_sharpness"),
        (ghosted, "detail"),
        (shifted, "print_agreement"),
        (other_text, "print_agreement"),
        (one_patch, "delta_e_worst_region"),
    ],
)
def test_each_spoiling_is_flagged_by_its_number(clean, spoil, number):
    photo, result, matte = clean

    measured = likeness(photo, inside(result, spoil(result), matte), matte)

    assert measured.verdict("catalogue").status == "fail"
    assert number in failures(measured), failures(measured)


def test_one_wrong_patch_does_not_hide_in_the_average(clean):
    photo, result, matte = clean

    measured = likeness(photo, inside(result, one_patch(result), matte), matte)

    assert measured.delta_e_worst_region > 3 * measured.delta_e_mean
    assert np.hypot(measured.worst_region[0] - 90 / 320, measured.worst_region[1] - 246 / 320) < 0.15


@pytest.mark.parametrize("percent", [-2, 2, 4])
def test_growth_of_the_outline_is_measured_in_percent_of_the_area(clean, percent):
    photo, result, matte = clean
    scale = np.sqrt(1 + percent / 100)
    # The scene is darker than the carton, so that the outline shows all round.
    scene = np.full_like(result, 0.15)
    grown, larger = (
        cv2.warpAffine(
            x,
            cv2.getRotationMatrix2D((159.5, 163.5), 0, scale),
            (320, 320),
            borderMode=cv2.BORDER_REPLICATE,
        )
        for x in (result, matte)
    )
    picture = scene + (grown - scene) * larger[..., None]

    measured = likeness(photo * matte[..., None], picture, matte)

    assert measured.outline_growth_percent == pytest.approx(percent, abs=0.7)


def test_a_white_fringe_is_a_halo(clean):
    photo, result, matte = clean
    ring = cv2.dilate((matte > 0).astype(np.float32), np.ones((5, 5))) - (matte > 0)
    scene = result * 0.3 * (1 - matte[..., None]) + result * matte[..., None]

    without = likeness(photo, scene, matte)
    fringed = likeness(photo, np.where(ring[..., None] > 0, 0.95, scene).astype(np.float32), matte)

    assert without.halo < 4
    assert "halo" in failures(fringed)


def test_white_that_swallows_the_label_is_counted(clean):
    photo, _, matte = clean

    measured = likeness(photo, to_srgb(to_linear(photo) * np.float32(2.5)), matte)

    assert measured.white_clipping_percent > 4


def packshot(colour: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """A plain square of that colour on grey, and its matte; a grey corner keeps the light readable."""
    picture = np.full((120, 120, 3), 0.4, np.float32)
    matte = np.zeros((120, 120), np.float32)
    picture[20:100, 20:100], matte[20:100, 20:100] = colour, 1
    picture[20:60, 20:60] = 0.5
    return picture, matte


def test_a_bright_colour_that_became_white_lost_something_although_two_channels_were_white_before():
    photo, matte = packshot((1.0, 1.0, 0.3))
    burnt = photo.copy()
    burnt[60:100, 20:100] = 1.0

    measured = likeness(photo, burnt, matte, is_registered=True)

    assert measured.white_clipping_percent == pytest.approx(50, abs=3)


def test_a_colour_with_one_channel_at_its_limit_is_not_clipped():
    photo, matte = packshot((0.9, 0.3, 0.2))
    bright = photo.copy()
    bright[60:100, 20:100] = (1.0, 0.6, 0.5)

    measured = likeness(photo, bright, matte, is_registered=True)

    assert measured.white_clipping_percent == 0
    assert measured.black_clipping_percent == 0


def test_what_was_white_before_cannot_be_clipped_anew():
    photo, matte = packshot((1.0, 0.99, 0.98))
    whiter = photo.copy()
    whiter[60:100, 20:100] = 1.0

    assert likeness(photo, whiter, matte, is_registered=True).white_clipping_percent == 0


def test_black_that_swallows_colours_is_counted(clean):
    photo, result, matte = clean
    drowned = result.copy()
    drowned[40:100] = 0

    measured = likeness(photo, inside(result, drowned, matte), matte)

    assert measured.black_clipping_percent > 4


def test_light_that_did_not_arrive_is_seen(clean):
    photo, result, matte = clean
    mirrored = np.ascontiguousarray(result[:, ::-1])
    # The photograph's own print, lit from the other side.
    wrong = to_srgb(to_linear(photo) * (to_linear(mirrored) / np.maximum(to_linear(photo)[:, ::-1], 1e-3)))

    measured = likeness(photo, wrong, matte, relit=result)

    assert measured.light_kept < 0.7


@pytest.mark.parametrize(
    ("direction", "angle", "azimuth"),
    [((1, 0), 0, 90), ((-1, 0), 180, -90), ((0, 1), 90, 0)],
)
def test_the_direction_of_the_light_is_found(direction, angle, azimuth):
    photo, matte = carton(SIZE)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    light = np.exp(1.2 * (direction[0] * x - direction[1] * y)).astype(np.float32)[..., None] * 0.5
    elevation = 60.0 if azimuth == 0 else 0.0

    measured = likeness(
        photo,
        to_srgb(to_linear(photo) * light),
        matte,
        asked_azimuth_deg=azimuth,
        asked_elevation_deg=elevation,
    )

    assert abs((measured.light_angle_deg - angle + 180) % 360 - 180) < 12
    assert measured.light_angle_error_deg < 12


def test_a_picture_of_something_else_is_measured_and_fails(clean):
    photo, _, matte = clean
    noise = cv2.resize(np.random.default_rng(0).random((20, 20, 3), np.float32), (320, 320))

    measured = likeness(photo, noise, matte)

    assert measured.verdict("editorial").status == "fail"


def test_a_result_of_another_size_can_be_measured(clean):
    photo, result, matte = clean
    smaller = cv2.resize(result, (200, 200), interpolation=cv2.INTER_AREA)

    measured = likeness(photo, smaller, matte)

    assert measured.chroma_error_median < 1


def test_repair_leaves_a_good_blend_alone(clean):
    photo, result, matte = clean

    repaired = repaired_blend(photo, result, matte, "catalogue")

    assert repaired.rounds == 0
    assert repaired.measurement.likeness.repaired_percent == 0


def test_repair_takes_back_light_where_it_blew_the_label_out(clean):
    photo, _, matte = clean
    light = np.ones((320, 320, 1), np.float32)
    light[:, :150] = 2.5
    relit = to_srgb(to_linear(photo) * cv2.GaussianBlur(light, (0, 0), 20)[..., None])

    blown = likeness(photo, shading.blend(photo, relit, matte), matte)
    repaired = repaired_blend(photo, relit, matte, "catalogue")

    assert "white_clipping_percent" in failures(blown)
    found = repaired.measurement.likeness
    assert found.verdict("catalogue").status != "fail", failures(found)
    # Only there: the other side keeps its light.
    assert 5 < found.repaired_percent < 80


def test_repair_judges_the_very_picture_that_it_returns(clean):
    photo, _, matte = clean
    relit = to_srgb(to_linear(photo) * np.float32(2.5))

    repaired = repaired_blend(photo, relit, matte, "catalogue")

    assert repaired.rounds > 0
    alone = likeness(photo, repaired.composite, matte, relit=shading.light_field(photo, relit, matte))
    assert alone.delta_e_mean == pytest.approx(repaired.measurement.likeness.delta_e_mean, abs=0.02)
    assert alone.white_clipping_percent == repaired.measurement.likeness.white_clipping_percent


def test_repair_composes_and_judges_once_for_each_light_it_tries(clean):
    photo, _, matte = clean
    relit = to_srgb(to_linear(photo) * np.float32(2.5))
    field = shading.light_field(photo, relit, matte)
    composed: list[shading.LightField] = []

    def compose(light: shading.LightField) -> np.ndarray:
        composed.append(light)
        return shading.blend(photo, relit, matte, field=light)

    repaired = identity.repair(
        field, compose, lambda picture: identity.measure(photo, picture, matte), profile="catalogue"
    )

    assert len(composed) == repaired.rounds + 1
    assert composed[-1] is repaired.field


def test_light_that_differs_from_the_relit_one_is_no_reason_to_weaken_it(clean):
    photo, result, matte = clean
    measured = identity.measure(photo, result, matte)
    dim = measured.likeness.model_copy(update={"light_kept": 0.0})

    repaired = identity.repair(
        shading.light_field(photo, result, matte),
        lambda light: result,
        lambda picture: identity.Measurement(dim, measured.comparison),
    )

    assert repaired.measurement.likeness.verdict().status == "fail"
    assert repaired.rounds == 0


def test_profiles_differ_and_the_strict_one_is_stricter():
    strict, loose = identity.profile_limits("catalogue"), identity.profile_limits("editorial")

    assert set(strict) == set(loose)
    for name, limit in strict.items():
        sign = -1 if limit.is_least else 1
        assert sign * limit.fail <= sign * loose[name].fail, name


def test_an_unknown_profile_is_named_with_the_nearest():
    with pytest.raises(SettingError, match="catalogue"):
        identity.profile_limits("catalog")


def test_limits_of_an_unknown_number_are_refused():
    with pytest.raises(SettingError, match="delta_e_mean"):
        identity.read_limits("[mine]\ndelta_e_meen = { warn = 1, fail = 2 }")


def test_limits_of_ones_own_decide(clean):
    photo, result, matte = clean
    measured = likeness(photo, result, matte)

    verdict = measured.verdict("mine", limits={"detail": Limit(warn=1.1, fail=1.05, is_least=True)})

    assert verdict.status == "fail"
    assert [limit.number for limit in verdict.broken] == ["detail"]


def test_identity_is_frozen_and_survives_json(clean):
    photo, result, matte = clean
    measured = likeness(photo, result, matte)

    assert Likeness.model_validate_json(measured.model_dump_json()) == measured
    with pytest.raises(ValidationError):
        measured.detail = 0.0  # type: ignore[misc]


@pytest.mark.parametrize("amount", [0.0, 1.0])
def test_restoring_aligns_once_for_each_relit_picture(clean, monkeypatch, amount):
    photo, result, matte = clean
    calls: list[int] = []
    align = working_pair.align
    monkeypatch.setattr(
        working_pair, "align", lambda *pictures, **more: calls.append(1) or align(*pictures, **more)
    )

    likeness = identity.restore(
        photo, result, matte, blending=identity.Blending(blend=amount)
    ).measurement.likeness

    assert len(calls) == 1
    # Without any of it the light that was asked for is still compared with, and found missing.
    assert (likeness.light_kept > 0.9) == (amount > 0)
