"""The pictures that the embedded backend draws."""

import math

import cv2
import numpy as np
import pytest

from prodgen.color import LUMA, to_lab, to_linear
from prodgen.engines import load_engine
from prodgen.engines.ibl import composition, floor_view, product_light
from prodgen.engines.ibl import render as render_module
from prodgen.engines.ibl.asked_lights import asked_lights
from prodgen.engines.ibl.camera import Camera
from prodgen.engines.ibl.floor_materials import FINISHES
from prodgen.engines.ibl.floor_view import floor_light
from prodgen.engines.ibl.painted_places import DRAWINGS
from prodgen.engines.ibl.panorama import (
    MAP_COLUMNS,
    MAP_ROWS,
    KeyLight,
    add_light,
    direction,
    grid_directions,
    load,
    make_environment,
    small_panorama,
)
from prodgen.engines.ibl.plane import make_plane
from prodgen.engines.ibl.prompt_reading import read
from prodgen.engines.ibl.render import render
from prodgen.engines.ibl.render_order import RenderOrder
from prodgen.engines.ibl.repainting import repaint
from prodgen.engines.ibl.sets import surroundings
from prodgen.engines.ibl.standing_shadow import caster_of
from prodgen.engines.ibl.tone import exposure_gain, hold_back, roll_off
from prodgen.engines.ibl.vocabulary import vocabulary
from prodgen.errors import ImageError, Interrupted, ProdgenError
from prodgen.images import to_uint8
from prodgen.pose import View
from prodgen.server.inpainting import RepaintPlan

SIZE = 96
GREY = 0.5


def product(colour=(GREY, GREY, GREY), size=SIZE):
    """A standing block of one colour, and its matte."""
    matte = np.zeros((size, size), np.float32)
    matte[int(0.30 * size) : int(0.78 * size), int(0.34 * size) : int(0.66 * size)] = 1
    return np.broadcast_to(np.array(colour, np.float32), (size, size, 3)).copy(), matte


def draw(prompt, *, seed=1, with_product=True, size=SIZE, colour=(GREY, GREY, GREY), **more):
    foreground, matte = product(colour, size) if with_product else (None, None)
    return render(
        RenderOrder(
            prompt=prompt, seed=seed, width=size, height=size, foreground=foreground, matte=matte, **more
        )
    )


def brightness(picture):
    return to_linear(picture) @ LUMA


def test_the_same_order_gives_the_same_bytes():
    prompt = "mug on a wooden table, forest"

    np.testing.assert_array_equal(draw(prompt, seed=7).image, draw(prompt, seed=7).image)


