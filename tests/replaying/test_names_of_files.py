"""Names of checkpoints, LoRAs and VAEs in a picture, and the server's own spelling of the same files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from prodgen.client import Client
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.replaying import RecordedJob, read_recorded
from prodgen.replaying.differences import infotext_differences
from prodgen.replaying.fitting import fit_to_server
from prodgen.schema import Capabilities, Checkpoint, LoraFile
from prodgen.server import ApiServer, ApiTransport

LINE = "Steps: 2, Sampler: Euler, CFG scale: 5, Seed: 42, Size: 64x64"
IN_A_FOLDER = Checkpoint(
    title="2D/mistoon_v20.safetensors",
    model_name="2D_mistoon_v20",
    filename="/srv/2D/mistoon_v20.safetensors",
)
ANOTHER = Checkpoint(
    title="mistoon_v10.safetensors [a6fad5698d]", model_name="mistoon_v10", hash="a6fad5698d",
    sha256="a6fad5698d" + "0" * 54, filename="/srv/mistoon_v10.safetensors",
)  # fmt: skip


class Elsewhere:
    """A server with these lists; everything else is the embedded one's."""

    def __init__(self, **lists: object) -> None:
        self._real = Client("http://server", transport=ApiTransport(ApiServer(IblEngine())))
        self.dialect = self._real.dialect
        self.capabilities: Capabilities = dataclasses.replace(self._real.capabilities, **lists)

    def options(self) -> dict[str, object]:
        return self._real.options()


def told(line: str, folder: Path) -> RecordedJob:
    (folder / "told.txt").write_text(line, encoding="utf-8")
    recorded = read_recorded(folder / "told.txt")
    assert isinstance(recorded, RecordedJob)
    return recorded


@pytest.mark.parametrize(
    "name", ["mistoon_v20", "2D/mistoon_v20", "2D\\mistoon_v20.safetensors", "2D_mistoon_v20"]
)
def test_a_checkpoint_in_a_folder_is_found_by_every_name_of_its_file(name, tmp_path):
    server = Elsewhere(checkpoints=(ANOTHER, IN_A_FOLDER), checkpoint=ANOTHER.title)

    job, changed = fit_to_server(told(f"a\n{LINE}, Model hash: c35e1054c0, Model: {name}", tmp_path), server)

    assert (job.checkpoint, changed) == (IN_A_FOLDER.title, ())


def test_a_hash_goes_before_a_name(tmp_path):
    server = Elsewhere(checkpoints=(IN_A_FOLDER, ANOTHER), checkpoint=IN_A_FOLDER.title)
    line = f"a\n{LINE}, Model hash: {'a6fad5698d' + '0' * 54}, Model: mistoon_v20"

    job, changed = fit_to_server(told(line, tmp_path), server)

    assert (job.checkpoint, changed) == (ANOTHER.title, ())


def test_a_name_that_two_files_have_is_told_for_what_it_is(tmp_path):
    there = Checkpoint(title="3D/mistoon_v20.ckpt", model_name="3D_mistoon_v20")
    server = Elsewhere(checkpoints=(ANOTHER, IN_A_FOLDER, there), checkpoint=ANOTHER.title)

    job, changed = fit_to_server(told(f"a\n{LINE}, Model: mistoon_v20", tmp_path), server)

    assert job.checkpoint == IN_A_FOLDER.title
    assert "'mistoon_v20' may be any of 2 here; the first, '2D_mistoon_v20', is used" in changed[0].words


@pytest.mark.parametrize(
    ("name", "asked_for", "said"),
    [
        ("mistoon_v20", "mistoon_v20", []),
        ("gone", None, ["Hires checkpoint"]),
        ("Use same checkpoint", "Use same checkpoint", []),
    ],
)
def test_a_checkpoint_of_the_second_pass_that_is_missing_is_a_difference(tmp_path, name, asked_for, said):
    line = f"{LINE}, Hires upscale: 2, Denoising strength: 0.5, Hires checkpoint: {name}"
    server = Elsewhere(checkpoints=(ANOTHER, IN_A_FOLDER), checkpoint=ANOTHER.title)

    job, changed = fit_to_server(told(f"a\n{line}", tmp_path), server)

    assert (job.hires_checkpoint, [x.what for x in changed]) == (asked_for, said)


