from __future__ import annotations

import socket
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
torch.set_num_threads(1)

from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from safetensors.torch import load_file, save_file

from benchmarks import engine_models as made
from prodgen.engines.diffusers import checkpoints, variants
from prodgen.engines.diffusers.families import UNET_PREFIX, VAE_PREFIX, families, family_of
from prodgen.engines.diffusers.header import TensorEntry, WeightsHeader
from prodgen.engines.diffusers.module_shapes import text_config, unet_config, vae_config
from prodgen.engines.diffusers.original_names import Original, clip_original, unet_name, vae_name
from prodgen.engines.diffusers.tensor_files import Network
from prodgen.errors import ModelFileError

NAMES = ("sd15", "sd21", "sdxl")


def checkpoint(folder: Path, name: str) -> Path:
    return folder / "Stable-diffusion" / f"tiny-{name}.safetensors"


def load(path: Path) -> checkpoints.LoadedModel:
    return checkpoints.load(path, dtype=torch.float16, device="cpu")


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("something asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", [*NAMES, "sdxl-turbo"])
def test_a_checkpoint_loads_offline_and_its_family_is_told(name, models_folder, no_network):
    model = load(checkpoint(models_folder, name))

    assert model.family.name == name
    assert len(model.text_encoders) == len(model.tokenizers) == len(model.family.pad_ids)
    assert not any(weight.is_meta or weight.requires_grad for weight in model.unet.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_unet_and_vae_are_to_the_bit_what_diffusers_makes_of_the_file(name, models_folder):
    path = checkpoint(models_folder, name)
    model, raw = load(path), load_file(path)

    theirs = convert_ldm_unet_checkpoint(raw, dict(model.unet.config))
    ours = model.unet.state_dict()
    assert theirs.keys() == ours.keys()
    for key, tensor in theirs.items():
        place = ours[key][:, : tensor.shape[1]] if key == "conv_in.weight" else ours[key]
        torch.testing.assert_close(place, tensor, rtol=0, atol=0)
    theirs = convert_ldm_vae_checkpoint(raw, dict(model.vae.config))
    ours = model.vae.state_dict()
    assert theirs.keys() == ours.keys()
    for key, tensor in theirs.items():
        torch.testing.assert_close(
            ours[key], tensor.reshape(ours[key].shape).to(ours[key].dtype), rtol=0, atol=0
        )


@pytest.mark.parametrize(("name", "place"), [("sd21", 0), ("sdxl", 1)])
def test_an_open_clip_encoder_is_to_the_bit_what_diffusers_makes_of_the_file(name, place, models_folder):
    path = checkpoint(models_folder, name)
    encoder = load(path).text_encoders[place]

    theirs = convert_open_clip_checkpoint(
        checkpoints.inner_text_model(encoder), load_file(path), families()[name].text_encoders[place].prefix
    )
    theirs = {key.removeprefix("text_model."): tensor for key, tensor in theirs.items()}
    ours = {key.removeprefix("text_model."): tensor for key, tensor in encoder.state_dict().items()}
    assert ours.keys() <= theirs.keys()
    for key, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[key], rtol=0, atol=0)


