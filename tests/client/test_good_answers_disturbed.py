"""Recorded good answers, disturbed at random in everything but their pixels: the pictures are delivered.

Seeded, so that a failure can be drawn again by its number.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import random

import httpx
import numpy as np
import pytest
from PIL import Image

from prodgen.errors import ProdgenError
from prodgen.images import from_uint8
from prodgen.schema import Lora, Txt2Img

RECORDED = (
    "core/txt2img-min",
    "core/txt2img-lora",
    "core/txt2img-scheduler-label",
    "core/txt2img-override-checkpoint",
    "core/txt2img-override-vae",
    "core/txt2img-restore_faces",
)
ROUNDS = 240
PLAIN = Txt2Img(prompt="a cat", seed=5, width=64, height=64)
JUNK = (
    None, "", "x", "5", "-1", "NaN", -1, 0, 2**70, 1e308, float("nan"), float("inf"), True, [], {}, [None],
    ["x"], [float("nan")], {"x": [1]}, "{", "[]", "null", "\x00\ud83d", "a" * 5000, [[[[]]]],
)  # fmt: skip
KEYS = (
    "seed", "all_seeds", "index_of_first_image", "infotexts", "extra_generation_params", "sampler_name",
    "sd_model_name", "sd_model_hash", "sd_vae_name", "version", "comments", "error", "nsfw", "width", "new",
)  # fmt: skip


def reports(chance, info):
    """The report in another form, or disturbed."""
    info = copy.deepcopy(info)
    for _ in range(chance.randrange(5)):
        key = chance.choice(KEYS)
        if chance.random() < 0.3:
            info.pop(key, None)
        else:
            info[key] = chance.choice(JUNK)
    forms = (
        lambda: info,
        lambda: json.dumps(info),
        lambda: json.dumps(json.dumps(info)),
        lambda: [info],
        lambda: str(info),
        lambda: json.dumps(info)[: chance.randrange(60)],
        lambda: chance.choice(JUNK),
        lambda: "Steps: 1, Seed: 5, Sampler: Euler",
    )
    return chance.choice(forms)()


def refiled(chance, text):
    """The picture in another lossless file."""
    kind, options = chance.choice(
        [("PNG", {}), ("PNG", {"optimize": True}), ("WEBP", {"lossless": True}), ("BMP", {}), ("TIFF", {})]
    )
    buffer = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(text))).save(buffer, kind, **options)
    return buffer.getvalue()


def spelled(chance, data):
    """Base64 in another spelling."""
    plain = base64.b64encode(data).decode()
    return chance.choice(
        [
            plain,
            plain.rstrip("="),
            base64.encodebytes(data).decode(),
            base64.urlsafe_b64encode(data).decode(),
            f"data:image/{chance.choice(['png', 'jpeg', 'x'])};base64,{plain}",
            repr(base64.b64encode(data)),
            f" {plain}\r\n",
        ]
    )


def wrapped(chance, texts, info):
    """Pictures and report in another wrapping."""
    items = [chance.choice([text, {"image": text}, {"b64_json": text}, {"data": text}]) for text in texts]
    answer = {"images": items, "info": info, "parameters": chance.choice(JUNK)}
    if len(items) == 1 and chance.random() < 0.3:
        answer["image"] = answer.pop("images")[0]
    for _ in range(chance.randrange(3)):
        answer[chance.choice(["error", "detail", "html_info", "nsfw", "seed", "status"])] = chance.choice(
            JUNK
        )
    return chance.choice([answer, answer, {"output": answer, "id": "1"}, {"data": answer}])


@pytest.fixture
def disturbed(recorded):
    """A client, and the place of the next answer that it gets."""
    place = {}

    def answer(_):
        return httpx.Response(200, content=json.dumps(place["answer"]).encode())

    return recorded(txt2img=answer).client(), place


def test_no_disturbance_of_a_good_answer_loses_its_pictures(disturbed, captured, pixels):
    client, place = disturbed
    for number in range(ROUNDS):
        chance = random.Random(number)
        good = captured(chance.choice(RECORDED))["response"]["json"]
        count = chance.choice([1, 1, 3])
        texts = [spelled(chance, refiled(chance, good["images"][0])) for _ in range(count)]
        place["answer"] = wrapped(chance, texts, reports(chance, json.loads(good["info"])))

        drawn = client.txt2img(PLAIN.model_copy(update={"batch_size": count}))

        assert len(drawn.images) == len(drawn.seeds) == count, number
        assert all(isinstance(seed, int) and seed >= 0 for seed in drawn.seeds), number
        wanted = from_uint8(pixels(good["images"][0])[..., :3])
        for image in drawn.images:
            np.testing.assert_array_equal(image, wanted, err_msg=str(number))


def outcome_of(client, request):
    try:
        client.txt2img(request)
    except ProdgenError as error:
        return type(error).__name__
    return "drawn"


def test_no_disturbance_is_a_traceback_whatever_was_asked_for(disturbed, captured):
    client, place = disturbed
    asked = Txt2Img(
        prompt="a cat", seed=5, width=64, height=64, batch_size=2, sampler_name="Euler", scheduler="Karras",
        checkpoint="tiny-sd15", vae="random-tiny.vae.safetensors", loras=(Lora(name="more_details"),),
        restore_faces=True,
    )  # fmt: skip
    outcomes = set()
    for number in range(ROUNDS):
        chance = random.Random(number)
        good = captured(chance.choice(RECORDED))["response"]["json"]
        data = bytearray(base64.b64decode(good["images"][0]))
        for _ in range(chance.randrange(3)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        cut = chance.choice([len(data), len(data), chance.randrange(len(data))])
        texts = [spelled(chance, bytes(data[:cut])), chance.choice([good["images"][0], *map(str, JUNK)])]
        place["answer"] = wrapped(chance, texts, reports(chance, json.loads(good["info"])))
        outcomes.add(outcome_of(client, chance.choice([asked, PLAIN])))

    assert {"drawn", "AnswerError", "NotAppliedError"} <= outcomes, outcomes