def test_a_vae_that_is_missing_is_told_with_the_nearest_file(tmp_path):
    have = Elsewhere().capabilities
    server = Elsewhere(vaes=("vae-ft.pt",), answered=have.answered | {"vaes"})

    missing = fit_to_server(told(f"a\n{LINE}, VAE: nothere", tmp_path), server)
    none = fit_to_server(told(f"a\n{LINE}, VAE: None", tmp_path), server)

    assert [x.words for x in missing[1]] == ["vae 'nothere' is not here; the server's own is used"]
    assert (none[0].vae, none[1]) == ("None", ())


def test_a_placeholder_in_place_of_a_hash_is_none(tmp_path):
    first = Checkpoint(title="a.safetensors", model_name="a", hash="8888888888", sha256="8" * 64)
    second = Checkpoint(title="b.safetensors", model_name="b", hash="8888888888", sha256="8" * 64)
    server = Elsewhere(checkpoints=(first, second), checkpoint=first.title)

    job, changed = fit_to_server(told(f"a\n{LINE}, Model hash: 8888888888, Model: b", tmp_path), server)

    assert (job.checkpoint, changed) == (second.title, ())


def test_loras_and_vaes_in_folders_are_asked_for_by_the_servers_names(tmp_path):
    have = Elsewhere().capabilities
    server = Elsewhere(
        lora_files=(LoraFile(name="style/Shiny", path="/srv/style/Shiny.safetensors"),),
        loras=("style/Shiny",),
        vaes=("sdxl_vae.safetensors",),
        answered=have.answered | {"loras", "vaes"},
    )

    job, changed = fit_to_server(told(f"a <lora:shiny:0.5>\n{LINE}, VAE: sdxl_vae", tmp_path), server)

    assert [(lora.name, lora.weight) for lora in job.loras] == [("style/Shiny", 0.5)]
    assert (job.vae, changed) == ("sdxl_vae.safetensors", ())


@pytest.mark.parametrize(
    ("key", "then", "now", "is_same"),
    [
        ("Model", "folder/v1-5.safetensors", "v1-5", True),
        ("Model", "v1-5", "v1-4", False),
        ("Model hash", "6ce0161689" + "a" * 54, "6ce0161689", True),
        ("Model hash", "6ce0161689", "a6fad5698d", False),
        ("Model hash", "blake3:0123", "6ce0161689", True),
        ("Sampler", "dpmpp_2m", "DPM++ 2M", True),
        ("Sampler", "DPM++ 2M Karras", "DPM++ 2M Karras", True),
        ("Sampler", "DPM++ 2M Karras", "DPM++ 2M", False),
        ("Sampler", "DPM++ 2M Karras", "DPM++ 2M Exponential", False),
        ("Sampler", "Euler", "Euler a", False),
        ("Schedule type", "sgm_uniform", "SGM Uniform", True),
        ("Schedule type", "Automatic", None, True),
        ("Schedule type", "Karras", None, False),
        ("Size", "(896, 1152)", "896x1152", True),
        ("Size", "896x1152", "1152x896", False),
        ("CFG scale", "7,0", "7", True),
        ("Seed", str(2**62 + 1), str(2**62), False),
        ("Seed", "42", None, False),
    ],
)
def test_only_what_is_not_the_same_thing_by_another_name_is_a_difference(key, then, now, is_same):
    after = {"Steps": "2", **({} if now is None else {key: now})}

    assert (infotext_differences({key: then}, after) == []) == is_same