@pytest.mark.parametrize("name", ["sd15", "sdxl"])
def test_a_clip_encoder_has_the_weights_of_the_file(name, models_folder):
    path = checkpoint(models_folder, name)
    raw, prefix = load_file(path), families()[name].text_encoders[0].prefix

    for key, tensor in checkpoints.inner_text_model(load(path).text_encoders[0]).state_dict().items():
        torch.testing.assert_close(tensor, raw[prefix + key], rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_text_encoders_read_words_as_transformers_own_do(name, models_folder):
    path = checkpoint(models_folder, name)
    ids = torch.tensor([[49406, 320, 1125, 539, 320, 2368, *[49407] * 71]])
    for encoder in checkpoints.load(path, dtype=torch.float32, device="cpu").text_encoders:
        theirs = type(encoder)(encoder.config).eval()
        theirs.load_state_dict(encoder.state_dict())

        with torch.inference_mode():
            found = encoder(input_ids=ids, output_hidden_states=True)
            expected = theirs(input_ids=ids, output_hidden_states=True)

        torch.testing.assert_close(found.hidden_states[-2], expected.hidden_states[-2])
        torch.testing.assert_close(found[0], expected[0])


@pytest.mark.parametrize(
    ("name", "block", "original"),
    [
        ("sd15", 0, "output_blocks.2.1.conv"),
        ("sd15", 1, "output_blocks.5.2.conv"),
        ("sd21", 2, "output_blocks.8.2.conv"),
        ("sdxl", 0, "output_blocks.2.2.conv"),
        ("sdxl", 1, "output_blocks.5.2.conv"),
    ],
)
def test_an_upsampler_is_where_published_checkpoints_have_it(name, block, original):
    types = families()[name].unet["up_block_types"]

    assert unet_name(f"up_blocks.{block}.upsamplers.0.conv.weight", types) == f"{original}.weight"


def full_size(name: str) -> WeightsHeader:
    """The header of a full-size checkpoint, without its gigabytes."""
    family, tensors = families()[name], {}
    types = family.unet["up_block_types"]
    shapes = {
        UNET_PREFIX + unet_name(n, types): s
        for n, s in made.shapes(UNet2DConditionModel, family.unet).items()
    }
    shapes |= {VAE_PREFIX + vae_name(n, 4): s for n, s in made.shapes(AutoencoderKL, family.vae).items()}
    for plan in family.text_encoders:
        width, inner = plan.config["hidden_size"], plan.config["intermediate_size"]
        layers = range(plan.config["num_hidden_layers"])
        own = {"embeddings.token_embedding.weight": (plan.config["vocab_size"], width)}
        own |= {f"encoder.layers.{layer}.mlp.fc1.weight": (inner, width) for layer in layers}
        shapes |= {plan.prefix + clip_original(n, plan.layout).name: s for n, s in own.items()}
    tensors = {key: TensorEntry("F16", shape, 0, 0) for key, shape in shapes.items()}
    return WeightsHeader(Path(f"{name}.safetensors"), tensors, {})


@pytest.mark.parametrize("name", NAMES)
def test_a_full_size_header_gives_the_published_configuration(name):
    header, family = full_size(name), families()[name]
    types = family.unet["up_block_types"]

    class File:
        pass

    File.header = header
    unet = Network(File, lambda n: Original(unet_name(n, types)), UNET_PREFIX)
    vae = Network(File, lambda n: Original(vae_name(n, 4)), VAE_PREFIX)

    assert family_of(header) is family
    assert unet_config(family, unet.shape_of, header) == family.unet
    assert vae_config(family, vae.shape_of, header) == family.vae
    for plan in family.text_encoders:
        encoder = Network(File, lambda n, plan=plan: clip_original(n, plan.layout), plan.prefix)
        assert text_config(plan, encoder.shape_of, header) == plan.config


def test_a_module_of_twelve_channels_draws_as_the_file_s_own_four(models_folder):
    path = checkpoint(models_folder, "sd15")
    wide = checkpoints.load(path, dtype=torch.float32, device="cpu").unet
    config = {**dict(wide.config), "in_channels": 4}
    narrow = UNet2DConditionModel(**{k: v for k, v in config.items() if not k.startswith("_")}).eval()
    state = wide.state_dict()
    narrow.load_state_dict({**state, "conv_in.weight": state["conv_in.weight"][:, :4]})
    dice = torch.Generator().manual_seed(0)
    noisy, words = torch.randn(1, 4, 8, 8, generator=dice), torch.randn(1, 77, 32, generator=dice)

    with torch.inference_mode():
        expected = narrow(noisy, 500, encoder_hidden_states=words).sample
        rest = torch.randn(1, 8, 8, 8, generator=dice)
        found = wide(torch.cat([noisy, rest], 1), 500, encoder_hidden_states=words).sample

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_an_inpainting_checkpoint_keeps_its_nine_channels(models_folder):
    model = load(checkpoint(models_folder, "inpainting"))

    assert model.input_channels == 9
    assert model.unet.conv_in.weight[:, 8].abs().sum() > 0
    assert model.unet.conv_in.weight[:, 9:].abs().sum() == 0


def test_the_vae_of_sdxl_is_kept_out_of_float16(models_folder):
    assert load(checkpoint(models_folder, "sdxl")).vae.dtype == torch.float32
    assert load(checkpoint(models_folder, "sd15")).vae.dtype == torch.float16


def test_sd21_is_asked_what_it_predicts_where_the_file_does_not_say(tmp_path):
    tensors = made.checkpoint_tensors(families()["sd21"])
    out = f"{UNET_PREFIX}out.2"
    tensors[f"{out}.weight"] = tensors[f"{out}.weight"] * 0
    for mean, predicted in ((-3.0, "v_prediction"), (0.5, "epsilon")):
        tensors[f"{out}.bias"] = torch.full((4,), mean, dtype=torch.float16)

        assert load(made.write(tensors, tmp_path / f"{predicted}.safetensors")).prediction == predicted


def test_a_checkpoint_marked_for_velocity_inside_predicts_velocity(tmp_path):
    tensors = made.checkpoint_tensors(families()["sdxl"]) | {"v_pred": torch.zeros(0)}

    assert load(made.write(tensors, tmp_path / "v.safetensors")).prediction == "v_prediction"


def test_old_files_whose_text_encoder_lacks_a_part_of_its_name_load(tmp_path):
    tensors = made.checkpoint_tensors(families()["sd15"])
    old = {
        name.replace("transformer.text_model.", "transformer."): tensor for name, tensor in tensors.items()
    }

    assert load(made.write(old, tmp_path / "old.safetensors")).family.name == "sd15"


@pytest.mark.parametrize(("name", "part"), [("sd15", ".attn2.to_"), ("sdxl", "label_emb.0.0.weight")])
def test_a_text_encoder_that_does_not_belong_to_the_unet_is_refused(name, part, tmp_path):
    tensors = made.checkpoint_tensors(families()[name])
    for key, tensor in tensors.items():
        if part in key and key.endswith(("to_k.weight", "to_v.weight", "0.weight")) and "to_out" not in key:
            tensors[key] = torch.cat([tensor, tensor], dim=1)

    with pytest.raises(ModelFileError, match="not the one that its UNet was made for"):
        load(made.write(tensors, tmp_path / "m.safetensors"))


def test_a_random_model_changes_its_weights_though_its_file_is_gone(models_folder):
    model = made.random_model("sd15", dtype=torch.float32, device="cpu", size="tiny")
    before = model.unet.conv_in.weight.clone()

    variants.apply(model, relight=models_folder / "ic-light/tiny-fbc.safetensors")
    variants.apply(model)

    assert not model.path.exists()
    assert torch.equal(model.unet.conv_in.weight, before)


def without(part: str):
    def change(tensors):
        return {name: tensor for name, tensor in tensors.items() if part not in name}

    return change


def with_changed(name: str, tensor: object):
    return lambda tensors: {**tensors, name: tensor}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without(VAE_PREFIX), "no VAE inside"),
        (without("cond_stage_model"), "without its text encoder"),
        (without(UNET_PREFIX), "a VAE alone"),
        (without("middle_block.1.norm"), r"lacks 'model.diffusion_model.middle_block.1.norm"),
        (without("input_blocks.0.0"), "UNet is incomplete"),
        (without("token_embedding"), "text encoder is incomplete"),
        (without("post_quant_conv"), "no VAE of Stable Diffusion"),
        (with_changed("model.diffusion_model.double_blocks.0.x", torch.zeros(2)), r"a Flux model.*comfy://"),
        (
            with_changed("model.diffusion_model.time_embed.0.weight", torch.zeros(3, 3)),
            "is 3 x 3, where 128 x 32 belongs",
        ),
        (
            with_changed(
                "model.diffusion_model.input_blocks.1.0.out_layers.3.weight", torch.zeros(7, 32, 3, 3)
            ),
            "'model.diffusion_model.|do not fit together",
        ),
        (lambda _: {"lora_unet_x.lora_down.weight": torch.zeros(2)}, "a LoRA: it belongs in the folder Lora"),
        (lambda _: {"something": torch.zeros(2)}, "no Stable Diffusion checkpoint"),
    ],
)
def test_what_is_no_whole_checkpoint_is_refused_by_what_is_wrong(change, sentence, tmp_path):
    path = tmp_path / "m.safetensors"
    save_file(change(made.checkpoint_tensors(families()["sd15"])), path)

    with pytest.raises(ModelFileError, match=sentence):
        load(path)
