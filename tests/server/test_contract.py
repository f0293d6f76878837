"""The embedded server says what a real one said: recorded requests are sent to it, answers compared.

Two ways. Every recording is replayed and compared field by field, bar what must differ (model names,
hashes, times, drawn seeds, pixels). And what each recording *means* is asserted by one function that
runs on the recording and on the embedded server alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .replayed_recordings import (
    CAPTURES,
    Recording,
    expected_and_found,
    picture,
    recorded_engine,
    recordings,
    replay,
)


def assert_same(recording: Recording, folder: Path, renderer: Callable[..., Any]) -> None:
    status, answer = replay(recording, folder, recorded_engine(renderer))
    expected, found = expected_and_found(recording, status, answer)
    assert found == expected, recording.name


@pytest.mark.parametrize("recording", list(recordings(CAPTURES)), ids=lambda recording: recording.name)
def test_the_embedded_server_answers_a_recorded_request_as_the_real_one_did(recording, draw):
    assert_same(recording, CAPTURES, draw)


def test_the_embedded_server_answers_every_recording_there_is_as_the_real_one_did(shared, draw):
    folder = shared / "a1111" / "captures"
    found = list(recordings(folder))
    assert len(found) > 250
    wrong = []
    for recording in found:
        try:
            assert_same(recording, folder, draw)
        except AssertionError as error:
            wrong.append(str(error)[:400])
    assert not wrong, "\n".join(wrong)


def both(name: str) -> pytest.MarkDecorator:
    """Runs an assertion on the recording, and on the embedded server's answer to the same request."""
    return pytest.mark.parametrize("target", [("recorded", name), ("embedded", name)], ids=lambda x: x[0])


@pytest.fixture
def met(target: tuple[str, str], draw: Callable[..., Any]) -> tuple[Recording, int, Any]:
    """The recording, and status and answer of the target."""
    who, name = target
    recording = Recording.read(CAPTURES / name, CAPTURES)
    assert recording is not None
    if who == "recorded":
        return recording, recording.status, recording.json
    return recording, *replay(recording, CAPTURES, recorded_engine(draw))


def pixels_of(text: str) -> np.ndarray:
    found = picture(text)
    assert found is not None
    return np.asarray(found)


def on_grey(text: str) -> np.ndarray:
    rgba = pixels_of(text).astype(np.float64)
    return (127 + (rgba[..., :3] - 127) * rgba[..., 3:] / 255).astype(np.uint8)


@both("iclight-v1/ok-txt2img-fc.json")
def test_v1_gives_the_foreground_sent_back_on_grey_after_the_result(met):
    recording, _, answer = met
    sent = recording.request["json"]["alwayson_scripts"]["IC Light"]["args"][0]["input_fg"]
    np.testing.assert_array_equal(pixels_of(answer["images"][1]), on_grey(sent))


@both("iclight-v2/ok-txt2img-fc.json")
def test_v2_gives_the_foreground_sent_back_on_grey_after_the_result(met):
    recording, _, answer = met
    sent = recording.request["json"]["alwayson_scripts"]["IC Light"]["args"][2]
    np.testing.assert_array_equal(pixels_of(answer["images"][1]), on_grey(sent))


@both("iclight-v2/ok-img2img-fc.json")
def test_v2_takes_the_init_image_for_the_subject_in_img2img(met):
    recording, _, answer = met
    subject = recording.request["json"]["init_images"][0]
    np.testing.assert_array_equal(pixels_of(answer["images"][1]), on_grey(subject))


@both("iclight-v1/ok-img2img-fc.json")
def test_v1_takes_the_foreground_for_the_subject_in_img2img(met):
    recording, _, answer = met
    sent = recording.request["json"]["alwayson_scripts"]["IC Light"]["args"][0]["input_fg"]
    np.testing.assert_array_equal(pixels_of(answer["images"][1]), on_grey(sent))


