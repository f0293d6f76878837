"""A scene in the look of a reference picture: what the server has decides how; the product stays itself."""

from __future__ import annotations

import dataclasses
import json
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

from prodgen import codecs, files
from prodgen.color import in_colors_of, to_lab
from prodgen.errors import IdleSettingError, MissingExtensionError, SettingError
from prodgen.replaying import Replay, replay
from prodgen.server.app import HttpRequest
from prodgen.server.wire import HttpAnswer
from prodgen.shots import Result, check, new_shot, shoot
from prodgen.shots.reference_units import find_unit
from tests.shots.reference_server import ReferenceServer, connected

A1111_MODULES = ("none", "ip-adapter-auto", "reference_only", "canny")
ADAPTERS = ("ip-adapter_sd15_plus [c817b455]", "ip-adapter_sd15 [6a3f6166]", "ip-adapter-full-face_sd15 [b]")
XL_ADAPTERS = ("ip-adapter_sdxl [1]", "ip-adapter_sdxl_vit-h [2]")


@pytest.fixture
def photos(tmp_path: Path, disc: np.ndarray) -> Path:
    """A folder with a red disc, its matte, and a blue evening to take the look from."""
    rgb = np.where(disc[..., None] > 0, np.array([0.7, 0.1, 0.1]), 0.9).astype(np.float32)
    files.save(tmp_path / "mug.png", rgb)
    files.save_matte(tmp_path / "matte.png", disc)
    ramp = np.linspace(0.15, 0.5, 64, dtype=np.float32)[:, None, None]
    files.save(tmp_path / "evening.png", np.broadcast_to(ramp * (0.5, 0.6, 1.0), (64, 64, 3)).astype("f4"))
    return tmp_path


def shot(photos: Path, server: ReferenceServer, prompt: str = "oak table", **more: object) -> Result:
    settings = {"place": "original", "shadow": "none", **more.pop("settings", {})}
    given = {"seed": 5, "reference": photos / "evening.png", **more}
    with connected(server) as client:
        return shoot(
            photos / "mug.png", prompt, matte=photos / "matte.png", backend=client, settings=settings, **given
        )


def drawn(server: ReferenceServer) -> dict:
    return server.sent[0][1]


def unit_of(server: ReferenceServer) -> dict | None:
    script = drawn(server).get("alwayson_scripts", {}).get("ControlNet")
    return None if script is None else script["args"][0]


@pytest.mark.parametrize(
    ("modules", "models", "by", "module", "model"),
    [
        (A1111_MODULES, ADAPTERS, "ip-adapter", "ip-adapter-auto", "ip-adapter_sd15 [6a3f6166]"),
        (A1111_MODULES, (), "reference_only", "reference_only", None),
        (("none", "reference_only"), ADAPTERS, "reference_only", "reference_only", None),
        (("none", "canny"), ("canny [12]",), "img2img", None, None),
        ((), (), "img2img", None, None),
    ],
)
def test_the_first_way_that_the_server_has_is_taken_and_stands_in_the_story(
    photos, modules, models, by, module, model
):
    server = ReferenceServer(modules=modules, models=models)

    made = shot(photos, server)

    unit, told = unit_of(server), made.story()["reference"]
    assert (told["by"], told["model"]) == (by, model)
    assert made.route.taken == "reference"
    assert (None if unit is None else unit["module"]) == module
    assert ("ControlNet" in made.story()["proofs"]) is (module is not None)
    assert any("drawn over the reference picture" in note for note in made.notices) is (by == "img2img")


def test_a_unit_gets_the_picture_and_its_weight_and_draws_from_noise(photos):
    server = ReferenceServer(modules=A1111_MODULES)

    shot(photos, server, settings={"reference_weight": 0.6}, recipe="reference")

    assert unit_of(server)["weight"] == 0.6
    assert drawn(server)["denoising_strength"] == 1
    assert drawn(server)["inpainting_fill"] == 2
    sent = codecs.decode(b64decode(unit_of(server)["image"])).rgb
    assert sent[..., 2].mean() > 1.5 * sent[..., 0].mean()


