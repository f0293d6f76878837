"""A picture once more: infotexts of all kinds read, fitted to the server, and what differs said."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen import files
from prodgen.client import Client
from prodgen.dialects import infotexts
from prodgen.engines.ibl.ibl_engine import CHECKPOINT, IblEngine
from prodgen.errors import ImageError, SettingError
from prodgen.replaying import RecordedJob, read_recorded, replay
from prodgen.replaying.fitting import fit_to_server
from prodgen.server import ApiServer, ApiTransport
from prodgen.server.infotext import quote
from prodgen.text2image import draw_all, new_job

CAPTURES = Path(__file__).parents[1] / "captures"

LINE = "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 42, Size: 64x64"
"""The least that an infotext says."""


def client_of(*, checkpoints: Sequence[str] = (CHECKPOINT,)) -> Client:
    return Client("http://server", transport=ApiTransport(ApiServer(IblEngine(checkpoints=checkpoints))))


def told(text: str, tmp_path: Path) -> RecordedJob:
    (tmp_path / "told.txt").write_text(text, encoding="utf-8")
    return read_recorded(tmp_path / "told.txt")


def words(text: str, tmp_path: Path, **switches: object) -> str:
    """What differs on an embedded server with these switches, before drawing."""
    return " | ".join(x.words for x in fit_to_server(told(text, tmp_path), client_of(**switches))[1])


# Reading.


def test_commas_quotes_and_newlines_survive_in_prompts_and_values(tmp_path):
    text = (
        'a "red" cup, (big:1.2), Steps: nonsense\nsecond line, 50 % \\ off\n'
        "Negative prompt: blur, \nNegative: too\n"
        f'{LINE}, Hires upscale: 2, Hires upscaler: Lanczos, Denoising strength: 0.4, '
        'Hires prompt: "a \\"blue\\" cup,\\nnight: yes", Version: v1.10.1'
    )  # fmt: skip

    job = told(text, tmp_path).job

    assert job is not None
    assert job.prompt == 'a "red" cup, (big:1.2), Steps: nonsense\nsecond line, 50 % \\ off'
    assert job.negative_prompt == "blur, \nNegative: too"
    assert job.hires_prompt == 'a "blue" cup,\nnight: yes'
    assert (job.hires, job.hires_upscaler, job.denoising_strength) == (2, "Lanczos", 0.4)


plain = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=40).filter(
    lambda text: quote(text) != text or not text.strip().startswith(('"', "[", "{"))
)
"""Values that A1111 itself can read back: it quotes none that only begins as if it were quoted."""


@given(st.dictionaries(st.sampled_from(["Hires prompt", "Model", "Style", "Tool"]), plain))
def test_every_value_that_a1111_writes_is_read_back(values):
    line = LINE + "".join(f", {key}: {quote(value)}" for key, value in values.items())

    read = infotexts.read(f"a cup\n{line}").values

    assert {key: read.get(key, "").strip() for key in values} == {key: x.strip() for key, x in values.items()}
    assert read["Seed"] == "42"


@given(st.text(max_size=300))
def test_any_text_is_an_infotext_or_refused_as_none(text):
    with suppress(ImageError):
        assert {"Steps", "Seed"} & infotexts.read(text).values.keys()


def test_a_tag_that_no_server_can_read_is_left_out_and_named(tmp_path):
    recalled = told(f"a <lora:x:much> cup\n{LINE}", tmp_path)

    assert recalled.job is not None
    assert recalled.job.prompt.split() == ["a", "cup"]
    assert [difference.what for difference in recalled.differences] == ["<lora:x:much>"]


def test_all_settings_of_an_infotext_are_meant(tmp_path):
    text = (
        f"a cup\n{LINE}, Model hash: 6ce0161689, Model: v1-5, VAE: vae-ft-mse.pt, Clip skip: 2, "
        "Variation seed: 9, Variation seed strength: 0.3, Tiling: True, Face restoration: CodeFormer, "
        "Hires resize: 128x0, Hires steps: 7, Hires upscaler: Latent, Denoising strength: 0.6, "
        "Refiner: xl_refiner [7440042bbd], Refiner switch at: 0.8, ENSD: 31337, RNG: CPU, Eta: 0.5, "
        "NGMS: 1.5, Token merging ratio: 0.5, Version: v1.10.1"
    )

    job = told(text, tmp_path).job

    assert job is not None
    set_ = job.model_dump(exclude_defaults=True, exclude={"prompt", "literal"})
    assert set_ == {
        "steps": 20, "sampler_name": "DPM++ 2M", "scheduler": "Karras", "cfg_scale": 6.5, "seed": 42,
        "first_pass": "64x64", "hires_size": "128x128", "hires_steps": 7,
        "hires_upscaler": "Latent", "denoising_strength": 0.6, "vae": "vae-ft-mse.pt", "clip_skip": 2,
        "subseed": 9, "subseed_strength": 0.3, "tiling": True, "restore_faces": True,
        "refiner": "xl_refiner [7440042bbd]", "refiner_at": 0.8, "eta": 0.5, "s_min_uncond": 1.5,
        "override_settings": {
            "eta_noise_seed_delta": 31337, "randn_source": "CPU", "token_merging_ratio": 0.5,
            "face_restoration_model": "CodeFormer",
        },
    }  # fmt: skip


def test_samplers_of_before_1_9_are_split(tmp_path):
    job = told("a\n" + LINE.replace("DPM++ 2M, Schedule type: Karras", "DPM++ 2M SDE Karras"), tmp_path).job

    assert job is not None
    assert (job.sampler_name, job.scheduler) == ("DPM++ 2M SDE", "Karras")


def test_a_second_pass_without_a_network_is_not_taken_for_a_latent_one(tmp_path):
    text = f"a\n{LINE}, Denoising strength: 0.5, Hires upscale: 2, Hires upscaler: None"

    assert told(text, tmp_path).job.hires_upscaler == "None"


def test_a_negative_prompt_is_found_behind_spaces(tmp_path):
    job = told(f"a dog\n  Negative prompt: ugly\n{LINE}", tmp_path).job

    assert (job.prompt, job.negative_prompt) == ("a dog", "ugly")


def test_a_size_is_what_the_server_really_drew(tmp_path):
    job = told(f"a\n{LINE}".replace("64x64", "100x68"), tmp_path).job

    assert job is not None
    assert job.first_pass == "96x64"


def test_a_second_pass_without_an_upscaler_was_latent(tmp_path):
    job = told(f"a\n{LINE}, Denoising strength: 0.7, Hires upscale: 2", tmp_path).job

    assert job is not None
    assert job.hires_upscaler == "Latent"


def test_lines_below_the_parameters_and_unquoted_json_in_them_are_passed_over(tmp_path):
    sites = 'Civitai resources: [{"type":"lora","name":"b, Magic: 7"}]'
    text = f"a\n{LINE}, {sites}, Version: x\nTemplate: a {{b|c}}"

    recalled = told(text, tmp_path)

    assert recalled.infotext["Version"] == "x"
    assert "Magic" not in recalled.infotext
    assert recalled.job is not None
    assert recalled.job.prompt == "a"


@pytest.mark.parametrize("negative", ["", "Negative prompt: blur, bad: x "])
@pytest.mark.parametrize("prompt", ["a cup, (blue:1.2) ", "a cup, steps: three, ", "Steps: 3, then a cup "])
def test_an_infotext_whose_line_breaks_were_lost_is_divided_all_the_same(tmp_path, prompt, negative):
    job = told(f"{prompt}{negative}{LINE}, Version: v1.6.0", tmp_path).job

    assert (job.prompt, job.negative_prompt) == (prompt.strip(), negative[17:].strip())
    assert (job.steps, job.seed, job.sampler_name) == (20, 42, "DPM++ 2M")


def test_parameters_in_another_order_are_no_prompt(tmp_path):
    job = told("a cup\nSampler: Euler a, Seed: 4, Steps: 20, Size: 64x64, CFG scale: 7", tmp_path).job

    assert (job.prompt, job.sampler_name, job.steps, job.seed) == ("a cup", "Euler a", 20, 4)


def test_every_recorded_infotext_of_txt2img_is_understood():
    found = 0
    for file in sorted((CAPTURES / "core").glob("txt2img-*.json")):
        answer = json.loads(file.read_text())["response"].get("json") or {}
        info = json.loads(answer["info"]) if isinstance(answer.get("info"), str) else {}
        for text in info.get("infotexts", []):
            read = infotexts.read(text)
            assert read.values["Size"] == f"{info['width']}x{info['height']}", file.name
            assert read.values["Sampler"] == info["sampler_name"], file.name
            assert read.prompt == info["prompt"].strip(), file.name
            found += 1
    assert found > 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("just some words", "no A1111 infotext"),
        ("", "no A1111 infotext"),
        (f"a\n{LINE}, Denoising strength: 0.5, Mask blur: 4", "img2img"),
        ("a\nSteps: 5, Seed: 18446744073709551616, Size: 64x64", "the largest that servers take is 18446"),
    ],
)
def test_what_cannot_be_drawn_again_says_why(tmp_path, text, reason):
    with pytest.raises((ImageError, SettingError), match=reason):
        told(text, tmp_path)


def test_a_picture_that_tells_nothing_is_refused(tmp_path):
    files.save(tmp_path / "mute.png", np.zeros((8, 8, 3), np.float32))
    files.save(
        tmp_path / "comfy.png", np.zeros((8, 8, 3), np.float32), text={"workflow": "{}", "prompt": "{}"}
    )

    with pytest.raises(ImageError, match="does not tell"):
        read_recorded(tmp_path / "mute.png")
    with pytest.raises(ImageError, match="ComfyUI"):
        read_recorded(tmp_path / "comfy.png")


# On this server.


def test_a_checkpoint_is_found_by_its_hash_whatever_it_is_called_here(tmp_path):
    client = client_of(checkpoints=["first", "renamed"])
    digest = client.capabilities.checkpoints[1].hash

    job, changed = fit_to_server(told(f"a\n{LINE}, Model hash: {digest}, Model: once", tmp_path), client)

    assert changed == ()
    assert job.checkpoint == client.capabilities.checkpoints[1].title


def test_a_checkpoint_of_the_same_name_with_another_hash_is_told(tmp_path):
    text = f"a\n{LINE}, Model hash: 0123456789, Model: first"

    assert "another file" in words(text, tmp_path, checkpoints=["first", "second"])


def test_a_missing_checkpoint_is_replaced_by_the_nearest_and_told(tmp_path):
    text = f"a\n{LINE}, Model hash: 0123456789, Model: dreamshaper_8"
    client = client_of(checkpoints=["other", "dreamshaper_7"])

    job, changed = fit_to_server(told(text, tmp_path), client)

    assert job.checkpoint == client.capabilities.checkpoints[1].title
    assert "'dreamshaper_8' (0123456789) is not here; the nearest by name" in changed[0].words


def test_the_checkpoint_that_is_configured_is_not_asked_for(tmp_path):
    job, changed = fit_to_server(told(f"a\n{LINE}, Model: first", tmp_path), client_of(checkpoints=["first"]))

    assert (job.checkpoint, changed) == (None, ())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("DPM++ 2M,", "DPM++ 5M,"), "sampler 'DPM\\+\\+ 5M' is not here"),
        (("Karras", "Quadratic"), "scheduler 'Quadratic' is not here"),
        (("a\n", "a <lora:more_detail:1>\n"), "LoRA 'more_detail' is not here; it is left out.*more_details"),
        (("Size:", "VAE: nice.pt, Size:"), "vae 'nice.pt' is not here"),
        (("Size:", "Refiner: xl, Refiner switch at: 0.8, Size:"), "drawn without"),
        (("Size:", "ADetailer model: face.pt, ADetailer version: 1, Size:"), "ADetailer is not repeated"),
        (("Size:", 'ControlNet 0: "Module: canny, Weight: 1", Size:'), "--controlnet"),
        (("Size:", 'TI hashes: "easynegative: c74b4e81", Size:'), "embedding 'easynegative' is not here"),
        (("Size:", "Magic: 7, Size:"), "Magic: 7 is not repeated"),
    ],
)
def test_what_this_server_lacks_is_told(tmp_path, change, said):
    assert re.search(said, words(f"a\n{LINE}".replace(*change), tmp_path))


def test_names_that_differ_in_spelling_only_are_the_servers(tmp_path):
    text = f"a\n{LINE}".replace("Karras", "sgm_uniform")

    job, changed = fit_to_server(told(text, tmp_path), client_of())

    assert (job.scheduler, changed) == ("SGM Uniform", ())


def test_options_that_are_set_anyway_are_not_overridden(tmp_path):
    job, _ = fit_to_server(told(f"a\n{LINE}, RNG: GPU, ENSD: 7", tmp_path), client_of())

    assert job.override_settings == {"eta_noise_seed_delta": 7}


def test_options_that_go_without_saying_are_as_installed_whatever_the_server_has_set(tmp_path):
    client = client_of()
    set_here = {"CLIP_stop_at_last_layers": 2, "randn_source": "CPU", "eta_noise_seed_delta": 31337}
    client.set_options({**set_here, "token_merging_ratio": 0.5})
    usual = {"CLIP_stop_at_last_layers": 1, "randn_source": "GPU", "eta_noise_seed_delta": 0}
    words = "Clip skip: 2, RNG: CPU, ENSD: 31337, Token merging ratio: 0.5"

    plain, _ = fit_to_server(told(f"a\n{LINE}, Version: v1.10.1", tmp_path), client)
    telling, _ = fit_to_server(told(f"a\n{LINE}, {words}", tmp_path), client)
    of_another, _ = fit_to_server(told(f"a\n{LINE}, App: SD.Next", tmp_path), client)

    assert plain.override_settings == {**usual, "token_merging_ratio": 0}
    assert (telling.override_settings, of_another.override_settings) == ({}, {})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_a_text_file_is_read_in_every_usual_encoding(tmp_path, encoding):
    (tmp_path / "told.txt").write_bytes(f"a caf\u00e9\r\n{LINE}".encode(encoding))

    assert read_recorded(tmp_path / "told.txt").job.prompt == "a caf\u00e9"


def test_a_text_file_that_is_no_infotext_is_refused_by_its_size(tmp_path):
    (tmp_path / "told.txt").write_bytes(b"a " * (1 << 19) + b"b")

    with pytest.raises(ImageError, match="too large to be an infotext"):
        read_recorded(tmp_path / "told.txt")


def test_another_version_and_other_pixels_are_told_after_drawing(tmp_path):
    line = LINE.replace("DPM++ 2M, Schedule type: Karras", "DPM++ 2M Karras")
    infotext = f"a table\n{line}, ADetailer model: x, Version: v1.6.0"
    files.save(tmp_path / "then.png", np.zeros((64, 64, 3), np.float32), text={"parameters": infotext})

    made = replay(tmp_path / "then.png", backend=client_of())

    sentences = " | ".join(map(str, made.differences))
    assert "Version: v1.6.0 then, prodgen-embedded" in sentences
    assert "PSNR" in sentences
    assert not any(word in sentences for word in ("Steps", "Sampler"))


def test_braces_of_another_programs_prompt_are_not_filled(tmp_path):
    client = client_of()
    job, _ = fit_to_server(told(f"a {{b|c}} __d__ table\n{LINE}", tmp_path), client)

    (picture,) = draw_all(job, client=client)

    assert picture.planned.request.prompt == "a {b|c} __d__ table"
    assert "literal" not in picture.story()["job"], "how it was read is no part of its story"


# Ours.


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
def test_our_own_picture_is_drawn_again_from_any_format(tmp_path, ending):
    client = client_of()
    job = new_job(
        {
            "prompt": "a {b|c} table <lora:more_details:0.5>",
            "negative_prompt": "blur",
            "size": "120x90",
            "hires": 1.5,
        }
    )
    paths = [tmp_path / f"one{ending}"]
    (first,) = draw_all(job, client=client, outputs=paths)

    again, changed = fit_to_server(read_recorded(paths[0]), client)
    (second,) = draw_all(again, client=client)

    assert changed == ()
    np.testing.assert_array_equal(first.image, second.image)
    assert first.infotext == second.infotext


def test_the_loss_of_a_jpeg_is_told_for_what_it_is(tmp_path):
    client = client_of()
    job = new_job({"prompt": "a table", "size": "128x128", "seed": 1})
    list(draw_all(job, client=client, outputs=[tmp_path / "a.jpg"]))

    (difference,) = replay(tmp_path / "a.jpg", backend=client).differences

    assert "by themselves" in difference.words


def test_a_story_names_no_folder_of_this_machine_and_none_is_taken_from_one(tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "c.txt").write_text("table\n")
    client = client_of()
    job = new_job({"prompt": "__c__", "wildcards": tmp_path / "secrets", "size": "64x64"})
    (picture,) = draw_all(job, client=client)

    assert "secrets" not in json.dumps(picture.text())
    hostile = {**picture.story(), "job": {**picture.story()["job"], "wildcards": "/etc"}}
    files.save(tmp_path / "x.png", picture.image, text={"prodgen": json.dumps(hostile)})
    recalled = read_recorded(tmp_path / "x.png")
    assert recalled.job is not None
    assert recalled.job.wildcards is None


@pytest.mark.parametrize("job", [None, [], {"steps": -1}, {"nonsense": 1}, {"controlnet": [7]}])
def test_a_damaged_story_is_one_sentence(tmp_path, job):
    story = json.dumps({"kind": "generate", "job": job})
    files.save(tmp_path / "x.png", np.zeros((8, 8, 3), np.float32), text={"prodgen": story})

    with pytest.raises((ImageError, SettingError)):
        read_recorded(tmp_path / "x.png")
