"""What the embedded renderer understands of a prompt."""

import numpy as np
import pytest

from prodgen.engines.ibl.floor_materials import FINISHES
from prodgen.engines.ibl.painted_places import DRAWINGS
from prodgen.engines.ibl.panorama import load
from prodgen.engines.ibl.prompt_reading import read
from prodgen.engines.ibl.shadow_patterns import STENCILS
from prodgen.engines.ibl.vocabulary import vocabulary


@pytest.mark.parametrize(
    ("prompt", "scene", "floor"),
    [
        ("red mug on a wooden table, sunset", "sunset", "wood"),
        ("on white marble, bright kitchen", "kitchen", "marble"),
        ("night city street, wet asphalt", "citynight", "asphalt"),
        ("forest floor with moss, morning light", "forest", "moss"),
        ("sandy beach at golden hour", "beachevening", "sand"),
        ("black glossy acrylic, dramatic light from right", "studio", "acrylic"),
        ("cozy interior, linen cloth", "interior", "linen"),
        ("a jar in a garden", "garden", "wood"),
        ("on mossy ground", "forest", "moss"),
        ("(masterpiece:1.2), (sunset:1.4) <lora:wood:0.5>, marble", "sunset", "marble"),
        ("mug on a woden table at sunsett", "sunset", "wood"),
        ("beach bag on a walnut desk, office", "interior", "walnut"),
        ("", "studio", "sweep"),
    ],
)
def test_a_prompt_names_a_place_and_a_floor(prompt, scene, floor):
    reading = read(prompt)

    assert (reading.scene.name, reading.floor) == (scene, floor)


@pytest.mark.parametrize(
    ("prompt", "scene"),
    [
        ("on sand, beach, noon", "beach"),
        ("beach in the morning", "beach"),
        ("on sand at midday", "beach"),
        ("desert, midday", "desertday"),
        ("noon", "day"),
        ("beach", "beach"),
        ("beach at sunset, a sunny day ends", "beachevening"),
        ("beach at dawn", "beachevening"),
        ("beach at night after a day", "night"),
        ("forest, noon", "forest"),
        ("kitchen, noon", "kitchen"),
    ],
)
def test_an_hour_of_the_day_never_gets_an_evening(prompt, scene):
    reading = read(prompt)

    assert reading.scene.name == scene
    assert not {"noon", "midday"} & set(reading.unknown)


@pytest.mark.parametrize(
    ("prompt", "scene"),
    [
        ("living room, lamplight", "interior"),
        ("cafe by lamplight", "cafe"),
        ("soft lamp light in a kitchen", "kitchen"),
        ("a candlelit bathroom", "bathroom"),
        ("on oak, warm candle light", "interior"),
        ("forest, firelight", "night"),
    ],
)
def test_light_of_lamps_and_candles_is_night_and_indoors_unless_a_place_is_named(prompt, scene):
    reading = read(prompt)

    assert (reading.scene.name, reading.is_night, reading.unknown) == (scene, True, ())


@pytest.mark.parametrize(
    ("prompt", "scene", "is_darker"),
    [
        ("kitchen at night", "kitchen", True),
        ("city, night", "citynight", False),
        ("forest at night", "night", False),
        ("city at sunset", "sunset", False),
        ("forest, sunset", "forest", True),
        ("night city, sunset", "citynight", True),
        ("on grass, night", "night", False),
        ("on sand, noonday", "beach", False),
        ("white background, sand", "studio", False),
    ],
)
def test_an_hour_beside_a_place_changes_its_light_or_the_place(prompt, scene, is_darker):
    reading = read(prompt)

    assert reading.scene.name == scene
    assert (reading.exposure < 1) is is_darker


def test_a_prompt_that_says_nothing_drawable_gets_the_studio_and_its_words_are_named():
    reading = read("asdf qwerty")

    assert (reading.scene.name, reading.floor, reading.unknown) == ("studio", "sweep", ("asdf qwerty",))
    assert reading.is_default


@pytest.mark.parametrize(
    "prompt",
    [
        "red mug on a wooden table, sunset",
        "product photo of a handbag, professional lighting, 8k, highly detailed, on marble",
        "a vintage enamelled samovar on an oak table, city",
    ],
)
def test_the_product_and_praise_are_not_unknown_words(prompt):
    assert read(prompt).unknown == ()


def test_an_unknown_place_is_named_beside_what_is_drawn():
    reading = read("bottle on oak, spaceship cockpit")

    assert reading.unknown == ("spaceship cockpit",)
    assert reading.floor == "wood"