def test_without_a_unit_drawing_starts_from_the_picture_behind_the_product(photos):
    server = ReferenceServer()

    shot(photos, server, settings={"denoising_strength": 0.4})

    assert drawn(server)["denoising_strength"] == 0.4
    assert drawn(server)["inpainting_fill"] == 1
    start = codecs.decode(b64decode(drawn(server)["init_images"][0])).rgb
    middle, corner = start[start.shape[0] // 2, start.shape[1] // 2], start[-1, 0]
    assert middle[0] > 2 * middle[2]
    assert corner[2] > 1.5 * corner[0]


@pytest.mark.parametrize("by", ["ip-adapter", "reference_only"])
def test_a_way_that_the_server_does_not_have_is_refused_by_name_with_a_remedy(photos, by):
    with pytest.raises(MissingExtensionError, match=rf"{by}.*sd-webui-controlnet.*--reference-by"):
        shot(photos, ReferenceServer(), recipe="reference", settings={"reference_by": by})


def test_the_embedded_backend_takes_light_and_colours_and_says_that_it_takes_no_set(photos):
    made = shoot(
        photos / "mug.png",
        "oak table",
        matte=photos / "matte.png",
        backend="embedded://",
        seed=5,
        reference=photos / "evening.png",
        settings={"place": "original", "shadow": "none"},
    )

    outside = files.load_matte(photos / "matte.png") == 0
    assert made.story()["reference"]["by"] == "colors"
    assert to_lab(made.image)[outside][:, 2].mean() < -10
    assert any("a set is not taken" in note for note in made.notices)
    assert any("light" in word for word in made.story()["sent"]["prompt"].split())


def test_a_scene_as_bright_as_the_drawn_one_keeps_a_product_as_bright_as_it_was_photographed(photos):
    files.save(photos / "noon.png", np.full((64, 64, 3), 0.85, np.float32))
    server = ReferenceServer(checkpoint="prodgen-ibl (no diffusion)")

    made = shot(photos, server, reference=photos / "noon.png", light="behind")

    inside = files.load_matte(photos / "matte.png") == 1
    photo = to_lab(files.load(photos / "mug.png").rgb)[inside][:, 0].mean()
    assert to_lab(made.image)[inside][:, 0].mean() > photo - 4


def test_the_embedded_backend_refuses_to_draw_over_a_picture(photos):
    with pytest.raises(
        MissingExtensionError, match=r"the embedded backend has no img2img: .* Stable Diffusion"
    ):
        shoot(
            photos / "mug.png",
            "oak table",
            backend="embedded://",
            matte=photos / "matte.png",
            recipe="reference",
            reference=photos / "evening.png",
            settings={"reference_by": "img2img"},
        )


def test_where_ic_light_is_it_lights_the_product_for_the_scene_that_was_drawn(photos):
    server = ReferenceServer(modules=A1111_MODULES, ic_light="v2")

    made = shot(photos, server)

    (first, _), (second, fields) = server.sent
    assert (first, second) == ("/sdapi/v1/img2img", "/sdapi/v1/txt2img")
    assert "FBC" in json.dumps(fields["alwayson_scripts"]["IC Light"]["args"][:2]).upper()
    assert {"ControlNet", "IC-Light"} <= made.story()["proofs"].keys()


def test_an_sdxl_checkpoint_gets_an_adapter_of_its_own_and_no_ic_light(photos):
    server = ReferenceServer(
        modules=A1111_MODULES, models=(*ADAPTERS, *XL_ADAPTERS), checkpoint="juggernautXL", ic_light="v2"
    )

    made = shot(photos, server)

    assert made.story()["reference"]["model"] == "ip-adapter_sdxl [1]"
    assert len(server.sent) == 1


@pytest.mark.parametrize(
    ("model", "modules", "module"),
    [
        ("ip-adapter_sd15", ("ip-adapter_clip_h",), "ip-adapter_clip_h"),
        ("ip-adapter_sdxl", ("ip-adapter_clip_h", "ip-adapter_clip_g"), "ip-adapter_clip_g"),
        ("ip-adapter_sdxl_vit-h", ("ip-adapter_clip_sdxl_plus_vith",), "ip-adapter_clip_sdxl_plus_vith"),
        ("ip-adapter_sd15", ("CLIP-ViT-H (IPAdapter)",), "CLIP-ViT-H (IPAdapter)"),
        ("ip-adapter_sd15", ("ip-adapter_face_id",), None),
        ("ip-adapter-faceid_sd15", ("ip-adapter-auto",), None),
        ("ip-adapter_sdxl", ("ip-adapter_clip_h",), None),
    ],
)
def test_an_adapter_gets_the_encoder_that_it_was_trained_with(model, modules, module):
    found = find_unit(modules, (model,), is_sdxl="xl" in model)

    assert (None if found is None else found.module) == module


def test_no_words_are_needed_beside_a_reference_picture(photos):
    assert shot(photos, ReferenceServer(), prompt="").route.taken == "reference"


def test_the_products_pixels_are_the_photographs_with_the_light_taken_off(photos):
    made = shot(photos, ReferenceServer(modules=A1111_MODULES), settings={"blend": 0})

    inside = files.load_matte(photos / "matte.png") == 1
    photo = files.load(photos / "mug.png").rgb
    np.testing.assert_allclose(made.image[inside], photo[inside], atol=1 / 255)


@pytest.mark.parametrize("modules", [(), A1111_MODULES])
def test_a_replay_needs_the_reference_picture_and_is_the_same_to_the_bit(photos, modules):
    first = shot(photos, ReferenceServer(modules=modules), output=photos / "out.png")
    files_of = {"photo": photos / "mug.png", "matte": photos / "matte.png"}

    with connected(ReferenceServer(modules=modules)) as client:
        with pytest.raises(SettingError, match="--reference"):
            replay(photos / "out.png", **files_of, backend=client, output=photos / "no.png")
        again = replay(
            photos / "out.png",
            **files_of,
            reference=photos / "evening.png",
            backend=client,
            output=photos / "again.png",
        )

    np.testing.assert_array_equal(again.picture.image, first.image)


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"recipe": "reference", "reference": None}, SettingError, "--reference FILE"),
        ({"recipe": "relight"}, IdleSettingError, "leave out reference"),
        ({"recipe": "packshot", "prompt": ""}, IdleSettingError, "leave out reference"),
        ({"background": "wall.png"}, IdleSettingError, "leave out reference"),
        ({"light_map": "map.png"}, IdleSettingError, "leave out light_map"),
    ],
)
def test_what_does_not_go_with_a_reference_picture_is_refused_before_any_work(fields, error, said):
    fields = {"prompt": "oak table", "reference": "evening.png", **fields}

    with pytest.raises(error, match=said):
        check(new_shot("mug.png", **fields))