def test_another_seed_gives_another_view():
    one, two = (draw("mug on a wooden table, sunset", seed=seed).image for seed in (1, 2))

    assert np.abs(one - two)[: SIZE // 4].mean() > 0.02


@pytest.mark.parametrize("scene", sorted(vocabulary().scenes))
def test_every_place_can_be_drawn(scene):
    said = {"studio": "seamless", "citynight": "night street", "stage": "theatre", "day": "noon"}
    said |= {"beachevening": "beach at sunset", "desertday": "desert at noon", "brightroom": "bright room"}
    word = said.get(scene, scene)

    result = draw(word)

    assert result.scene == scene
    assert result.image.shape == (SIZE, SIZE, 3)
    assert result.image.dtype == np.float32
    assert 0 <= result.image.min() <= result.image.max() <= 1
    assert result.image.std() > 0.02


@pytest.mark.parametrize("drawing", sorted(DRAWINGS))
def test_every_drawing_is_some_place_s_and_differs_by_seed(drawing):
    names = [name for name, scene in vocabulary().scenes.items() if scene.drawing == drawing]
    word = {"neon": "neon", "citynight": "night street"}.get(names[0], names[0])

    one, two = (draw(word, seed=seed, with_product=False).image[: SIZE // 2] for seed in (1, 2))

    assert np.abs(one - two).mean() > 0.004


@pytest.mark.parametrize("room", ["kitchen", "bathroom", "living room", "cafe"])
def test_a_room_s_window_is_bright_by_day_and_dark_by_night(room):
    day, night = (brightness(draw(f"{room}{hour}", with_product=False).image) for hour in ("", " at night"))
    edges = [max(image[6:30, :6].mean(), image[6:30, -6:].mean()) for image in (day, night)]

    assert edges[1] < 0.4 * edges[0]


def test_neon_lights_the_product_s_edges_in_two_colours_and_its_front_in_white():
    world = surroundings(read("neon city at night"), np.random.default_rng(1), ())
    sides = np.array([[-0.8, 0, -0.6], [0.8, 0, -0.6], [0, 0, 1]], np.float32)

    red, green, blue = world.irradiance(sides).T

    assert (red / green)[:2].max() > 1.5 * (red / green)[:2].min()
    assert (red / blue)[2] == pytest.approx(1, abs=0.2)
    assert abs(world.key.azimuth_deg) == 30


def test_autumn_turns_green_leaves_and_strews_them_on_the_floor():
    summer, autumn = (draw(f"on oak, {word}", with_product=False).image for word in ("forest", "autumn"))

    redder = [float((image[:30, :, 0] - image[:30, :, 1]).mean()) for image in (summer, autumn)]
    assert redder[1] > redder[0] + 0.05
    bare, strewn = (
        to_lab(draw(f"on white marble, {word}", size=192).image)[150:] for word in ("park", "autumn")
    )
    strong = [np.quantile(np.hypot(x[..., 1], x[..., 2]), 0.98) for x in (bare, strewn)]
    assert strong[1] > strong[0] + 15


@pytest.mark.parametrize("floor", sorted(FINISHES))
def test_every_floor_can_be_drawn_dry_and_wet(floor):
    for wet in ("", ", wet"):
        image = draw(f"{floor}, studio{wet}").image
        assert np.isfinite(image).all()


@pytest.mark.parametrize(("width", "height"), [(96, 200), (200, 96), (16, 16), (33, 47)])
def test_any_shape_of_canvas_can_be_drawn(width, height):
    image = render(RenderOrder(prompt="marble, kitchen", width=width, height=height)).image

    assert image.shape == (height, width, 3)
    assert np.isfinite(image).all()


def test_progress_rises_to_one_and_may_interrupt():
    told: list[float] = []
    draw("sunset", progress=told.append)
    assert told == sorted(told)
    assert 4 <= len(told) <= 8
    assert told[-1] == 1

    def stop(share):
        if share > 0.3:
            raise Interrupted("enough")

    with pytest.raises(Interrupted):
        draw("sunset", progress=stop)


def test_light_from_the_left_lights_the_left_and_throws_the_shadow_to_the_right():
    image = brightness(draw("concrete, studio, hard light from the left", size=160).image)
    box = image[60:110, 58:102]
    beside = slice(118, 124)

    assert box[:, :12].mean() > 1.1 * box[:, -12:].mean()
    assert image[beside, 20:50].mean() > 1.15 * image[beside, 110:140].mean()


def test_a_panorama_is_turned_until_its_sun_stands_where_the_prompt_wants_it():
    reading = read("wooden table, sunset, light from the right")

    turned = surroundings(reading, np.random.default_rng(1), asked_lights(reading, None))

    sun = make_environment(small_panorama("sunset"), turned.heading_deg).key
    assert sun.azimuth_deg == pytest.approx(72, abs=6)
    assert turned.key.azimuth_deg == 72


def test_a_light_map_gives_the_direction_when_the_prompt_does_not():
    ramp = np.linspace(0, 1, SIZE, dtype=np.float32)[None, :, None]
    bright_right = np.broadcast_to(ramp, (SIZE, SIZE, 3)).astype(np.float32)

    from_right = brightness(draw("studio", light_map=bright_right).image)[40:70, 34:62]
    from_left = brightness(draw("studio", light_map=bright_right[:, ::-1].copy()).image)[40:70, 34:62]

    assert from_right[:, -8:].mean() > 1.1 * from_right[:, :8].mean()
    assert from_left[:, :8].mean() > 1.1 * from_left[:, -8:].mean()


def test_a_night_is_a_night():
    day = brightness(draw("oak table, meadow at sunrise").image)
    night = brightness(draw("oak table, night").image)

    assert night.mean() < 0.35 * day.mean()


def test_the_floor_is_darkest_where_the_product_touches_it():
    image = brightness(draw("white sweep, seamless, soft light", size=160).image)
    foot, away = image[124:126, 70:90].mean(), image[124:126, 5:20].mean()

    assert foot < 0.75 * away


def test_a_polished_floor_mirrors_the_product():
    red = to_lab(draw("black acrylic, studio", colour=(0.9, 0.1, 0.1)).image)
    grey = to_lab(draw("black acrylic, studio").image)
    below = (slice(80, 88), slice(40, 56))

    assert (red[below][..., 1] - grey[below][..., 1]).mean() > 4


def test_a_coloured_backdrop_has_the_colour_asked_for():
    corner = to_lab(draw("seamless pink background").image)[4:12, 4:12].mean(axis=(0, 1))

    assert corner[1] > 12
    assert corner[0] > 45


def test_a_gradient_goes_from_one_colour_above_to_the_other_below():
    picture = draw("gradient from red to navy, studio", with_product=False).image

    assert picture[2, :, 0].mean() > 1.5 * picture[2, :, 2].mean()
    assert picture[-3, :, 2].mean() > 1.5 * picture[-3, :, 0].mean()


@pytest.mark.parametrize("shadow", ["palm leaf shadow", "leaf shadows", "window shadow", "shadow of blinds"])
@pytest.mark.parametrize("place", ["beige studio", "on marble, cafe", "pink podium on a pink background"])
def test_a_shadow_pattern_darkens_part_of_what_is_behind_and_under_the_product(shadow, place):
    lamp = "light from the right"
    plain, cast = (
        brightness(draw(f"{place}, {words}{lamp}", with_product=False).image) for words in ("", f"{shadow}, ")
    )
    share = cast / np.maximum(plain, 1e-3)

    assert np.quantile(share, 0.02) < 0.75 * np.quantile(share, 0.98)


@pytest.mark.parametrize("stand", ["podium", "plinth", "steps"])
@pytest.mark.parametrize("place", ["blue background", "city"])
def test_a_stand_carries_the_product_and_leaves_the_place_beside_it(stand, place):
    image = draw(f"on a red {stand}, {place}", size=192).image

    under, beside = image[-6:, 90:102].mean(axis=(0, 1)), image[20:40, :20].mean(axis=(0, 1))
    assert under[0] > 2 * under[2]
    assert beside[0] < 1.5 * beside[2]


def test_treads_are_brighter_than_the_fronts_of_steps():
    image = brightness(draw("on white steps, blue background", with_product=False, size=192).image)

    column = image[:, 96]
    assert column[154:162].mean() > 1.15 * column[184:].mean()


def test_an_arch_is_as_high_as_the_picture_has_room_for_and_stands_behind_the_product():
    plain, arched = (
        brightness(draw(f"{word}white studio", with_product=False, size=192).image) for word in ("", "arch, ")
    )
    changed = np.abs(arched - plain) > 0.05 * plain

    assert changed[20:90, 40:150].mean() > 0.1
    np.testing.assert_array_equal(changed[160:], False)


def test_a_levitating_product_has_its_shadow_apart_from_it_and_keeps_its_place():
    standing, hovering = (
        brightness(draw(f"mug {word} in a grey studio, light from above", size=192).image)
        for word in ("standing", "levitating")
    )
    foot = int(0.78 * 192)

    assert hovering[foot + 1 : foot + 4, 70:120].mean() > 1.05 * standing[foot + 1 : foot + 4, 70:120].mean()
    assert (
        hovering[foot + 12 : foot + 24, 70:120].mean() < 0.98 * standing[foot + 12 : foot + 24, 70:120].mean()
    )


def test_ripples_break_a_mirror_image_but_not_at_the_product_s_foot():
    def edge(floor):
        image = draw(f"mug on {floor}, cafe", size=256, colour=(1, 0, 0)).image
        red = image[..., 0] - image[..., 2]
        below = red[204:250, 60:110]
        return np.argmax(np.diff(below, axis=1), axis=1)

    assert np.std(edge("water")) > np.std(edge("glossy black acrylic")) + 0.5


def test_a_product_throws_its_shadow_on_the_risers_behind_it():
    image = brightness(draw("on white steps, grey studio, hard light from the front left", size=192).image)
    left, right = (image[116:126, columns].mean() for columns in (slice(50, 62), slice(130, 142)))

    assert right < 0.9 * left


def test_a_light_from_behind_throws_no_shadow_on_what_is_behind():
    camera = Camera(96, 96, 0.0, 30.0, 72.0, 30.0)
    even = make_environment(np.full((MAP_ROWS, MAP_COLUMNS, 3), 0.2, np.float32), 0.0)
    x = np.linspace(-0.5, 0.5, 20, dtype=np.float32)[None].repeat(4, axis=0)

    def darkest(azimuth):
        lit = add_light(even, KeyLight(azimuth, 30, 0.1, (1.0, 1.0, 1.0), 4.0))
        return caster_of(product()[1], camera, lit).light_left(x, 0.2, -0.01).min()

    assert darkest(170) == 1
    assert darkest(10) < 0.7


def test_the_deepest_shadow_on_what_is_behind_is_lit_by_the_floor():
    camera = Camera(96, 96, 0.0, 30.0, 72.0, 30.0)
    even = make_environment(np.full((MAP_ROWS, MAP_COLUMNS, 3), 0.2, np.float32), 0.0)
    lit = add_light(even, KeyLight(10, 30, 0.1, (1.0, 1.0, 1.0), 400.0))
    x = np.linspace(-0.5, 0.5, 20, dtype=np.float32)[None].repeat(4, axis=0)

    assert 0.2 < caster_of(product()[1], camera, lit).light_left(x, 0.2, -0.01).min() < 0.4


def test_a_table_under_a_blue_sky_is_lit_less_blue_than_the_sky_and_as_brightly():
    blue = make_environment(np.full((MAP_ROWS, MAP_COLUMNS, 3), (0.1, 0.2, 0.4), np.float32), 0.0)

    light = floor_light(blue, np.ones(3, np.float32))

    total, sky = light.key + light.rest, blue.irradiance(np.array([[0, 1, 0]], np.float32))[0]
    assert 1.5 < total[2] / total[0] < 0.75 * sky[2] / sky[0]
    assert total @ LUMA == pytest.approx(float(sky @ LUMA), rel=0.01)


def test_steel_mirrors_the_floor_that_it_stands_on_and_is_no_copper_on_walnut():
    walnut, marble = (
        to_linear(draw(f"on {floor}, polished metal, kitchen").image)[35:70, 40:56].mean(axis=(0, 1))
        for floor in ("walnut", "white marble")
    )

    assert marble[1] > 1.5 * walnut[1]
    assert 1.15 < walnut[0] / walnut[2] / (marble[0] / marble[2]) < 2


def test_the_fronts_of_steps_have_the_tint_of_their_tops():
    image = draw("on white steps, sunset", size=192, seed=5).image
    top, front = (to_lab(image[rows, 20:60]).mean(axis=(0, 1)) for rows in (slice(150, 160), slice(172, 188)))

    assert front[0] < top[0] - 5
    assert np.hypot(*(front - top)[1:]) < 8


def test_every_tread_of_shiny_steps_mirrors_the_place():
    image = draw("on steps, neon", size=192, seed=5).image
    upper, lower = (to_lab(image[rows, 32:64])[..., 1:] for rows in (slice(112, 116), slice(138, 146)))

    assert np.hypot(*upper.mean(axis=(0, 1))) > 0.4 * np.hypot(*lower.mean(axis=(0, 1)))


@pytest.mark.parametrize("stand", ["steps", "plinth", "podium"])
def test_what_lies_flat_on_a_stand_sees_its_top_alone_and_is_told(stand):
    done = draw(f"on white {stand}, flat lay")
    ground = brightness(done.image)[:, :8]

    assert ground.min() > 0.8 * ground.max()
    assert brightness(done.image)[-4:].min() > 0.8 * ground.max()
    assert done.out_of_view == (f"white {stand}",)


def test_light_passes_under_a_hovering_product_to_what_is_behind():
    floor = 0.92 * SIZE  # 0.14 picture sides under the product
    camera = Camera(SIZE, SIZE, 0.0, floor - 42, floor, floor - 42)
    even = make_environment(np.full((MAP_ROWS, MAP_COLUMNS, 3), 0.2, np.float32), 0.0)
    lit = add_light(even, KeyLight(10, 20, 0.1, (1.0, 1.0, 1.0), 4.0))
    x = np.linspace(-0.5, 0.5, 20, dtype=np.float32)[None].repeat(4, axis=0)

    low, high = (caster_of(product()[1], camera, lit).light_left(x, y, -0.02).min() for y in (0.05, 0.30))

    assert low > 0.95
    assert high < 0.7


def test_a_pattern_also_falls_on_the_product_but_leaves_its_print_to_be_read():
    plain, cast = (
        brightness(draw(f"beige studio, {words}light from the right", size=192).image)[70:140, 70:120]
        for words in ("", "shadow of blinds, ")
    )
    share = cast / plain

    assert np.quantile(share, 0.05) < 0.93 * np.quantile(share, 0.95)
    assert np.quantile(share, 0.05) > 0.5 * np.quantile(share, 0.95)


def test_rings_spread_on_water_around_the_product():
    def swing(with_product):
        image = brightness(draw("in shallow water, sunset", with_product=with_product, size=192).image)
        side = image[155:185, 20:60].mean(axis=1)
        return np.abs(np.diff(side, 2)).mean()

    assert swing(with_product=True) > 1.5 * swing(with_product=False)


@pytest.mark.parametrize("view", ["flat lay", "eye level view"])
@pytest.mark.parametrize("place", ["linen, daylight", "oak, sunset", "snow, winter"])
def test_no_light_burns_the_product_out(place, view):
    lit = brightness(draw(f"on {place}, {view}", size=128).image)[50:90, 50:80].mean()

    assert lit < 1.3 * float(to_linear(np.full(3, GREY, np.float32)) @ LUMA)


def test_a_table_seen_from_above_still_ends_within_the_picture():
    order = RenderOrder(prompt="", width=SIZE, height=SIZE, seed=1)
    reading, matte = read("oak table, kitchen"), product()[1]

    low, high = (composition.set_up(order, reading, View(pitch), matte).floor_end for pitch in (5.0, 25.0))

    assert low > high > 0.25 * SIZE


def test_through_a_product_that_lets_light_through_the_scene_is_seen():
    foreground, matte = product()
    glass = matte * np.float32(0.3)
    glass[70:74, 40:56] = 1  # its foot is thick
    pink, blue = (
        render(
            RenderOrder(f"{name} studio", width=SIZE, height=SIZE, foreground=foreground, matte=glass)
        ).image
        for name in ("pink", "blue")
    )

    apart = pink[..., 0] - blue[..., 0]
    assert apart[40:50, 44:52].mean() > 0.5 * apart[40:50, 4:12].mean() > 0.1


def test_a_light_from_behind_shines_along_the_outline():
    even = make_environment(np.full((MAP_ROWS, MAP_COLUMNS, 3), 0.2, np.float32), 0.0)
    matte = product(size=192)[1]
    behind, before = (
        product_light.rim(
            matte,
            add_light(even, KeyLight(azimuth, 30, 0.3, (1.0, 1.0, 1.0), 2.0)),
            gain=np.ones(3, np.float32),
        )
        for azimuth in (170, 10)
    )

    assert behind[100, 67:70].mean() > 3 * before[100, 67:70].mean()
    assert behind[100, 90:100].mean() < 0.2 * behind[100, 67:70].mean()


def test_linen_from_above_has_no_edge_of_light_and_dark():
    beside = brightness(draw("flat lay on linen, soft daylight", seed=4, size=256).image)[:, :80]
    broad = cv2.GaussianBlur(beside, (0, 0), 3)

    assert np.abs(np.diff(broad, axis=1)).max() < 0.03 * broad.mean()


def test_the_far_edge_of_a_table_is_straight_unless_the_table_is_round():
    def edge(prompt):
        rows = brightness(draw(prompt, with_product=False, size=256).image)
        steepest = np.abs(np.diff(cv2.GaussianBlur(rows, (0, 0), 3), axis=0))[80:170]
        return [int(steepest[:, column].argmax()) for column in (8, 128, 247)]

    left, middle, right = edge("on a walnut table, white background")
    assert max(left, middle, right) - min(left, middle, right) <= 2
    left, middle, right = edge("on a round walnut table, white background")
    assert min(left, right) > middle + 15


def test_sunset_light_on_the_product_is_warmer_than_shade():
    warm = draw("wooden table, sunset, light from the front").image[45, 48]
    cold = draw("snow, winter").image[45, 48]

    assert warm[0] / warm[2] > cold[0] / cold[2] + 0.1


def test_the_light_on_the_product_is_smooth_and_not_a_texture():
    _, matte = product(size=160)
    environment = make_environment(small_panorama("sunset"), 20.0)

    light = product_light.light_on(matte, environment, gain=np.ones(3, np.float32))
    inside = light[60:108, 62:98]  # without the rounded rim and the darkened foot

    for axis in (0, 1):
        assert np.abs(np.diff(inside, axis=axis)).max() < 0.06 * inside.mean()


def test_outside_the_matte_nothing_of_the_foreground_shows():
    foreground, matte = product((0.5, 0.5, 0.5))
    matte[62:, 32:44] = 0  # one foot stands further back
    painted = foreground.copy()
    painted[matte == 0] = (1.0, 0.0, 1.0)
    order = RenderOrder(prompt="slate, garden", width=SIZE, height=SIZE, foreground=foreground, matte=matte)

    same = render(order).image
    other = render(RenderOrder(**{**vars(order), "foreground": painted})).image

    np.testing.assert_array_equal(same, other)


def test_a_given_background_stays_as_it_is_around_the_product():
    background = np.random.default_rng(0).random((SIZE, SIZE, 3), np.float32)

    result = draw("anything", background=background)

    _, matte = product()
    np.testing.assert_array_equal(result.image[matte == 0], background[matte == 0])


def plan_of(init: np.ndarray, matte: np.ndarray) -> RepaintPlan:
    """The whole picture is repainted outside the matte."""
    return RepaintPlan(to_uint8(init), zone=to_uint8(1 - matte))


def test_repainting_keeps_what_the_mask_does_not_name_to_the_bit():
    init, matte = product((0.8, 0.2, 0.2))
    plan = plan_of(init, matte)

    drawn = repaint(plan, lambda start: 255 - start, fill=1, denoising_strength=1.0)

    np.testing.assert_array_equal(drawn[matte == 1], plan.start[matte == 1])
    np.testing.assert_array_equal(drawn[matte == 0], 255 - plan.start[matte == 0])


def test_repainting_the_original_without_denoising_draws_nothing():
    plan = plan_of(*product())

    def draw(start: np.ndarray) -> np.ndarray:
        raise AssertionError("drawn in vain")

    np.testing.assert_array_equal(repaint(plan, draw, fill=1, denoising_strength=0.0), plan.start)


@pytest.mark.parametrize("fill", [2, 3])
def test_repainting_from_noise_keeps_nothing_however_low_the_strength(fill):
    init, matte = product()
    plan = plan_of(init, matte)

    drawn = repaint(plan, lambda start: 255 - start, fill=fill, denoising_strength=0.1)

    np.testing.assert_array_equal(drawn[matte == 0], 255 - plan.start[matte == 0])


def test_unloading_the_engine_gives_its_panoramas_back():
    engine = load_engine("ibl")
    load("sunset")

    engine.unload()

    assert load.cache_info().currsize == 0


def test_unusable_orders_say_what_is_wrong():
    foreground, matte = product()
    with pytest.raises(ImageError, match="the matte is 96x96, the picture 128x96"):
        render(RenderOrder(prompt="", width=128, height=96, matte=matte))
    with pytest.raises(ImageError, match="needs its matte"):
        render(RenderOrder(prompt="", width=SIZE, height=SIZE, foreground=foreground))
    with pytest.raises(ImageError, match="too small"):
        render(RenderOrder(prompt="", width=8, height=8))


@pytest.mark.parametrize("place", ["beach", "desert", "sand"])
def test_noon_has_a_bluer_sky_than_evening(place):
    noon, evening = (
        draw(f"on sand, {place}, {hour}", with_product=False).image for hour in ("noon", "sunset")
    )

    blue = [float((sky[..., 2] - sky[..., 0]).mean()) for sky in (noon[:24], evening[:24])]

    assert blue[0] > 0 > blue[1] or blue[0] > blue[1] + 0.1, blue


def test_without_room_for_a_temporary_file_the_panorama_is_missed_in_one_sentence(monkeypatch):
    def full(*_):
        raise cv2.error("failed to write image data to temporary file")

    load.cache_clear()
    monkeypatch.setattr(cv2, "imdecode", full)

    with pytest.raises(ProdgenError, match=r"no temporary file of .* KiB can be written; free space"):
        load("forest")


def test_an_empty_matte_gives_the_empty_scene():
    foreground, _ = product()
    nothing = np.zeros((SIZE, SIZE), np.float32)
    order = RenderOrder(prompt="sand, beach", width=SIZE, height=SIZE)

    with_nothing = render(RenderOrder(**{**vars(order), "foreground": foreground, "matte": nothing})).image

    np.testing.assert_array_equal(with_nothing, render(order).image)


def test_an_even_world_lights_everything_evenly():
    environment = make_environment(np.full((MAP_ROWS, MAP_COLUMNS, 3), 0.7, np.float32), 30.0)
    normals = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)

    np.testing.assert_allclose(environment.irradiance(normals), 0.7, rtol=2e-3)


@pytest.mark.parametrize("name", ["sunset", "interior", "forest"])
def test_irradiance_agrees_with_the_integral_over_the_panorama(name):
    # A small bright sun rings in nine coefficients, so the reference is the panorama without its peaks.
    small = np.minimum(small_panorama(name), 4.0)
    environment = make_environment(small, 50.0)
    normals = np.array([[0, 1, 0], [0.8, 0, 0.6], [0, 0.6, 0.8], [-1, 0, 0]], np.float32)
    latitude = np.pi / 2 - (np.arange(MAP_ROWS) + 0.5) * np.pi / MAP_ROWS
    solid = np.cos(latitude)[:, None] * 2 * np.pi**2 / (MAP_ROWS * MAP_COLUMNS)

    for normal in normals:
        cosine = np.maximum(grid_directions(50.0) @ normal, 0)
        exact = (small * (cosine * solid)[..., None]).sum(axis=(0, 1)) / np.pi
        np.testing.assert_allclose(environment.irradiance(normal[None])[0], exact, rtol=0.08)


def test_the_strongest_light_is_found_where_it_was_put():
    dim = make_environment(np.full((MAP_ROWS, MAP_COLUMNS, 3), 0.05, np.float32), -70.0)
    lamp = KeyLight(-40.0, 35.0, 0.2, (1.3, 1.0, 0.6), 3.0)

    lit = make_environment(add_light(dim, lamp).small, -70.0).key

    assert float(direction(lit.azimuth_deg, lit.elevation_deg) @ lamp.direction) > np.cos(np.radians(4))
    assert lit.colour[0] > lit.colour[2]


def test_turning_the_camera_turns_the_light_the_other_way():
    small = small_panorama("sunset")
    before, after = make_environment(small, 0.0).key, make_environment(small, 25.0).key

    assert after.azimuth_deg - before.azimuth_deg == pytest.approx(25, abs=1)


def test_panoramas_cannot_be_changed_by_who_reads_them():
    with pytest.raises(ValueError, match="read-only"):
        load("sunset")[0, 0] = 1


def test_floor_patterns_finer_than_a_pixel_are_faded_out():
    camera = Camera(128, 128, 0.0, 20.0, 100.0, 20.0)
    plane = make_plane(camera, np.arange(24, 128, dtype=np.float32), turn=0.0, phase=(0.0, 0.0))

    grain = np.abs(plane.noise(30, 30, seed=1)).mean(axis=1)

    assert grain[:10].max() == 0
    assert grain[-10:].mean() > 0.15


@pytest.mark.parametrize("pitch", [5, 17, 45, 86])
def test_a_circle_on_the_floor_is_as_high_as_the_sine_of_the_pitch(pitch):
    flat = Camera(400, 300, 0.0, 0.0, 150.0, 0.0)
    drop = flat.focal * math.tan(math.radians(pitch))
    camera = Camera(400, 300, 0.0, 150.0 - drop, 150.0, 0.0)

    plane = make_plane(camera, np.array([149.5, 150.0, 150.5], np.float32), turn=0.0, phase=(0.0, 0.0))

    across = float(plane.x[1, 201] - plane.x[1, 200])
    along = float(plane.z[0, 200] - plane.z[2, 200])
    assert camera.pitch_deg == pytest.approx(pitch, abs=0.01)
    assert across / along == pytest.approx(math.sin(math.radians(pitch)), rel=0.02)


@pytest.mark.parametrize(
    ("words", "pitch"),
    [
        ("flat lay", 86),
        ("seen from above, camera pitch 60 degrees", 67),
        ("high angle view", 52),
        ("eye level view", 12),
        ("camera pitch 0 degrees", 7),
        ("camera pitch 31 degrees", 38),
    ],
)
def test_words_for_the_view_turn_the_camera(monkeypatch, words, pitch):
    seen = []
    draw = render_module._draw_scene
    monkeypatch.setattr(
        render_module, "_draw_scene", lambda stage, *rest: (seen.append(stage), draw(stage, *rest))[1]
    )

    done = render(RenderOrder(prompt=f"on an oak table, {words}", width=96, height=96))

    assert seen[0].camera.pitch_deg == pytest.approx(pitch, abs=0.1)
    assert done.unknown_words == ()


def test_what_lies_flat_is_lit_from_the_sky_side_and_what_stands_from_the_front():
    up, front = (np.full((2, 2, 3), axis, np.float32) for axis in ((0, 1, 0), (0, 0, 1)))

    np.testing.assert_allclose(product_light._turned(front, 90.0), up, atol=1e-6)
    np.testing.assert_allclose(product_light._turned(front, None), front)


def test_the_floor_is_sharp_at_the_product_and_soft_far_from_it():
    camera = Camera(256, 256, 0.0, 40.0, 200.0, 40.0)
    noise = np.random.default_rng(0).random((196, 256, 3), np.float32)

    soft = floor_view.defocus(noise, camera, 60)

    np.testing.assert_array_equal(soft[138:142], noise[138:142])
    assert soft[:20].std() < 0.3 * noise[:20].std()


def test_a_bright_backdrop_is_held_back_and_a_dark_one_is_not():
    grey = np.full((20, 20, 3), 1.0, np.float32)

    assert hold_back(2 * grey, 1.0, target=0.3).mean() == pytest.approx(0.3, rel=0.02)
    assert hold_back(0.1 * grey, 1.0, target=0.3).mean() == pytest.approx(0.1, rel=0.02)


def test_a_far_floor_shows_less_detail_than_a_near_one():
    image = draw("oak table, studio, soft light", with_product=False, size=128).image
    grey = brightness(image)
    detail = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.5))

    assert detail[76:84].mean() < detail[96:120].mean()


