"""Networks over large pictures tile by tile, and a tiny VAE both ways."""

from __future__ import annotations

from fractions import Fraction

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from prodgen.engines.diffusers import checkpoints, vae_tiling
from prodgen.engines.diffusers.tiles import by_tiles, with_memory_for
from prodgen.server.listings import LATENT_MODES

PICTURE = torch.rand(2, 3, 40, 56, generator=torch.Generator().manual_seed(4))


def doubled(part):
    return part.repeat_interleave(2, -1).repeat_interleave(2, -2)


def halved(part):
    return torch.nn.functional.avg_pool2d(part, 2)


@pytest.mark.parametrize(("run", "factor"), [(doubled, Fraction(2)), (halved, Fraction(1, 2))])
@pytest.mark.parametrize(("tile", "overlap"), [(16, 4), (16, 0), (48, 12), (12, 10), (64, 16), (None, 0)])
def test_tiles_of_a_local_network_make_what_the_whole_makes(run, factor, tile, overlap):
    made = by_tiles(PICTURE, run, tile=tile, overlap=overlap, factor=factor)

    assert torch.allclose(made, run(PICTURE), atol=1e-6)


def test_tiles_of_a_picture_whose_edges_meet_see_what_lies_beyond_an_edge():
    picture, box = PICTURE[:, :, :8], torch.full((3, 1, 3, 3), 1 / 9)
    ring = torch.nn.functional.pad(picture, (1, 1, 1, 1), mode="circular")
    whole = torch.nn.functional.conv2d(ring, box, groups=3)

    def blurred(part):
        return torch.nn.functional.conv2d(part, box, padding=1, groups=3)

    made = by_tiles(picture, blurred, tile=16, overlap=4, factor=Fraction(1), wraps=True)

    assert made.shape == whole.shape
    for edge in (slice(0, 4), slice(-4, None)):
        assert torch.allclose(made[..., edge], whole[..., edge], atol=1e-6)


def test_no_tile_is_larger_than_asked_for():
    sizes = []

    def run(part):
        sizes.append(tuple(part.shape[-2:]))
        return part

    by_tiles(PICTURE, run, tile=16, overlap=4, factor=Fraction(1))

    assert set(sizes) == {(16, 16)}
    assert len(sizes) == 3 * 5


def test_a_seam_goes_softly_from_one_tile_to_the_next():
    """Each tile is a step brighter than the one before; with a hard seam one column would jump by a step."""
    brightness = iter(range(100))

    made = by_tiles(
        torch.zeros(1, 1, 8, 56),
        lambda part: torch.full_like(part, next(brightness)),
        tile=24,
        overlap=8,
        factor=Fraction(1),
    )

    assert made.diff(dim=-1).abs().max() < 0.12
    assert made.diff(dim=-1).min() >= 0


def test_tiles_get_smaller_until_memory_is_enough():
    tried = []

    def attempt(size):
        tried.append(size)
        if size is None or size > 256:
            raise torch.OutOfMemoryError
        return torch.zeros(1)

    with_memory_for(attempt, (None, 1024, 512, 256, 128))

    assert tried == [None, 1024, 512, 256]


def test_too_little_memory_for_the_smallest_tile_is_told():
    def attempt(size):
        raise torch.OutOfMemoryError(f"{size} is too much")

    with pytest.raises(torch.OutOfMemoryError, match="256 is too much"):
        with_memory_for(attempt, (None, 256))


@pytest.fixture(scope="module")
def vae(models_folder):
    path = models_folder / "Stable-diffusion" / "tiny-sd15.safetensors"
    return checkpoints.load(path, dtype=torch.float32, device="cpu").vae


def picture(height, width):
    generator = torch.Generator().manual_seed(6)
    coarse = torch.rand(1, 3, height // 16, width // 16, generator=generator) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")


def test_a_picture_is_encoded_and_decoded_as_the_vae_does_it(vae):
    pixels = picture(128, 64)
    with torch.no_grad():
        expected = vae.encode(pixels).latent_dist.mode() * 0.18215

    latents = vae_tiling.encode(vae, pixels, vae_scale=0.18215)

    assert torch.allclose(latents, expected, atol=1e-6)
    with torch.no_grad():
        assert torch.allclose(
            vae_tiling.decode(vae, latents, vae_scale=0.18215),
            vae.decode(expected / 0.18215).sample,
            atol=1e-5,
        )


@pytest.mark.parametrize("ways", ["encode", "decode"])
def test_tiles_have_the_size_of_the_whole_and_are_about_alike(vae, ways):
    if ways == "encode":
        given, run = picture(192, 160), vae_tiling.encode
    else:
        given, run = vae_tiling.encode(vae, picture(192, 160), vae_scale=1.0), vae_tiling.decode

    whole = run(vae, given, vae_scale=1.0)
    tiled = run(vae, given, vae_scale=1.0, tile_px=128)

    assert tiled.shape == whole.shape
    assert torch.corrcoef(torch.stack([tiled.ravel(), whole.ravel()]))[0, 1] > 0.8


def test_a_vae_that_overflows_in_half_precision_goes_on_in_float32():
    class Overflowing:
        device, dtype = torch.device("cpu"), torch.float16

        def to(self, dtype):
            self.dtype = dtype

        def decode(self, part, *, return_dict):
            pixels = part[:, :3].repeat_interleave(8, -1).repeat_interleave(8, -2)
            return (pixels * (float("inf") if self.dtype == torch.float16 else 1.0),)

    vae = Overflowing()
    latents = torch.ones(1, 4, 8, 8)

    made = vae_tiling.decode(vae, latents, vae_scale=1.0)

    assert torch.equal(made, torch.ones(1, 3, 64, 64))
    assert vae.dtype == torch.float32


def test_a_large_picture_on_a_cpu_is_never_decoded_whole():
    sizes = []

    class Plain:
        device, dtype = torch.device("cpu"), torch.float32

        def decode(self, part, *, return_dict):
            sizes.append(max(part.shape[-2:]))
            return (part[:, :3].repeat_interleave(8, -1).repeat_interleave(8, -2),)

    vae_tiling.decode(Plain(), torch.ones(1, 4, 160, 160), vae_scale=1.0)

    assert max(sizes) == 64


def test_the_latent_modes_are_those_that_the_server_lists():
    assert tuple(vae_tiling.LATENT_MODES) == LATENT_MODES


@pytest.mark.parametrize("mode", vae_tiling.LATENT_MODES)
def test_latents_are_resized_to_a_pictures_size(mode):
    made = vae_tiling.latents_resized(torch.ones(2, 4, 8, 8), 128, 96, mode)

    assert made.shape == (2, 4, 12, 16)
    assert torch.allclose(made, torch.ones_like(made))