@pytest.mark.parametrize(
    ("prompt", "azimuth"),
    [
        ("sunlight from the left", -72),
        ("window light from right", 72),
        ("backlit", 158),
        ("light from top", 20),
    ],
)
def test_light_words_give_a_direction(prompt, azimuth):
    assert read(f"mug on a table, {prompt}").light[0] == azimuth


def test_a_colour_belongs_to_the_word_it_stands_before():
    reading = read("red mug on black marble, pink background")

    assert max(reading.tint) < 0.12
    assert reading.backdrop[0] > 0.9 > reading.backdrop[1]


def test_the_negative_prompt_takes_places_and_floors_away():
    reading = read("mug, forest, wooden table", negative_prompt="wood, trees")

    assert (reading.scene.name, reading.floor) == ("studio", "sweep")


def test_every_word_leads_to_something_that_can_be_drawn():
    known = vocabulary()
    floors = {e.name for entries in known.entries.values() for e in entries if e.kind == "floor"}

    assert floors <= FINISHES.keys()
    assert {scene.floor for scene in known.scenes.values()} <= FINISHES.keys()
    for scene in known.scenes.values():
        assert scene.panorama == "sweep" or load(scene.panorama).shape == (512, 1024, 3)


def test_natural_light_is_no_forest():
    reading = read("on a wooden table, natural light")

    assert (reading.scene.name, reading.floor) == ("studio", "wood")


@pytest.mark.parametrize(
    ("prompt", "scene"),
    [
        ("minimal beige studio with leaf shadows", "studio"),
        ("palm leaf shadow on a pastel pink wall", "studio"),
        ("shadow of a tree on a white wall", "studio"),
        ("lavender backdrop with a window light shadow", "studio"),
        ("on a tree stump, white studio background", "studio"),
        ("beach bag, pink background", "studio"),
        ("kitchen towel on a grey background", "studio"),
        ("ocean print beach bag on a white background", "studio"),
        ("grey background, forest flowers in a vase", "studio"),
        ("white background with green leaves", "studio"),
        ("moon on a studio backdrop", "studio"),
        ("rose petals, black background", "studio"),
        ("wooden table, blurred kitchen background", "kitchen"),
        ("background of blue sky and sea", "beach"),
        ("ocean in the background, on sand", "beach"),
        ("studio lighting, in a kitchen", "kitchen"),
        ("on a bedside night stand", "interior"),
        ("in a spa bathroom, white tiles", "bathroom"),
        ("on a white marble counter, bright bathroom", "bathroom"),
        ("neon city at night", "neon"),
        ("forest in autumn", "autumn"),
        ("snowy forest at christmas", "winter"),
        ("rustic kitchen", "kitchen"),
        ("rose garden", "garden"),
        ("a beach house", "interior"),
        ("in a snowy forest", "winter"),
        ("neon lights, city street", "neon"),
        ("on a wooden table with a candle", "studio"),
        ("beside a window", "interior"),
        ("a coffee shop", "cafe"),
        ("on a dark wooden table, christmas evening, fairy lights", "christmas"),
        ("on sand, beach, sunny day, sea in the background", "beach"),
        ("trees", "forest"),
    ],
)
def test_the_head_of_a_phrase_says_which_place_it_is(prompt, scene):
    assert read(prompt).scene.name == scene


@pytest.mark.parametrize(
    ("prompt", "colour"),
    [
        ("minimal beige studio with leaf shadows", "beige"),
        ("palm leaf shadow on a pastel pink wall", "pink"),
        ("black background with rose petals", "black"),
        ("ocean blue seamless background", "blue"),
        ("forest green studio background", "green"),
        ("sand coloured backdrop with a long shadow", "sand"),
        ("salmon pink backdrop", "salmon"),
        ("mint background with a marble slab", "mint"),
        ("cream studio, lavender podium", "cream"),
        ("gold podium on a white background", "white"),
        ("black marble podium, white backdrop", "white"),
        ("green marble against a terracotta wall", "terracotta"),
        ("turquoise silk, white background", "white"),
        ("lemon yellow background", "yellow"),
        ("snow white background", "white"),
        ("background: teal", "teal"),
        ("on pink paper", "pink"),
        ("product on white", "white"),
        ("white background, no people, no text", "white"),
        ("orange background with orange slices", "orange"),
        ("purple backdrop with grass", "purple"),
        ("sky blue seamless", "sky blue"),
        ("dusty rose studio", "dusty rose"),
    ],
)
def test_the_backdrop_has_the_colour_that_is_said_of_it(prompt, colour):
    assert read(prompt).backdrop == vocabulary().colours[colour]


