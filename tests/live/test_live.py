"""What every server must keep to, asked of a real one; see conftest.py for how, and why it is safe."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from prodgen.codecs import encode
from prodgen.dialects import ROUTES
from prodgen.errors import BackendError, BackendFaultError, Interrupted, NotABackendError, UnknownNameError
from prodgen.schema import ICLight, Img2Img, Lora, SoftInpainting, Txt2Img, Upscale

pytestmark = pytest.mark.live

SIDE = 64
STEPS = 2
OWN_TO_OTHER_SERVERS = {"modules"}
"""Lists that only one kind of server has; to be without them is no lack."""

SAME_LEVELS = 2.0
"""Mean 8-bit levels between two runs of one seed: GPUs add in an order that changes."""


def drawing(**fields):
    return Txt2Img(**({"prompt": "a cup", "seed": 5, "width": SIDE, "height": SIDE, "steps": STEPS} | fields))


def repainting(**fields):
    return Img2Img(**({**drawing().sent_fields, "init_image": noise(), "denoising_strength": 0.8} | fields))


def noise():
    levels = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3))
    return levels.astype(np.float32) * np.float32(1 / 255)


def right_half():
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[:, SIDE // 2 :] = 1
    return mask


def unit(disc, **fields):
    product = np.full((SIDE, SIDE, 3), 0.6, np.float32)
    return ICLight(**({"foreground": product, "matte": disc} | fields))


def levels_between(a, b):
    return float(np.abs(a - b).mean() * 255)


def test_it_answers_and_says_what_it_is(live):
    assert live.capabilities.samplers
    assert live.capabilities.dialect == live.dialect.name


@pytest.mark.parametrize("name", [name for name in ROUTES if name not in OWN_TO_OTHER_SERVERS])
def test_its_lists_can_be_read(live, lacks, name):
    if name not in live.capabilities.answered:
        lacks(f"the list {ROUTES[name]}")


@pytest.mark.parametrize(
    "name", ["memory", "extensions", "embeddings", "styles", "face_restorers", "command_line"]
)
def test_the_rest_of_its_lists_can_be_read(live, lacks, name):
    try:
        assert getattr(live.service, name)() is not None
    except NotABackendError:
        lacks(f"the list of {name.replace('_', ' ')}")


def test_a_picture_has_the_size_the_seeds_and_the_words_that_were_asked_for(live):
    drawn = live.txt2img(drawing(prompt="Tasse, 杯子 é", width=2 * SIDE, batch_size=2))

    assert [image.shape for image in drawn.images] == [(SIDE, 2 * SIDE, 3)] * 2
    assert drawn.seeds == (5, 6)
    assert all("杯子" in text and f"Steps: {STEPS}" in text for text in drawn.infotexts)


def test_the_same_seed_draws_the_same_picture_and_another_does_not(live):
    once, again, other = (live.txt2img(drawing(seed=seed)).image for seed in (5, 5, 6))

    assert levels_between(once, again) < SAME_LEVELS
    assert levels_between(once, other) > levels_between(once, again)


def test_several_batches_come_in_one_call(live, offered):
    with offered("several batches in a call"):
        assert live.txt2img(drawing(n_iter=2)).seeds == (5, 6)


def test_sampler_and_schedule_are_the_ones_that_were_asked_for(live, offered):
    sampler = next(
        name
        for name in ("DPM++ 2M", "Euler", *live.capabilities.samplers)
        if name in live.capabilities.samplers
    )
    fields = {"scheduler": "Karras"} if "Karras" in live.capabilities.schedulers else {}
    with offered("choice of schedule"):
        applied = live.txt2img(drawing(sampler_name=sampler, **fields)).applied
        assert applied.sampler == sampler
        assert not fields or applied.scheduler in ("Karras", None)


@pytest.mark.parametrize("field", ["sampler_name", "checkpoint"])
def test_an_unknown_name_is_refused_before_anything_is_drawn(live, field):
    with pytest.raises(UnknownNameError):
        live.txt2img(drawing(**{field: "no such name"}))


def test_the_model_that_is_loaded_can_be_named(live, offered):
    if not live.capabilities.checkpoint:
        pytest.skip("it does not say which model is loaded")
    with offered("checkpoint for one call"):
        assert live.txt2img(drawing(checkpoint=live.capabilities.checkpoint)).checkpoint


def test_a_picture_is_drawn_over(live):
    drawn = live.img2img(repainting(denoising_strength=0.3))

    assert drawn.image.shape == (SIDE, SIDE, 3)
    assert levels_between(drawn.image, noise()) > 0


@pytest.mark.parametrize("fill", ["fill", "original", "latent_noise", "latent_nothing"])
def test_pixels_that_are_kept_come_back_to_the_bit(live, fill):
    request = repainting(inpaint_mask=right_half(), mask_blur=0, inpainting_fill=fill, inpaint_full_res=False)

    repainted = live.img2img(request).image

    kept = SIDE // 2
    np.testing.assert_array_equal(repainted[:, :kept], noise()[:, :kept])
    assert np.abs(repainted[:, kept + 8 :] - noise()[:, kept + 8 :]).max() > 0.05


def test_a_mask_can_be_turned_round(live):
    request = repainting(
        inpaint_mask=right_half(), mask_blur=0, inpainting_mask_invert=True, inpaint_full_res=False
    )

    np.testing.assert_array_equal(live.img2img(request).image[:, SIDE // 2 :], noise()[:, SIDE // 2 :])


def test_a_masked_area_is_drawn_at_full_resolution(live, offered):
    with offered("inpainting at full resolution"):
        request = repainting(inpaint_mask=right_half(), mask_blur=0, inpaint_full_res=True)
        assert live.img2img(request).image.shape == (SIDE, SIDE, 3)


def test_a_soft_mask_is_blended_softly(live, offered):
    with offered("soft inpainting"):
        request = repainting(
            inpaint_mask=right_half(), inpaint_full_res=False, soft_inpainting=SoftInpainting()
        )
        assert live.img2img(request).image.shape == (SIDE, SIDE, 3)


def test_a_second_pass_enlarges(live, offered):
    with offered("second pass"):
        drawn = live.txt2img(drawing(enable_hr=True, hr_scale=2, denoising_strength=0.5))
        assert drawn.image.shape == (2 * SIDE, 2 * SIDE, 3)


def test_a_lora_is_proven(live, lacks):
    if not live.capabilities.loras:
        lacks("any LoRA")
    name = live.capabilities.loras[0]
    try:
        drawn = live.txt2img(drawing(loras=(Lora(name=name, weight=0.5),)))
    except BackendError as error:
        pytest.skip(f"its first LoRA is not for the model that is loaded: {error}")
    assert name in drawn.applied.loras or drawn.notices


@pytest.mark.parametrize("mode", ["fc", "fbc"])
def test_ic_light_relights_our_own_foreground(live, lacks, disc, mode):
    if live.capabilities.ic_light is None:
        lacks("IC-Light")
    fields = {"mode": "fbc", "background": noise()} if mode == "fbc" else {}
    if (
        mode == "fbc"
        and live.capabilities.ic_light_models
        and "IC-Light.SD15.FBC" not in live.capabilities.ic_light_models
    ):
        lacks("IC-Light's weights for a background (FBC)")
    plain = live.txt2img(drawing(cfg_scale=2.0)).image

    try:
        drawn = live.txt2img(drawing(cfg_scale=2.0, ic_light=unit(disc, **fields)))
    except BackendFaultError as error:
        if "bridge" not in str(error):
            raise
        lacks("prodgen's bridge extension, without which IC-Light's results cannot be sent")

    assert drawn.applied.ic_light or drawn.notices
    assert levels_between(drawn.image, plain) > SAME_LEVELS


def test_ic_light_takes_the_light_from_a_light_map(live, lacks, offered, disc):
    if live.capabilities.ic_light is None:
        lacks("IC-Light")
    ramp = np.repeat(np.linspace(1, 0, SIDE, dtype=np.float32)[None, :, None], SIDE, 0).repeat(3, 2)
    with offered("IC-Light with a light map"):
        try:
            drawn = live.img2img(repainting(init_image=ramp, ic_light=unit(disc)))
        except BackendFaultError as error:
            if "bridge" not in str(error):
                raise
            lacks("prodgen's bridge extension, without which IC-Light's results cannot be sent")
        assert drawn.image.shape == (SIDE, SIDE, 3)


def test_controlnet_names_its_models(live, lacks):
    if not live.capabilities.controlnet:
        lacks("ControlNet")
    assert live.controlnet.version() >= 1
    assert live.controlnet.modules()
    if not live.controlnet.models():
        lacks("any ControlNet model")


@pytest.mark.parametrize("extension", ["adetailer", "soft inpainting", "prodgen bridge"])
def test_the_scripts_that_prodgen_has_types_for_are_there(live, lacks, extension):
    if live.capabilities.script(extension, is_img2img=True) is None:
        lacks(f"the script {extension!r}")


def test_a_picture_is_enlarged(live, lacks, offered):
    name = next(
        (x for x in ("Lanczos", *live.capabilities.upscalers) if x in live.capabilities.upscalers), None
    )
    if name in (None, "None"):
        lacks("any upscaler")
    with offered("upscaling"):
        large = live.upscale(Upscale(image=noise()[:32, :48], upscaler_1=name, upscaling_resize=2))
        assert large.image.shape == (64, 96, 3)


def test_several_pictures_are_enlarged_in_one_call(live, lacks):
    if "Lanczos" not in live.capabilities.upscalers:
        lacks("the upscaler Lanczos")
    two = live.service.extras_batch([noise(), noise()[:32]], upscaler_1="Lanczos", upscaling_resize=2)

    assert [picture.shape for picture in two] == [(128, 128, 3), (64, 128, 3)]


def test_parameters_are_read_out_of_a_file(live, lacks):
    file = encode("PNG", noise(), text={"parameters": "a cup\nSteps: 2, Seed: 5"})
    try:
        assert live.service.png_info(file).infotext == "a cup\nSteps: 2, Seed: 5"
    except NotABackendError:
        lacks("png-info")


def test_progress_of_our_own_call_is_told(live, lacks):
    if not live.capabilities.has_task_progress:
        lacks("progress of our own call (it runs with --nowebui, or is of a kind that has none)")
    told = []
    live.txt2img(drawing(steps=40), on_progress=told.append)

    assert all(0 <= progress.fraction <= 1 and progress.is_ours for progress in told)


def test_our_own_call_can_be_stopped(live, lacks):
    if not live.capabilities.has_task_progress:
        lacks("cancelling of our own call")
    over = threading.Event()

    def stop():
        while not live.cancel() and not over.wait(0.002):
            pass

    stopper = threading.Thread(target=stop)
    stopper.start()
    try:
        with pytest.raises(Interrupted):
            live.txt2img(drawing(steps=100))
    finally:
        over.set()
        stopper.join()


def test_nothing_is_stopped_where_nothing_of_ours_runs(live):
    assert live.interrupt() is False
    assert live.cancel() is False


def test_options_are_as_before_after_a_call_that_overrides_them(live, lacks, offered):
    if "options" not in live.capabilities.answered:
        lacks("options")
    before = live.options().get("CLIP_stop_at_last_layers")
    with offered("clip skip"):
        live.txt2img(drawing(clip_skip=2))

    assert live.options().get("CLIP_stop_at_last_layers") == before


def test_what_it_refuses_is_said_in_words(live, lacks):
    with pytest.raises(BackendError, match=r"\w{4}") as refused:
        live.service.png_info(b"this is no picture")

    if isinstance(refused.value, NotABackendError):
        lacks("png-info")
