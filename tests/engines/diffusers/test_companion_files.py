from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
torch.set_num_threads(1)

from diffusers import ControlNetModel
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from safetensors.torch import load_file, save_file

from benchmarks import engine_models as made
from prodgen.engines.diffusers import checkpoints, controlnets, embeddings, vaes
from prodgen.engines.diffusers.families import families
from prodgen.errors import ModelFileError


@pytest.fixture(scope="module")
def sd15(models_folder: Path) -> checkpoints.LoadedModel:
    return load(models_folder, "sd15")


def load(folder: Path, name: str) -> checkpoints.LoadedModel:
    path = folder / "Stable-diffusion" / f"tiny-{name}.safetensors"
    return checkpoints.load(path, dtype=torch.float32, device="cpu")


def test_a_controlnet_is_to_the_bit_what_diffusers_makes_of_the_file(sd15, models_folder):
    path = models_folder / "ControlNet/tiny-canny.safetensors"

    ours = controlnets.load(path, sd15)

    theirs = convert_controlnet_checkpoint(load_file(path), dict(ours.config))
    assert theirs.keys() == ours.state_dict().keys()
    for name, tensor in ours.state_dict().items():
        torch.testing.assert_close(tensor, theirs[name].float(), rtol=0, atol=0)


def test_a_controlnet_under_diffusers_names_is_the_same(sd15, models_folder, tmp_path):
    network = controlnets.load(models_folder / "ControlNet/tiny-canny.safetensors", sd15)
    save_file(network.state_dict(), tmp_path / "named.safetensors")

    again = controlnets.load(tmp_path / "named.safetensors", sd15)

    assert isinstance(again, ControlNetModel)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


def test_what_a_controlnet_says_goes_into_the_unet_of_twelve_channels(sd15, models_folder):
    network = controlnets.load(models_folder / "ControlNet/tiny-canny.safetensors", sd15)
    noisy, words = torch.zeros(1, 12, 8, 8), torch.zeros(1, 77, 32)

    with torch.inference_mode():
        down, mid = network(noisy[:, :4], 5, words, torch.ones(1, 3, 64, 64), return_dict=False)
        steered = sd15.unet(
            noisy,
            5,
            encoder_hidden_states=words,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
        ).sample
        plain = sd15.unet(noisy, 5, encoder_hidden_states=words).sample

    assert (steered - plain).abs().max() > 0.01


def test_a_controlnet_of_another_family_is_refused(models_folder):
    with pytest.raises(
        ModelFileError, match=r"made for .*, and 'tiny-sdxl.safetensors' is Stable Diffusion XL"
    ):
        controlnets.load(models_folder / "ControlNet/tiny-canny.safetensors", load(models_folder, "sdxl"))


def test_what_is_no_controlnet_is_refused(sd15, models_folder):
    with pytest.raises(ModelFileError, match="it is no ControlNet"):
        controlnets.load(models_folder / "Lora/tiny-lora.safetensors", sd15)


@pytest.mark.parametrize("prefix", ["", "first_stage_model."])
def test_a_vae_in_a_file_of_its_own_is_the_one_inside_a_checkpoint(prefix, sd15, models_folder, tmp_path):
    inside = {
        name.removeprefix("first_stage_model."): tensor
        for name, tensor in load_file(sd15.path).items()
        if name.startswith("first_stage_model.")
    }
    save_file({prefix + name: tensor for name, tensor in inside.items()}, tmp_path / "vae.safetensors")

    vae = vaes.load(tmp_path / "vae.safetensors", sd15.family, dtype=torch.float32, device="cpu")

    for name, tensor in sd15.vae.state_dict().items():
        assert torch.equal(tensor, vae.state_dict()[name])


def test_a_vae_under_diffusers_names_is_the_same(sd15, tmp_path):
    save_file(sd15.vae.state_dict(), tmp_path / "vae.safetensors")

    vae = vaes.load(tmp_path / "vae.safetensors", sd15.family, dtype=torch.float32, device="cpu")

    for name, tensor in sd15.vae.state_dict().items():
        assert torch.equal(tensor, vae.state_dict()[name])


def test_a_vae_for_other_latents_is_refused(sd15, tmp_path):
    config = {**sd15.family.vae, "latent_channels": 16}
    other = made.vae_tensors(
        families()["sd15"].__class__(**{**sd15.family.__dict__, "vae": config}),
        made.Dice(0, dtype=torch.float16, device="cpu"),
    )
    save_file({n: t.contiguous() for n, t in other.items()}, tmp_path / "flux.safetensors")

    with pytest.raises(ModelFileError, match="it is no VAE of Stable Diffusion"):
        vaes.load(tmp_path / "flux.safetensors", sd15.family, dtype=torch.float32, device="cpu")


def test_an_embedding_gives_its_vectors_and_is_called_as_its_file(sd15, models_folder):
    path = models_folder / "embeddings/tiny-words.safetensors"

    embedding = embeddings.load(path, sd15)

    assert embedding.name == "tiny-words"
    assert torch.equal(embedding.vectors[0], load_file(path)["emb_params"])


@pytest.mark.parametrize("shape", [(3, 32), (32,)])
def test_an_embedding_named_after_its_word_as_diffusers_does_loads(shape, sd15, tmp_path):
    save_file({"<my-word>": torch.ones(shape)}, tmp_path / "word.safetensors")

    (vectors,) = embeddings.load(tmp_path / "word.safetensors", sd15).vectors

    assert vectors.shape == (shape[0] if len(shape) == 2 else 1, 32)


def test_an_embedding_for_sdxl_has_vectors_for_both_encoders(models_folder, tmp_path):
    save_file({"clip_g": torch.ones(2, 64), "clip_l": torch.zeros(2, 32)}, tmp_path / "xl.safetensors")

    first, second = embeddings.load(tmp_path / "xl.safetensors", load(models_folder, "sdxl")).vectors

    assert (first.shape, second.shape) == ((2, 32), (2, 64))


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        (
            {"emb_params": torch.ones(2, 1024)},
            "made for sd21, and 'tiny-sd15.safetensors' is Stable Diffusion 1.5",
        ),
        ({"clip_g": torch.ones(2, 1280), "clip_l": torch.ones(2, 32)}, "made for sdxl"),
        ({"emb_params": torch.ones(2, 48)}, "made for another family"),
        ({"a": torch.ones(2, 32), "b": torch.ones(2, 32)}, "holds no embedding"),
        ({"emb_params": torch.ones(2, 32, 3)}, "holds no embedding"),
        ({"emb_params": torch.ones(0, 32)}, "holds no embedding"),
    ],
)
def test_an_embedding_that_does_not_fit_is_refused(tensors, sentence, sd15, tmp_path):
    save_file(tensors, tmp_path / "wrong.safetensors")

    with pytest.raises(ModelFileError, match=sentence):
        embeddings.load(tmp_path / "wrong.safetensors", sd15)