@pytest.mark.parametrize(
    ("prompt", "floor", "colour"),
    [
        ("pink podium on beige background", "podium", "pink"),
        ("midnight blue backdrop, gold podium", "podium", "gold"),
        ("turquoise silk, white background", "silk", "turquoise"),
        ("white seamless, wood podium", "wood", None),
        ("slab of green marble, white wall", "marble", "green"),
        ("marble pattern vase, black background", "sweep", None),
        ("snow white background", "sweep", None),
    ],
)
def test_the_floor_has_the_material_and_the_colour_that_are_said_of_it(prompt, floor, colour):
    reading = read(prompt)

    assert (bool(reading.stand), reading.floor) in [
        (True, "sweep" if floor == "podium" else floor),
        (False, floor),
    ]
    assert reading.tint == (None if colour is None else vocabulary().colours[colour])


def test_a_dark_or_pale_colour_is_darker_or_paler():
    dark, plain, pale = (sum(read(f"{word} blue background").backdrop) for word in ("dark", "", "pale"))

    assert dark < plain < pale


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("on a kitchen counter with lemons", ("lemons",)),
        ("black background with golden particles", ("golden particles",)),
        ("black background, golden particles floating in the air", ("golden particles",)),
        ("a glass of lemonade on a table, in a bowl of ice cubes", ("ice cubes",)),
        ("white background with green leaves", ("green leaves",)),
        ("minimal beige studio with chandelier shadows", ("chandelier shadows",)),
        ("on marble, blue leaf shadow", ("blue leaf shadow",)),
        ("an old courtyard with an arch", ("arch",)),
        ("white studio, window light", ()),
        ("on white marble with roses", ("roses",)),
        ("on marble, isometric view, fisheye", ("isometric view", "fisheye")),
        ("surrounded by seashells on a sandy beach", ("seashells",)),
        ("on a wooden table with a linen cloth", ("linen cloth",)),
        ("kitchen with a view of the sea", ("sea",)),
        ("on a kitchen counter, dark green wall", ("dark green wall",)),
        ("white studio, brick wall", ("brick wall",)),
        ("pink light, white studio", ("pink light",)),
        ("a mug next to a laptop on a desk", ("laptop",)),
        ("golden particles floating in the air, black background", ("golden particles",)),
        ("rose petals on marble", ("rose petals",)),
        ("ivy behind it, grey studio", ("ivy",)),
        ("dark studio, blue rim light", ("blue rim light",)),
        ("on marble with a dessert", ("dessert",)),
        ("לימונים על שולחן", ("לימונים על שולחן",)),
        ("مع ليمون، خلفية بيضاء", ("مع ليمون", "خلفية بيضاء")),
        ("木のテーブル、レモン", ("木のテーブル", "レモン")),
        ("🍋🍋 on marble 👩‍🚀", ("🍋🍋", "👩‍🚀")),
        ("हिन्दी", ("हिन्दी",)),
    ],
)
def test_what_is_asked_for_and_not_drawn_is_told_as_whole_phrases(prompt, told):
    assert read(prompt).unknown == told


@pytest.mark.parametrize(
    "prompt",
    [
        "no people, without text or logos, on a beach",
        "sand around the bottle, white backdrop",
        "8k, masterpiece, best quality, bokeh, unreal engine, f/1.8, shallow depth of field, on marble",
        "the bag is on the top of a table that stands next to the window",
        "soft long shadow, warm sunlight from the left, white studio",
        "golden hour on a rooftop, city street at night",
        "café, wooden table",
        "!!!???...",
        "city at sunset",
        "forest at night",
    ],
)
def test_what_is_drawn_or_negated_or_only_steers_quality_is_not_told(prompt):
    assert read(prompt).unknown == ()


@pytest.mark.parametrize("prompt", ["!!!???...", "לימון", "🍋", "zorgblat", "", "a beautiful product"])
def test_a_prompt_without_a_known_word_gets_the_default_and_says_so(prompt):
    assert read(prompt).is_default


@pytest.mark.parametrize("prompt", ["white", "on oak", "soft light", "beach", "from the left", "a podium"])
def test_one_known_word_makes_the_scene_no_default(prompt):
    assert not read(prompt).is_default


