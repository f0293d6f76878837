from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
torch.set_num_threads(1)

from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from benchmarks import engine_models as made
from prodgen.engines.diffusers import checkpoints, variants
from prodgen.engines.diffusers.companions import ic_light_kind
from prodgen.engines.diffusers.families import families
from prodgen.engines.diffusers.header import read_header
from prodgen.errors import ModelFileError

QUERY = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


def load(folder: Path, name: str, dtype: torch.dtype = torch.float32) -> checkpoints.LoadedModel:
    return checkpoints.load(
        folder / "Stable-diffusion" / f"tiny-{name}.safetensors", dtype=dtype, device="cpu"
    )


@pytest.fixture
def model(models_folder):
    return load(models_folder, "sd15")


@pytest.fixture
def lora(models_folder):
    return models_folder / "Lora/tiny-lora.safetensors"


def weights(model: checkpoints.LoadedModel) -> dict[str, torch.Tensor]:
    modules = (model.unet, *model.text_encoders)
    return {f"{at}.{n}": p.clone() for at, module in enumerate(modules) for n, p in module.named_parameters()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kind", ["FC", "FBC"])
def test_ic_light_is_told_by_its_first_layer(kind, models_folder):
    header = read_header(models_folder / f"ic-light/tiny-{kind.lower()}.safetensors")

    assert ic_light_kind(header) == kind


def test_no_other_file_is_taken_for_ic_light(models_folder):
    for name in ("Stable-diffusion/tiny-sd15", "Lora/tiny-lora", "ControlNet/tiny-canny", "VAE/tiny-vae"):
        assert ic_light_kind(read_header(models_folder / f"{name}.safetensors")) is None


@pytest.mark.parametrize(("kind", "channels"), [("FC", 8), ("FBC", 12)])
def test_relighting_draws_as_a_module_of_its_own_width_with_base_plus_offset(
    kind, channels, model, models_folder
):
    base = {name: tensor.clone() for name, tensor in model.unet.state_dict().items()}
    dice = made.Dice(1, dtype=torch.float16, device="cpu")
    family = families()["sd15"]
    config = made.unet_settings(family, "tiny") | {"in_channels": channels}
    offsets = {n: dice.weight(n, s) * 0.05 for n, s in made.shapes(UNet2DConditionModel, config).items()}
    narrow = UNet2DConditionModel(**config).eval()
    narrow.load_state_dict(
        {
            n: (base[n][:, :channels] if n == "conv_in.weight" else base[n]) + o.float()
            for n, o in offsets.items()
        }
    )
    numbers = torch.Generator().manual_seed(0)
    seen, words = torch.randn(1, 12, 8, 8, generator=numbers), torch.randn(1, 77, 32, generator=numbers)

    variants.apply(model, relight=models_folder / f"ic-light/tiny-{kind.lower()}.safetensors")

    with torch.inference_mode():
        expected = narrow(seen[:, :channels], 500, encoder_hidden_states=words).sample
        found = model.unet(seen, 500, encoder_hidden_states=words).sample
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_changing_the_variant_and_going_back_is_exact_to_the_bit_at_the_same_addresses(models_folder, lora):
    model = load(models_folder, "sd15", torch.float16)
    before = weights(model)
    addresses = [parameter.data_ptr() for parameter in model.unet.parameters()]

    variants.apply(model, relight=models_folder / "ic-light/tiny-fbc.safetensors", loras=[(lora, 0.7)])
    assert not same(before, weights(model))
    variants.apply(model, relight=models_folder / "ic-light/tiny-fc.safetensors")
    relit = weights(model)
    variants.apply(model, loras=[(lora, 1.0)])
    variants.apply(model, relight=models_folder / "ic-light/tiny-fc.safetensors")
    assert same(relit, weights(model))
    variants.apply(model)

    assert same(before, weights(model))
    assert addresses == [parameter.data_ptr() for parameter in model.unet.parameters()]


def test_a_lora_adds_strength_times_alpha_by_rank_times_its_factors(model, lora):
    before, pairs = weights(model), load_file(lora)

    variants.apply(model, loras=[(lora, 0.7)])

    after = weights(model)
    for name, key in (
        (f"0.{QUERY}.weight", f"lora_unet_{QUERY.replace('.', '_')}"),
        ("0.mid_block.attentions.0.proj_in.weight", "lora_unet_mid_block_attentions_0_proj_in"),
        (
            "1.encoder.layers.0.self_attn.q_proj.weight",
            "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
        ),
    ):
        name = name if name in before else name.replace("1.", "1.text_model.", 1)
        up, down = (pairs[f"{key}.lora_{way}.weight"].float() for way in ("up", "down"))
        change = 0.7 * 2.0 / 4 * (up.flatten(1) @ down.flatten(1))
        torch.testing.assert_close(after[name], before[name] + change.reshape(before[name].shape))
    touched = sum(not torch.equal(before[name], after[name]) for name in before)
    assert touched == sum(key.endswith("alpha") for key in pairs)


def test_two_loras_add_up_and_one_of_strength_zero_is_left_out(model, lora, tmp_path):
    other = made.write_lora(tmp_path / "other.safetensors", "sd15", alpha=1.0)

    variants.apply(model, loras=[(lora, 1.0), (other, 1.0), (lora, 0.0)])
    both = weights(model)
    variants.apply(model, loras=[(lora, 1.5)])  # the other one is half of it

    for name, tensor in weights(model).items():
        torch.testing.assert_close(tensor, both[name])


def test_nothing_is_written_where_the_weights_are_right_already(model, lora, monkeypatch):
    variants.apply(model, loras=[(lora, 1.0)])
    monkeypatch.setattr(variants, "_write", None)

    variants.apply(model, loras=[(lora, 1.0)])


def test_a_lora_replaced_on_disk_under_its_name_is_read_again(model, lora, tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(lora.read_bytes())
    variants.apply(model, loras=[(path, 1.0)])
    first = weights(model)
    path.write_bytes(
        path.read_bytes().replace(torch.tensor(2.0).numpy().tobytes(), torch.tensor(3.0).numpy().tobytes())
    )

    variants.apply(model, loras=[(path, 1.0)])

    assert not same(first, weights(model))


def test_sdxl_takes_the_original_s_layer_names_too(models_folder, tmp_path):
    model = load(models_folder, "sdxl")
    path = models_folder / "Lora/tiny-xl-lora.safetensors"
    variants.apply(model, loras=[(path, 1.0)])
    expected = weights(model)
    ours = "lora_unet_down_blocks_1_attentions_0_"
    pairs = load_file(path)
    assert any(key.startswith(ours) for key in pairs)
    renamed = {key.replace(ours, "lora_unet_input_blocks_4_1_"): tensor for key, tensor in pairs.items()}
    save_file(renamed, tmp_path / "kohya.safetensors")

    variants.apply(model)
    variants.apply(model, loras=[(tmp_path / "kohya.safetensors", 1.0)])

    assert same(expected, weights(model))


def test_a_lora_under_diffusers_names_is_the_same(model, lora, tmp_path):
    base = f"unet.{QUERY}"
    kohya = {key: tensor for key, tensor in load_file(lora).items() if QUERY.replace(".", "_") in key}
    save_file(kohya, tmp_path / "kohya.safetensors")
    peft = {
        f"{base}.lora_{'A' if 'lora_down' in key else 'B'}.weight": tensor
        for key, tensor in kohya.items()
        if "alpha" not in key
    }
    save_file(peft, tmp_path / "peft.safetensors")

    variants.apply(model, loras=[(tmp_path / "kohya.safetensors", 2.0)])  # alpha 2 of rank 4 is half
    expected = weights(model)
    variants.apply(model, loras=[(tmp_path / "peft.safetensors", 1.0)])

    for name, tensor in weights(model).items():
        torch.testing.assert_close(tensor, expected[name])


KEY = f"lora_unet_{QUERY.replace('.', '_')}"
PAIR = {f"{KEY}.lora_down.weight": torch.ones(4, 32), f"{KEY}.lora_up.weight": torch.ones(32, 4)}
WIDE = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({**PAIR, f"{KEY}.hada_w1_a": torch.ones(2)}, r"a LoHa, as 'lora_unet_.*hada_w1_a'"),
        ({**PAIR, f"{KEY}.lokr_w1": torch.ones(2)}, "a LoKr"),
        ({**PAIR, f"{KEY}.dora_scale": torch.ones(2)}, "a DoRA"),
        ({**PAIR, f"{KEY}.lora_mid.weight": torch.ones(2)}, "third factor"),
        ({**PAIR, "other": torch.ones(2)}, "no LoRA, as 'other'"),
        ({f"{KEY}.lora_down.weight": torch.ones(4, 32)}, "no second factor"),
        ({**PAIR, f"{KEY}.alpha": torch.ones(2)}, "belongs to no layer"),
        (
            {
                "lora_unet_x.lora_down.weight": torch.ones(4, 32),
                "lora_unet_x.lora_up.weight": torch.ones(32, 4),
            },
            "'lora_unet_x.lora_down.weight', which a checkpoint of Stable Diffusion 1.5 does not have",
        ),
        (
            {f"{KEY}.lora_down.weight": torch.ones(4, 48), f"{KEY}.lora_up.weight": torch.ones(32, 4)},
            "does not fit 'tiny-sd15.safetensors' .* another family",
        ),
        (
            {f"{KEY}.lora_down.weight": torch.ones(0, 32), f"{KEY}.lora_up.weight": torch.ones(32, 0)},
            "does not fit",
        ),
        (
            {f"{WIDE}.lora_down.weight": torch.ones(4, 2048), f"{WIDE}.lora_up.weight": torch.ones(32, 4)},
            "made for Stable Diffusion XL, and 'tiny-sd15.safetensors' is Stable Diffusion 1.5",
        ),
    ],
)
def test_what_is_no_plain_lora_of_the_family_is_refused_and_changes_nothing(
    tensors, sentence, model, lora, tmp_path
):
    before = weights(model)
    save_file(tensors, tmp_path / "wrong.safetensors")

    with pytest.raises(ModelFileError, match=sentence):
        variants.apply(model, loras=[(lora, 1.0), (tmp_path / "wrong.safetensors", 1.0)])

    assert same(before, weights(model))
    variants.apply(model)
    assert same(before, weights(model))