def test_exposure_makes_a_lit_product_as_bright_as_asked():
    world = make_environment(np.full((MAP_ROWS, MAP_COLUMNS, 3), 0.2, np.float32), 0.0)

    gain = exposure_gain(world, exposure=0.6, warmth=0.0)

    np.testing.assert_allclose(0.2 * gain, 0.6, rtol=0.01)


def test_white_balance_leaves_part_of_the_light_s_colour():
    orange = np.array([1.4, 0.95, 0.5], np.float32)
    world = make_environment(np.broadcast_to(orange, (MAP_ROWS, MAP_COLUMNS, 3)).astype(np.float32), 0.0)

    seen = orange * exposure_gain(world, exposure=1.0, warmth=0.0)

    assert 1.1 < seen[0] / seen[2] < 0.75 * orange[0] / orange[2]


def test_highlights_roll_off_and_mid_tones_stay():
    ramp = np.linspace(0, 12, 4000, dtype=np.float32)[:, None] * np.ones(3, np.float32)

    rolled = roll_off(ramp)

    assert rolled.max() <= 1
    assert (np.diff(rolled[:, 0]) > -1e-6).all()
    np.testing.assert_array_equal(rolled[ramp < 0.5], ramp[ramp < 0.5])


def test_noise_that_is_shown_magnified_has_no_terraces():
    camera = Camera(512, 512, 0.0, 120.0, 400.0, 120.0)
    plane = make_plane(camera, np.arange(160, 512, dtype=np.float32), turn=0.3, phase=(23.0, 47.0))

    bend = np.abs(np.diff(plane.noise(0.9, 1.3, seed=123)[150:], n=2, axis=1))

    assert bend.max() < 20 * bend.mean()  # a terrace is bent at its edges alone


@pytest.mark.parametrize("prompt", ["on white steps, grey studio", "white studio with an arch"])
def test_a_shadow_that_is_not_wanted_falls_on_nothing_behind_the_product_either(prompt):
    lit = f"{prompt}, hard light, light azimuth -22 elevation 18 degrees"

    with_one, without = (
        brightness(draw(lit, size=192, negative_prompt=refused).image) for refused in ("", "shadow")
    )
    behind = np.s_[98:112, 135:146]
    assert with_one[behind].mean() < 0.34 * without[behind].mean()