@pytest.mark.parametrize(
    ("prompt", "shape"),
    [
        ("beige studio, palm leaf shadow", "palm"),
        ("minimal studio with shadows of leaves", "foliage"),
        ("monstera leaf shadows on a beige wall", "foliage"),
        ("white wall, window shadow", "window"),
        ("white studio, window light", "window"),
        ("on oak, sunlight through venetian blinds", "slats"),
    ],
)
def test_a_shadow_of_something_known_is_drawn_and_not_told(prompt, shape):
    reading = read(prompt)

    assert (reading.gobo.shape, reading.unknown) == (shape, ())


@pytest.mark.parametrize("prompt", ["a long shadow on white", "kitchen, window light", "a palm tree, beach"])
def test_without_a_thing_that_casts_it_a_shadow_has_no_pattern(prompt):
    assert read(prompt).gobo is None


@pytest.mark.parametrize(
    ("prompt", "colour"),
    [
        ("#2f6f8f studio background", (47, 111, 143)),
        ("seamless #FFF", (255, 255, 255)),
        ("studio, #aabbed backdrop", (170, 187, 237)),
    ],
)
def test_a_backdrop_may_be_named_by_its_hexadecimal_digits(prompt, colour):
    assert read(prompt).backdrop == pytest.approx(np.array(colour) / 255)


def test_a_gradient_goes_from_the_first_colour_named_to_the_second():
    colours = vocabulary().colours

    assert read("gradient from pink to sky blue, studio").fade == (colours["pink"], colours["sky blue"])
    assert read("grey studio with gradient").fade == ()
    assert read("grey studio").fade is None


def test_a_table_is_round_only_where_the_prompt_says_so():
    assert read("on a round oak table, cafe").is_round
    assert read("on a round oak table, cafe").floor == "wood"
    assert not read("on an oak table beside a round vase, cafe").is_round


@pytest.mark.parametrize(
    ("prompt", "shape", "unknown"),
    [
        ("pink podium, white studio", "round", ()),
        ("on a marble pedestal", "round", ()),
        ("on a white plinth, blue background", "block", ()),
        ("stone steps in a garden", "steps", ()),
        ("on oak", "", ()),
        ("in a bowl of ice cubes", "", ("ice cubes",)),
    ],
)
def test_a_stand_has_the_shape_that_its_word_names(prompt, shape, unknown):
    reading = read(prompt)

    assert (reading.stand, reading.unknown) == (shape, unknown)


def test_an_arch_stands_in_the_studio_and_is_told_anywhere_else_or_of_a_material():
    assert read("in front of a white arch, pink background").has_arch
    assert read("in front of a white arch, pink background").unknown == ()
    assert not read("arch in a garden").has_arch
    assert read("arch in a garden").unknown == ("arch",)
    assert read("stone arch, white studio").unknown == ("stone arch",)


@pytest.mark.parametrize(
    ("prompt", "floats"),
    [
        ("mug levitating over a pink background", True),
        ("levitation, mint studio", True),
        ("a bottle floating in the air, black background", True),
        ("mug on marble, golden particles floating in the air", False),
        ("rose petals floating, white studio", False),
        ("on marble", False),
    ],
)
def test_the_product_hovers_only_where_that_is_said_of_it(prompt, floats):
    assert read(prompt).is_afloat == floats


def test_every_shape_of_the_table_has_a_drawing():
    known = vocabulary()

    assert {scene.drawing for scene in known.scenes.values()} - {""} == set(DRAWINGS)
    assert {gobo.shape for gobo in known.gobos.values()} == set(STENCILS)
    assert set(known.stands.values()) == {"round", "block", "steps"}


@pytest.mark.parametrize(
    ("prompt", "upright"),
    [
        ("in a kitchen beside a window", ("kitchen", "window")),
        ("on a kitchen counter", ()),
        ("on oak, bathroom, bright morning", ("bathroom",)),
        ("on linen, ocean background", ("ocean background",)),
        ("sandy beach", ()),
        ("autumn forest", ("autumn forest",)),  # trees; the ground alone is in view
        ("on moss in a forest", ("forest",)),
        ("autumn leaves", ()),
        ("stone podium, palm leaf shadow", ("stone podium",)),
        ("studio, pink arch", ("pink arch",)),
        ("studio, window light", ()),
        ("a levitating mug on oak", ("levitating",)),
        ("studio, terracotta arch", ()),  # is not drawn at all, and so told
    ],
)
def test_what_stands_around_the_product_is_known_by_its_words(prompt, upright):
    assert read(prompt).upright == upright