def test_a_lora_that_is_gone_is_named(model, tmp_path):
    with pytest.raises(ModelFileError, match="no such file"):
        variants.apply(model, loras=[(tmp_path / "gone.safetensors", 1.0)])


@pytest.mark.parametrize(
    ("checkpoint", "sentence"),
    [
        ("sd21", "exists for Stable Diffusion 1.5, and 'tiny-sd21.safetensors' is Stable Diffusion 2.1"),
        ("sdxl", "choose a checkpoint of Stable Diffusion 1.5"),
        ("inpainting", "is for inpainting; choose another"),
    ],
)
def test_ic_light_is_refused_where_it_does_not_fit(checkpoint, sentence, models_folder):
    with pytest.raises(ModelFileError, match=sentence):
        variants.apply(
            load(models_folder, checkpoint), relight=models_folder / "ic-light/tiny-fc.safetensors"
        )


def test_an_ic_light_that_lacks_a_layer_is_refused_before_anything_is_changed(model, models_folder, tmp_path):
    offsets = load_file(models_folder / "ic-light/tiny-fc.safetensors")
    missing = "output_blocks.11.1.norm.bias"
    save_file(
        {name: tensor for name, tensor in offsets.items() if name != missing}, tmp_path / "fc.safetensors"
    )
    before = weights(model)

    with pytest.raises(ModelFileError, match=f"lacks '{missing}'"):
        variants.apply(model, relight=tmp_path / "fc.safetensors")

    assert same(before, weights(model))


