"""Enlarging by a network: ESRGAN's own way, every way to name its weights, sizes, alpha, memory."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from safetensors.torch import load_file, save_file

from prodgen.engines.diffusers.rrdb_network import RrdbNet, rrdb_of
from prodgen.engines.diffusers.upscaler_networks import UpscalerNetwork, enlarged_to, load_upscaler
from prodgen.errors import ModelFileError

ORIGINAL = (
    (r"^conv_first\.", "model.0."),
    (r"^body\.(\d+)\.rdb(\d)\.conv(\d)\.", r"model.1.sub.\1.RDB\2.conv\3.0."),
    (r"^conv_body\.", "model.1.sub.1."),
    (r"^conv_up1\.", "model.3."),
    (r"^conv_up2\.", "model.6."),
    (r"^conv_hr\.", "model.8."),
    (r"^conv_last\.", "model.10."),
)
FIRST_RELEASE = (
    (r"^body\.(\d+)\.rdb(\d)\.", r"RRDB_trunk.\1.RDB\2."),
    (r"^conv_body\.", "trunk_conv."),
    (r"^conv_up(\d)\.", r"upconv\1."),
    (r"^conv_hr\.", "HRconv."),
)


def renamed(weights, rules):
    made = {}
    for name, tensor in weights.items():
        for pattern, replacement in rules:
            if re.match(pattern, name):
                made[re.sub(pattern, replacement, name)] = tensor
                break
        else:
            made[name] = tensor
    return made


@pytest.fixture(scope="module")
def weights(models_folder):
    return load_file(next((models_folder / "ESRGAN").glob("*.safetensors")))


def picture(height=20, width=28):
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def load(path):
    return load_upscaler(path, device="cpu", dtype=torch.float32)


@pytest.mark.parametrize("rules", [(), ORIGINAL, FIRST_RELEASE], ids=["real", "original", "first"])
def test_a_file_makes_the_same_picture_under_all_its_names(weights, tmp_path, rules):
    save_file(weights, tmp_path / "plain.safetensors")
    save_file(renamed(weights, rules), tmp_path / "other.safetensors")

    made = load(tmp_path / "other.safetensors").enlarge(picture())

    assert made.shape == (80, 112, 3)
    assert np.array_equal(made, load(tmp_path / "plain.safetensors").enlarge(picture()))
    assert made.std() > 0


def test_the_network_is_esrgans(weights):
    """With its dense blocks silenced the rest can be written down: two doublings, three convolutions."""
    network = rrdb_of({name: tensor.float() for name, tensor in weights.items()})
    for number in range(1, 4):
        network.get_submodule(f"body.0.rdb{number}").conv5.weight.zero_()
        network.get_submodule(f"body.0.rdb{number}").conv5.bias.zero_()
    given = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(1))
    leaky = torch.nn.LeakyReLU(0.2)

    first = network.conv_first(given)
    expected = first + network.conv_body(first * 1.2)  # the block hands on itself and a fifth of itself
    for up in (network.conv_up1, network.conv_up2):
        expected = leaky(up(expected.repeat_interleave(2, -1).repeat_interleave(2, -2)))
    expected = network.conv_last(leaky(network.conv_hr(expected)))

    assert torch.allclose(network(given), expected, atol=1e-5)


def test_a_dense_block_reads_all_before_it(weights):
    network = rrdb_of({name: tensor.float() for name, tensor in weights.items()})
    block = network.get_submodule("body.0.rdb2")
    given = torch.rand(1, block.conv1.in_channels, 5, 5, generator=torch.Generator().manual_seed(2))
    known = given
    for conv in (block.conv1, block.conv2, block.conv3, block.conv4):
        known = torch.cat([known, torch.nn.functional.leaky_relu(conv(known), 0.2)], 1)

    assert torch.allclose(block(given), given + 0.2 * block.conv5(known), atol=1e-6)


@pytest.mark.parametrize(("channels", "scale"), [(3, 4), (12, 2), (48, 1)])
def test_a_folded_network_enlarges_less_and_takes_any_size(channels, scale, tmp_path):
    torch.manual_seed(0)
    network = RrdbNet(channels=channels, features=4, growth=2, blocks=1)
    save_file(network.state_dict(), tmp_path / "folded.safetensors")

    made = load(tmp_path / "folded.safetensors").enlarge(picture(21, 27))

    assert made.shape == (21 * scale, 27 * scale, 3)


def test_a_large_picture_is_enlarged_by_tiles_that_do_not_show(weights, tmp_path):
    save_file(weights, tmp_path / "plain.safetensors")
    network = load(tmp_path / "plain.safetensors")

    whole, tiled = network.enlarge(picture(96, 80)), network.enlarge(picture(96, 80), tile_px=64)

    difference = np.abs(whole.astype(int) - tiled)  # of 8 bits; random weights see farther than trained ones
    assert difference.mean() < 0.1
    assert difference.max() <= 12


def test_a_file_that_is_no_upscaler_is_refused(models_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    save_file({"some.weight": torch.zeros(3, 3)}, tmp_path / "strange.safetensors")

    with pytest.raises(ModelFileError, match=r"prodgen\[upscalers\]"):
        load(tmp_path / "strange.safetensors")


def test_a_network_that_lacks_a_layer_is_refused(weights, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    save_file({k: v for k, v in weights.items() if k != "conv_hr.bias"}, tmp_path / "cut.safetensors")

    with pytest.raises(ModelFileError):
        load(tmp_path / "cut.safetensors")


class Repeating:
    """A network that repeats each pixel, and counts how often it is asked."""

    def __init__(self, scale=2):
        self.asked = 0
        self.scale = scale

    def network(self):
        return UpscalerNetwork(self.run, self.scale, torch.device("cpu"), torch.float32)

    def run(self, part):
        self.asked += 1
        return part.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2)


@pytest.mark.parametrize(
    ("size", "rounds"),
    [((28, 20), 1), ((56, 40), 1), ((84, 60), 2), ((140, 100), 3), ((700, 500), 3), ((20, 14), 0)],
)
def test_a_picture_goes_through_the_network_until_it_is_large_enough(size, rounds):
    repeating = Repeating()

    made = enlarged_to(picture(), *size, repeating.network())

    assert made.shape == (size[1], size[0], 3)
    assert repeating.asked == rounds


def test_alpha_is_kept_and_resampled():
    alpha = np.zeros((20, 28), np.uint8)
    alpha[:, 14:] = 255

    made = enlarged_to(np.dstack([picture(), alpha]), 56, 40, Repeating().network())

    assert made.shape == (40, 56, 4)
    assert (made[:, :20, 3] == 0).all()
    assert (made[:, 36:, 3] == 255).all()
    assert np.array_equal(made[..., :3], np.repeat(np.repeat(picture(), 2, 0), 2, 1))


def test_a_picture_is_filled_up_with_its_own_edge_for_a_network_that_folds():
    seen = []

    def run(part):
        seen.append(part)
        return part

    UpscalerNetwork(run, 1, torch.device("cpu"), torch.float32, multiple=4).enlarge(picture(21, 27))

    assert seen[0].shape == (1, 3, 24, 28)
    assert torch.equal(seen[0][..., 20, :], seen[0][..., 23, :])
    assert torch.equal(seen[0][..., 26], seen[0][..., 27])


def test_smaller_tiles_are_taken_where_memory_is_too_little():
    sizes = []

    def run(part):
        sizes.append(max(part.shape[-2:]))
        if sizes[-1] > 128:
            raise torch.OutOfMemoryError
        return part

    network = UpscalerNetwork(run, 1, torch.device("cpu"), torch.float32)

    assert np.array_equal(network.enlarge(picture(300, 200)), picture(300, 200))
    assert sizes[:3] == [300, 256, 128]
