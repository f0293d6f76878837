"""An engine with a model behind the wire: recorded requests get A1111's answers, or a reason that is named.

Compared are status, fields, infotexts, and number, size and mode of pictures; the pixels are the model's.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from .replayed_recordings import CAPTURES, Recording, expected_and_found, recordings, replay

OWN_ENTRIES = ("Drawn by", "RNG", "Drawn on", "IC-Light", "IC-Light patched")
"""Entries of infotexts that an engine adds of itself."""

_OWN = re.compile(rf', (?:{"|".join(OWN_ENTRIES)}): (?:"(?:\\.|[^"\\])*"|[^,]*)')

REFUSED: dict[str, str] = {
    r"core/txt2img-lora-unknown": "no LoRA 'doesnotexist'",
    r"core/txt2img-override-unknown-checkpoint": "no checkpoint 'doesnotexist'",
    r"core/txt2img-restore_faces": "nothing restores faces here",
    r"core/txt2img-sampler-alias": "no 'k_euler_a'",
    r"core/txt2img-scheduler-unknown": "no 'nope'",
    r"(errors/txt2img|v1\.9\.4)/?-?unknown-sampler": "no 'No Such Sampler'",
    r"iclight-v1/img2img-fbc": "img2img takes FC",
    r"iclight-v1/swallowed-[13]|iclight-v2/swallowed-wrong": "model_type is one of",
    r"iclight-v1/swallowed-4|iclight-v2/swallowed-bad": "is no picture",
    r"iclight-v1/swallowed-5|iclight-v2/swallowed-v1": "there is no foreground",
    r"iclight-v1/txt2img-fc-detail-even-radius": "detail_transfer_blur_radius is an odd number",
    r"iclight-v[12]/txt2img-fbc-no-bg": "FBC needs a background",
    r"iclight-v1/txt2img-fc-gray": "has to be RGB or RGBA",
}
"""Recordings of what A1111 passes over in silence, and the reason for which it is refused here."""

NOT_DONE: dict[str, dict[str, str]] = {
    "comfy": {r"core/txt2img-subseed": "ComfyUI cannot mix the noise of two seeds"},
}
"""Likewise what one engine cannot do."""

LISTS = r"core/get-(face-restorers|samplers|schedulers|latent-upscale-modes)"
"""Lists that are the engine's own."""


def without_own_entries(answer: Any) -> Any:
    if not isinstance(answer, dict) or "images" not in answer or "info" not in answer:
        return answer
    said = json.loads(answer["info"])
    for name in OWN_ENTRIES:
        said["extra_generation_params"].pop(name, None)
    said["infotexts"] = [_OWN.sub("", text) for text in said["infotexts"]]
    return {**answer, "info": json.dumps(said)}


def reason_for(recording: Recording, engine: str) -> str | None:
    """Why an engine refuses a request that A1111 answered; None where it does not."""
    reasons = {**REFUSED, **NOT_DONE.get(engine, {})}
    return next((why for name, why in reasons.items() if re.search(name, recording.name)), None)


@pytest.mark.parametrize("engine", ["model in tests", "diffusers", "comfy"], indirect=True)
@pytest.mark.parametrize("recording", list(recordings(CAPTURES)), ids=lambda recording: recording.name)
def test_an_engine_with_a_model_answers_as_a1111_did_or_says_why_not(recording, engine):
    name, made = engine
    status, answer = replay(recording, CAPTURES, made)
    reason = reason_for(recording, name)
    if re.search(LISTS, recording.name):
        assert status == recording.status
    elif reason is not None:
        assert status in (404, 422)
        assert reason in answer["detail"]
    else:
        expected, found = expected_and_found(recording, status, without_own_entries(answer))
        assert found == expected