def test_a_changed_setting_that_the_taken_way_has_no_use_for_is_told(photos):
    by_unit = shot(photos, ReferenceServer(modules=A1111_MODULES), settings={"denoising_strength": 0.4})
    over = shot(photos, ReferenceServer(), recipe="reference", settings={"reference_weight": 0.4})

    assert any("denoising_strength: without effect" in note for note in by_unit.notices)
    assert any("reference_weight: without effect" in note for note in over.notices)


def test_colours_are_taken_over_with_their_mean_and_their_spread():
    rng = np.random.default_rng(1)
    scene = np.clip(rng.normal((0.5, 0.4, 0.3), 0.08, (40, 40, 3)), 0, 1).astype(np.float32)
    other = np.clip(rng.normal((0.3, 0.4, 0.5), (0.05, 0.1, 0.1), (50, 30, 3)), 0, 1).astype(np.float32)

    made = to_lab(in_colors_of(scene, other, np.ones((40, 40), np.float32))).reshape(-1, 3)

    wanted = to_lab(other).reshape(-1, 3)
    np.testing.assert_allclose(made.mean(0), wanted.mean(0), atol=0.5)
    np.testing.assert_allclose(np.cov(made.T), np.cov(wanted.T), atol=0.15 * np.cov(wanted.T).max())


def test_a_plain_wall_is_not_stretched_into_grain():
    rng = np.random.default_rng(1)
    wall = np.clip(0.5 + rng.normal(0, 0.02, (40, 40, 3)), 0, 1).astype(np.float32)
    city = rng.random((40, 40, 3), np.float32)

    made = to_lab(in_colors_of(wall, city, np.ones((40, 40), np.float32)))

    assert made[..., 0].std() < 1.6 * to_lab(wall)[..., 0].std()


def test_a_reference_of_one_pixel_gives_its_colour():
    rng = np.random.default_rng(1)
    scene = np.clip(rng.normal(0.5, 0.05, (40, 40, 3)), 0, 1).astype(np.float32)
    blue = np.array([[[0.3, 0.4, 0.6]]], np.float32)

    made = to_lab(in_colors_of(scene, blue, np.ones((40, 40), np.float32))).reshape(-1, 3)

    np.testing.assert_allclose(made.mean(0), to_lab(blue)[0, 0], atol=0.5)