@pytest.mark.parametrize("strength", [1.0, 0.5, 0.0], ids=["it again", "another", "none"])
def test_after_an_error_in_the_middle_the_next_variant_is_whole(models_folder, lora, monkeypatch, strength):
    model, real = load(models_folder, "sd15"), variants._write
    wanted = load(models_folder, "sd15")
    variants.apply(wanted, loras=[(lora, strength)])

    def fails_at_the_text_encoder(parameters, *rest):
        if len(parameters) < 100:
            raise torch.OutOfMemoryError("full")
        real(parameters, *rest)

    monkeypatch.setattr(variants, "_write", fails_at_the_text_encoder)
    with pytest.raises(torch.OutOfMemoryError):
        variants.apply(model, loras=[(lora, 1.0)])
    monkeypatch.setattr(variants, "_write", real)
    variants.apply(model, loras=[(lora, strength)])

    assert same(weights(model), weights(wanted))


def test_offsets_under_a_prefix_load(model, models_folder, tmp_path):
    path = models_folder / "ic-light/tiny-fc.safetensors"
    save_file({f"diffusion_model.{n}": t for n, t in load_file(path).items()}, tmp_path / "fc.safetensors")
    variants.apply(model, relight=path)
    expected = weights(model)
    variants.apply(model)

    variants.apply(model, relight=tmp_path / "fc.safetensors")

    assert same(expected, weights(model))


def test_metadata_of_lies_changes_nothing(model, lora, tmp_path):
    path = tmp_path / "lies.safetensors"
    save_file(load_file(lora), path, {"ss_base_model_version": json.dumps("sdxl_base_v1-0")})

    variants.apply(model, loras=[(lora, 1.0)])
    told_truly = weights(model)
    variants.apply(model)
    variants.apply(model, loras=[(path, 1.0)])

    assert same(weights(model), told_truly)


def test_a_lora_of_the_first_layer_changes_the_pictures_own_channels(model, tmp_path):
    before = weights(model)
    down, up = torch.randn(2, 4, 3, 3), torch.randn(32, 2, 1, 1)
    path = tmp_path / "first.safetensors"
    names = ("lora_unet_conv_in.lora_down.weight", "lora_unet_conv_in.lora_up.weight")
    save_file(dict(zip(names, (down, up), strict=True)), path)

    variants.apply(model, loras=[(path, 0.5)])

    found = model.unet.conv_in.weight - before["0.conv_in.weight"]
    expected = 0.5 * torch.einsum("or,rihw->oihw", up[..., 0, 0], down)
    assert torch.allclose(found[:, :4], expected, atol=1e-5)
    assert not found[:, 4:].any()