@pytest.mark.parametrize(
    ("prompt", "floor"),
    [
        ("in shallow water, beach", "water"),
        ("beach, in shallow water", "water"),
        ("standing in the sea", "water"),
        ("beach with waves", "sand"),
        ("at the sea", "sand"),
        ("on sand, boats in the sea", "sand"),
        ("on oak, mountains reflected in water", "wood"),
    ],
)
def test_what_stands_in_water_stands_on_no_beach(prompt, floor):
    assert read(prompt).floor == floor


@pytest.mark.parametrize(
    ("prompt", "negative", "is_left_out"),
    [
        ("on oak, no shadow", "", True),
        ("on oak without a cast shadow, morning", "", True),
        ("on oak", "clutter, shadows", True),
        ("(no shadow:1.2), on oak", "", True),
        ("on oak, no drop-shadow", "", True),
        ("shadowless studio", "", True),
        ("on oak, soft shadow-free light", "", True),
        ("beige wall, no shadow on the wall", "", False),  # none falls there, and the floor's stays
        ("beige arch, no shadow on the wall", "", True),
        ("on oak", "floor shadow", True),
        ("on white steps, studio", "floor shadow", False),  # one of another direction would hang in the air
        ("on white steps, studio", "shadow", True),
        ("on oak, no harsh shadows", "clutter, harsh shadows", False),
        ("palm leaf shadow on a wall", "", False),
    ],
)
def test_a_shadow_is_left_out_where_none_at_all_is_wanted(prompt, negative, is_left_out):
    reading = read(prompt, negative_prompt=negative)

    assert reading.is_shadowless is is_left_out
    assert reading.unknown == ()


@pytest.mark.parametrize(
    ("prompt", "scene"),
    [
        ("on a supermarket shelf", "shop"),
        ("in front of a glowing fireplace", "fireside"),
        ("on white silk bedsheets, morning light", "bedroom"),
        ("in an old barn", "barn"),
        ("on the floor of a gym", "gym"),
        ("on a pier over a lake, mountains behind", "mountains"),
        ("on a cafe terrace, early morning", "cafe"),
        ("at a harbour, midday", "beach"),
        ("under a christmas tree", "christmas"),
        ("on a dusty road in the desert", "desert"),
        # Daylight is a light; where a studio's stand or arch is asked for it is no meadow.
        ("on a stone pedestal, soft daylight", "studio"),
        ("on a stone pedestal, sunset", "sunset"),
        ("beige arch, soft daylight", "studio"),
        ("on slate, studio daylight", "studio"),
        ("on moss by a flower bed", "garden"),
        ("on river bed pebbles", "studio"),
        # A counter is a kitchen's where no other place is named.
        ("on terrazzo, shop counter", "shop"),
        ("on a counter in a shop", "shop"),
        ("on a bakery counter", "cafe"),
        ("on a counter, kitchen", "kitchen"),
        ("on a white counter", "kitchen"),
        # The peaks are drawn under snow.
        ("on a rock, snow-capped mountains behind", "mountains"),
        ("in the alps, on a rock by a lake, snow on the peaks", "mountains"),
        ("in a snowy forest", "winter"),
        ("on an oak table, morning light", "sunrise"),
    ],
)
def test_a_usual_place_is_drawn_as_what_it_is(prompt, scene):
    assert read(prompt).scene.name == scene
    assert read(prompt).unknown == ()


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("a bowl on a stack of books by a window", ("books",)),
        ("in a bathroom, kitchen", ("kitchen",)),  # another room of the same panorama
        ("kitchen beside a window", ()),
        ("on a white marble counter, bright bathroom", ()),
        ("soft light on the bottle", ()),
    ],
)
def test_what_a_product_is_to_stand_on_or_in_is_told_where_it_is_not_drawn(prompt, told):
    assert read(prompt).unknown == told


@pytest.mark.parametrize(
    ("prompt", "floor"),
    [
        ("king-size bed sheet, on oak", "wood"),
        ("linen, on oak", "wood"),
        ("linen and oak", "linen"),
        ("sandy beach, sunset over the sea", "sand"),
        ("moss, evening light on water", "moss"),
        ("on slate, marble kitchen", "slate"),
    ],
)
def test_what_the_product_is_said_to_be_on_is_its_floor_whatever_else_is_named(prompt, floor):
    assert read(prompt).floor == floor


def test_what_stands_by_water_does_not_stand_in_it():
    assert read("by a pool, beach, summer").floor != "water"
    assert read("in a pool").floor == "water"
