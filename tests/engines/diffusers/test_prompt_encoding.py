"""Prompts through tiny text encoders: clip skip, weights, textual inversion, SDXL's two."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from prodgen.engines.diffusers import checkpoints
from prodgen.engines.diffusers.prompt_encoding import PromptEncoder
from prodgen.engines.diffusers.tokenizer import BEGIN, END
from prodgen.server.wire import Refused

CAT = [320, 1125, 539, 320, 2368]
"""Tokens of "a photo of a cat"."""


@pytest.fixture(scope="module")
def models(models_folder):
    names = ("tiny-sd15", "tiny-sd21", "tiny-sdxl")
    return {
        name.removeprefix("tiny-"): checkpoints.load(
            models_folder / "Stable-diffusion" / f"{name}.safetensors", dtype=torch.float32, device="cpu"
        )
        for name in names
    }


def encoder(model, *embeddings):
    return PromptEncoder(model.text_encoders, model.tokenizers[0], model.family, embeddings)


def context(model, prompt, *embeddings, **more):
    return encoder(model, *embeddings).encode([prompt], calls=10, **more).at(0)[0][0].context


def asked_plainly(model, ids, place=0):
    pad = model.family.pad_ids[place]
    row = [BEGIN, *ids, END] + [pad] * (75 - len(ids))
    with torch.no_grad():
        return model.text_encoders[place](input_ids=torch.tensor([row]), output_hidden_states=True)


def test_a_plain_prompt_is_what_the_text_encoder_says_last(models):
    expected = asked_plainly(models["sd15"], CAT).last_hidden_state[0]

    assert torch.equal(context(models["sd15"], "a photo of a cat"), expected)


def test_clip_skip_takes_an_earlier_layer_through_the_final_norm(models):
    model = models["sd15"]
    answer = asked_plainly(model, CAT)
    expected = checkpoints.final_norm(model.text_encoders[0])(answer.hidden_states[-2])[0]

    made = context(model, "a photo of a cat", clip_skip=2)

    assert torch.allclose(made, expected, atol=1e-6)
    assert not torch.allclose(made, context(model, "a photo of a cat"), atol=1e-3)


def test_sd21_takes_its_last_layer_but_one_whatever_clip_skip_says(models):
    model = models["sd21"]
    answer = asked_plainly(model, CAT)
    expected = checkpoints.final_norm(model.text_encoders[0])(answer.hidden_states[-2])[0]

    assert torch.allclose(context(model, "a photo of a cat"), expected, atol=1e-6)
    assert torch.equal(context(model, "a photo of a cat"), context(model, "a photo of a cat", clip_skip=3))


def test_sdxl_joins_both_encoders_and_pools_the_second(models):
    model = models["sdxl"]
    first, second = asked_plainly(model, CAT), asked_plainly(model, CAT, 1)

    made = encoder(model).encode(["a photo of a cat"], calls=10).at(0)[0][0]

    expected = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)[0]
    assert torch.allclose(made.context, expected, atol=1e-6)
    assert torch.allclose(made.pooled, second.text_embeds[0], atol=1e-6)


def test_sdxl_gets_zeros_for_a_negative_prompt_that_is_empty_whatever_its_neighbours_have(models):
    xl, plain = encoder(models["sdxl"]), encoder(models["sd15"])

    blank, ugly = (texts[0] for texts in xl.encode(["", "ugly"], calls=10, is_negative=True).at(0))

    assert not blank.context.any()
    assert not blank.pooled.any()
    assert torch.equal(ugly.context, xl.encode(["ugly"], calls=10, is_negative=True).at(0)[0][0].context)
    assert xl.encode([""], calls=10).at(0)[0][0].context.any()
    assert plain.encode([""], calls=10, is_negative=True).at(0)[0][0].context.any()


def test_in_a_negative_prompt_and_is_a_word(models):
    made = encoder(models["sd15"]).encode(["ugly AND blurry"], calls=10, is_negative=True).at(0)[0]

    assert len(made) == 1
    assert torch.equal(made[0].context, context(models["sd15"], "ugly and blurry"))


@pytest.mark.parametrize("prompt", ["a (mug:100000)", f"a (mug:{'9' * 400})", "a AND b:1001"])
def test_a_weight_beyond_what_a_network_calculates_with_is_refused(models, prompt):
    with pytest.raises(Refused, match="weights go up to 1000"):
        encoder(models["sd15"]).encode([prompt], calls=10)


def test_a_weight_multiplies_its_tokens_and_the_chunks_mean_stays(models):
    model = models["sd15"]
    plain = context(model, "a photo of a cat")

    made = context(model, "a photo of a (cat:1.5)")

    changed = plain.clone()
    changed[5] *= 1.5
    assert torch.allclose(made, changed * (plain.mean() / changed.mean()), atol=1e-5)
    assert made.mean() == pytest.approx(plain.mean().item(), abs=1e-6)


def test_a_mean_of_nothing_is_not_divided_by(models):
    model = models["sd15"]
    norm = checkpoints.final_norm(model.text_encoders[0])
    before = norm.bias.detach().clone()
    try:
        with torch.no_grad():
            norm.bias.zero_()
            norm.weight.zero_()
        assert torch.isfinite(context(model, "a (cat:1.5)")).all()
    finally:
        with torch.no_grad():
            norm.bias.copy_(before)
            norm.weight.fill_(1.0)


def test_a_long_prompt_is_chunks_of_77_in_a_row_each_read_by_itself(models):
    model = models["sd15"]

    made = context(model, "cat " * 75 + "BREAK a photo of a cat")

    assert made.shape[0] == 154
    assert torch.allclose(made[77:], context(model, "a photo of a cat"), atol=1e-5)


@dataclass(frozen=True)
class Learned:
    name: str
    vectors: tuple


def test_a_textual_inversion_stands_in_for_its_name(models):
    model = models["sd15"]
    table = model.text_encoders[0].get_input_embeddings().weight
    cat = Learned("zorblax", (table[CAT].detach().clone(),))

    assert torch.allclose(context(model, "zorblax", cat), context(model, "a photo of a cat"), atol=1e-6)
    assert not torch.allclose(context(model, "zorblax"), context(model, "a photo of a cat"), atol=1e-3)


def test_sdxl_looks_up_a_textual_inversion_in_each_encoder(models):
    model = models["sdxl"]
    tables = [one.get_input_embeddings().weight[CAT].detach().clone() for one in model.text_encoders]

    made = context(model, "zorblax", Learned("zorblax", tuple(tables)))

    assert torch.allclose(made, context(model, "a photo of a cat"), atol=1e-6)


def test_words_change_when_the_prompt_says_so_and_and_has_weights(models):
    model = models["sd15"]

    course = encoder(model).encode(["a [cat:dog:0.5]", "a cat AND a dog:0.4"], calls=10)

    assert [last for last, _ in course.spans] == [5, 10]
    assert torch.equal(course.at(5)[0][0].context, context(model, "a cat"))
    assert torch.equal(course.at(6)[0][0].context, context(model, "a dog"))
    assert course.at(3) is course.at(0)
    assert [part.weight for part in course.at(8)[1]] == [1.0, 0.4]


def test_a_picture_has_the_numbers_that_it_has_alone(models):
    model = models["sd15"]
    prompts = ["cat " * 80, "a (photo:1.2)", ""]

    together = encoder(model).encode(prompts, calls=10).at(0)

    for prompt, texts in zip(prompts, together, strict=True):
        assert torch.equal(texts[0].context, context(model, prompt))