def test_a_replay_goes_the_way_told_though_the_server_has_a_better_one_now(photos):
    first = shot(photos, ReferenceServer(), output=photos / "out.png")

    again = replayed(photos, ReferenceServer(modules=A1111_MODULES, models=ADAPTERS))

    assert again.picture.story()["reference"]["by"] == "img2img"
    np.testing.assert_array_equal(again.picture.image, first.image)


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ({"modules": A1111_MODULES, "models": ADAPTERS}, {}, "ip-adapter_sd15 .*does not have"),
        ({"modules": A1111_MODULES, "models": ADAPTERS}, {"models": ADAPTERS[:1]}, "would be by .*_plus"),
        ({"modules": A1111_MODULES, "ic_light": "v2"}, {"ic_light": None}, "computed from the scene"),
        ({"checkpoint": "prodgen-ibl (no diffusion)"}, {"checkpoint": "photon"}, "light and colours alone"),
    ],
)
def test_a_replay_is_refused_where_the_server_would_take_the_picture_over_another_way(
    photos, then, now, said
):
    shot(photos, ReferenceServer(**then), output=photos / "out.png")
    changed = ReferenceServer(**({**then, **now} if now else {}))

    with pytest.raises(SettingError, match=said):
        replayed(photos, changed)

    assert not changed.sent


class WithoutRelight(ReferenceServer):
    """Lists IC-Light, and draws as if it had not been asked for: its weights are missing."""

    def _drawn(self, request: HttpRequest) -> HttpAnswer:
        fields = json.loads(request.body)
        fields.get("alwayson_scripts", {}).pop("IC Light", None)
        return super()._drawn(dataclasses.replace(request, body=json.dumps(fields).encode()))


def test_a_picture_whose_relight_failed_is_replayed_on_the_same_server_to_the_bit(photos):
    first = shot(photos, WithoutRelight(modules=A1111_MODULES, ic_light="v2"), output=photos / "out.png")

    again = replayed(photos, WithoutRelight(modules=A1111_MODULES, ic_light="v2"))

    assert first.story()["reference"]["relight_failed"]
    assert again.differences == ()


def test_a_server_whose_version_is_known_only_once_it_has_drawn_is_no_difference_beforehand(photos):
    shot(photos, ReferenceServer(modules=A1111_MODULES), output=photos / "out.png")

    assert replayed(photos, ReferenceServer(modules=A1111_MODULES), strict=True).differences == ()


def test_a_relight_that_failed_then_and_not_now_is_a_difference(photos):
    shot(photos, WithoutRelight(modules=A1111_MODULES, ic_light="v2"), output=photos / "out.png")

    again = replayed(photos, ReferenceServer(modules=A1111_MODULES, ic_light="v2"))

    words = "light of the product: computed from the scene then, by IC-Light now"
    assert words in [one.words for one in again.differences]


def replayed(photos: Path, server: ReferenceServer, *, strict: bool = False) -> Replay:
    with connected(server) as client:
        return replay(
            photos / "out.png",
            photo=photos / "mug.png",
            matte=photos / "matte.png",
            reference=photos / "evening.png",
            backend=client,
            strict=strict,
        )


@pytest.mark.parametrize(
    ("checkpoint", "models", "is_told"),
    [
        ("dreamyMix", (*ADAPTERS, *XL_ADAPTERS), True),
        ("ponyDiffusionV6", (*ADAPTERS, *XL_ADAPTERS), False),
        ("v1-5-pruned", (*ADAPTERS, *XL_ADAPTERS), False),
        ("juggernautXL", (*ADAPTERS, *XL_ADAPTERS), False),
        ("photon", ADAPTERS, False),
    ],
)
def test_a_family_that_was_guessed_is_told_where_adapters_of_another_one_are_there(
    photos, checkpoint, models, is_told
):
    made = shot(photos, ReferenceServer(modules=A1111_MODULES, models=models, checkpoint=checkpoint))

    assert any("'xl' in its file name" in note for note in made.notices) is is_told


def test_a_recipes_light_that_gives_way_to_the_reference_picture_is_told(photos):
    left_out = shot(photos, ReferenceServer(), "", recipe="kitchen")
    asked = shot(photos, ReferenceServer(), "", recipe="kitchen", light="left")

    assert any("not the recipe's, soft" in note for note in left_out.notices)
    assert not any("not the recipe's" in note for note in asked.notices)