@both("iclight-v1/swallowed-3-wrong-model_type-after-valid.json")
def test_v1_relights_the_previous_callers_foreground_when_arguments_are_wrong(met):
    recording, status, answer = met
    sent = recording.request["json"]["alwayson_scripts"]["IC Light"]["args"][0]["input_fg"]
    assert status == 200
    assert not np.array_equal(pixels_of(answer["images"][1]), on_grey(sent))


@both("iclight-v2/swallowed-wrong-model_type.json")
def test_v2_shows_the_foreground_of_a_picture_that_it_did_not_relight(met):
    _, status, answer = met
    assert (status, len(answer["images"])) == (200, 2)


@both("iclight-v2/swallowed-bad-base64.json")
def test_v2_swallows_an_undecodable_foreground_without_a_trace(met):
    _, status, answer = met
    assert (status, len(answer["images"])) == (200, 1)


@both("iclight-v1/bug-txt2img-fc.json")
def test_ic_light_fails_on_an_unpatched_server(met):
    _, status, answer = met
    assert (status, answer["errors"]) == (500, "'numpy.ndarray' object has no attribute 'info'")


@both("iclight-v1/origproject-apipy-txt2img-fc.json")
def test_the_old_patch_puts_the_text_false_among_the_images(met):
    assert met[2]["images"][1] == "False"


@both("v1.9.4/iclight-txt2img-fc.json")
def test_on_1_9_ic_light_does_nothing_and_leaves_no_extra_picture(met):
    assert (met[1], len(met[2]["images"])) == (200, 1)


@both("core/txt2img-sampler-alias.json")
def test_an_unknown_sampler_silently_becomes_the_first(met):
    assert json.loads(met[2]["info"])["sampler_name"] == "DPM++ 2M"


@both("core/txt2img-lora-unknown.json")
def test_an_unknown_lora_is_ignored_and_leaves_no_hash(met):
    assert "Lora hashes" not in json.loads(met[2]["info"])["extra_generation_params"]


@both("core/txt2img-lora.json")
def test_a_known_lora_leaves_its_hash(met):
    assert json.loads(met[2]["info"])["extra_generation_params"]["Lora hashes"].startswith("more_details: ")


@both("core/txt2img-size-100x68.json")
def test_a_size_is_floored_to_eight_while_info_still_names_the_asked_one(met):
    said = json.loads(met[2]["info"])
    assert pixels_of(met[2]["images"][0]).shape == (64, 96, 3)
    assert (said["width"], said["height"]) == (100, 68)


@both("core/txt2img-min.json")
def test_the_picture_carries_its_infotext(met):
    said = json.loads(met[2]["info"])
    assert picture(met[2]["images"][0]).info["parameters"] == said["infotexts"][0]


@both("core/img2img-mask-fill1.json")
def test_pixels_outside_the_mask_come_back_to_the_bit(met):
    recording, _, answer = met
    fields = recording.request["json"]
    kept = pixels_of(fields["mask"]) == 0
    np.testing.assert_array_equal(
        pixels_of(answer["images"][0])[kept], pixels_of(fields["init_images"][0])[kept]
    )


@both("core/img2img-mask-rgba-alpha.json")
def test_the_alpha_of_a_mask_is_the_mask_and_opaque_is_repainted(met):
    recording, _, answer = met
    fields = recording.request["json"]
    same = (pixels_of(answer["images"][0]) == pixels_of(fields["init_images"][0])).all(axis=2)
    np.testing.assert_array_equal(same, pixels_of(fields["mask"])[..., 3] == 0)


@both("core/img2img-mask-fullres-biginit.json")
def test_only_masked_gives_the_init_images_size_whatever_was_asked(met):
    assert pixels_of(met[2]["images"][0]).shape == (96, 160, 3)


@both("core/img2img-mask-blank-nofullres.json")
def test_an_empty_mask_gives_the_init_image_back(met):
    recording, _, answer = met
    init = recording.request["json"]["init_images"][0]
    np.testing.assert_array_equal(pixels_of(answer["images"][0]), pixels_of(init))


@both("core/override-leak-2-next-call-without-override.json")
def test_an_override_leaks_on_a_fresh_install(met):
    assert picture(met[2]["images"][0]).format == "JPEG"
