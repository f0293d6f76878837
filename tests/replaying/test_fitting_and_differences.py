"""What a replay changes or says, where the server or the pictures are not as they were."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest

from prodgen import files
from prodgen.client import Client
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.replaying import RecordedShot, read_recorded, replay
from prodgen.replaying.differences import pixel_differences
from prodgen.replaying.fitting import fit_to_server
from prodgen.replaying.shots_again import shot_again
from prodgen.server import ApiServer, ApiTransport
from prodgen.shots import Shot

LINE = "Steps: 2, Sampler: Euler, CFG scale: 5, Seed: 42, Size: 64x64"


def client_of(*checkpoints: str) -> Client:
    return Client("http://server", transport=ApiTransport(ApiServer(IblEngine(checkpoints=checkpoints))))


def differences(infotext: str, folder: Path, client: Client) -> list[str]:
    (folder / "told.txt").write_text(infotext)
    return [x.words for x in fit_to_server(read_recorded(folder / "told.txt"), client)[1]]


def test_a_checkpoint_of_the_same_name_and_another_hash_is_another_file(tmp_path):
    (sentence,) = differences(
        f"a\n{LINE}, Model: dream, Model hash: 0123456789", tmp_path, client_of("dream")
    )

    assert "another file" in sentence


def test_hashes_of_two_kinds_are_not_compared(tmp_path):
    told = differences(f"a\n{LINE}, Model: dream, Model hash: 01234567", tmp_path, client_of("dream"))

    assert told == []


def test_a_lora_that_differs_in_spelling_is_another_lora(tmp_path):
    (sentence,) = differences(f"a <lora:More-Details:1>\n{LINE}", tmp_path, client_of("dream"))

    assert "'More-Details' is not here; it is left out" in sentence


def test_a_checkpoint_that_is_missing_is_named_once_and_not_by_its_hash_again(tmp_path):
    infotext = f"a table\n{LINE}, Model: gone, Model hash: 0123456789"
    files.save(tmp_path / "then.png", np.zeros((64, 64, 3), np.float32), text={"parameters": infotext})

    made = replay(tmp_path / "then.png", backend=client_of("dream"))

    assert [x.what for x in made.differences if x.what.startswith("Model")] == ["Model"]


def client_that_lists(*samplers: str, schedulers: bool = False, dialect: str | None = None) -> Client:
    """A server with these samplers; before 1.9 A1111 listed no schedules, and had them in samplers' names."""
    inner = ApiTransport(ApiServer(IblEngine(checkpoints=("dream",))))

    class Old(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/schedulers") and not schedulers:
                return httpx.Response(404, json={"detail": "Not Found"})
            if request.url.path.endswith("/samplers"):
                return httpx.Response(200, json=[{"name": x, "aliases": [], "options": {}} for x in samplers])
            return inner.handle_request(request)

    return Client("http://server", transport=Old(), dialect=dialect)


@pytest.mark.parametrize(
    ("told", "asked_for", "said"),
    [
        ("DPM++ 2M, Schedule type: Karras", "DPM++ 2M Karras", []),
        ("DPM++ 2M Karras", "DPM++ 2M Karras", []),
        ("dpmpp_2m_karras", "DPM++ 2M Karras", []),
        ("DPM++ 2M, Schedule type: Beta", "DPM++ 2M", ["Schedule type"]),
        ("dpmpp_2m_sgm_uniform", "DPM++ 2M", ["Schedule type"]),
        ("DPM++ 3M SDE Karras", None, ["Schedule type", "Sampler"]),
    ],
)
def test_servers_with_the_schedule_in_the_samplers_name_are_asked_by_that_name(
    tmp_path, told, asked_for, said
):
    (tmp_path / "told.txt").write_text(f"a\n{LINE.replace('Sampler: Euler', f'Sampler: {told}')}")

    server = client_that_lists("Euler", "DPM++ 2M", "DPM++ 2M Karras")

    job, changed = fit_to_server(read_recorded(tmp_path / "told.txt"), server)

    assert (job.sampler_name, job.scheduler) == (asked_for, None)
    assert [x.what for x in changed] == said


def test_the_second_pass_of_such_a_server_is_asked_by_that_name_too(tmp_path):
    line = LINE.replace("Euler", "DPM++ 2M")
    (tmp_path / "told.txt").write_text(
        f"a\n{line}, Hires upscale: 2, Denoising strength: 0.4, Hires schedule type: Karras"
    )

    server = client_that_lists("DPM++ 2M", "DPM++ 2M Karras")
    job, _ = fit_to_server(read_recorded(tmp_path / "told.txt"), server)

    assert (job.sampler_name, job.hires_sampler, job.hires_scheduler) == ("DPM++ 2M", "DPM++ 2M Karras", None)


@pytest.mark.parametrize(
    ("samplers", "schedulers", "dialect"),
    [(["DPM++ 2M", "DPM++ 2M Karras"], True, "a1111"), (["DPM++ 2M"], False, "sdnext")],
)
def test_other_servers_get_sampler_and_schedule_apart(tmp_path, samplers, schedulers, dialect):
    (tmp_path / "told.txt").write_text(f"a\n{LINE.replace('Euler', 'DPM++ 2M Karras')}")

    server = client_that_lists(*samplers, schedulers=schedulers, dialect=dialect)
    job, changed = fit_to_server(read_recorded(tmp_path / "told.txt"), server)

    assert (job.sampler_name, job.scheduler, changed) == ("DPM++ 2M", "Karras", ())


def test_what_a_kind_of_server_cannot_be_asked_for_is_left_out_and_named(tmp_path):
    more = "Variation seed: 5, Variation seed strength: 0.5, Tiling: True, VAE: a.pt, Clip skip: 2"
    (tmp_path / "told.txt").write_text(f"a\n{LINE}, {more}, RNG: CPU, Model: other")
    transport = ApiTransport(ApiServer(IblEngine(checkpoints=("dream", "other"))))
    server = Client("http://server", transport=transport, dialect="sdcpp")

    job, changed = fit_to_server(read_recorded(tmp_path / "told.txt"), server)

    assert {"Model", "VAE", "Variation seed", "Tiling", "options"} == {x.what for x in changed}
    assert "cannot do tiling" in " ".join(x.words for x in changed)
    assert (job.vae, job.subseed, job.subseed_strength, job.tiling) == (None, None, None, False)
    assert (job.clip_skip, job.checkpoint, job.override_settings) == (2, None, {})


@pytest.mark.parametrize(("change", "is_excused"), [(0.002, True), (0.3, False)])
def test_only_small_differences_are_put_down_to_jpeg(tmp_path, change, is_excused):
    then = np.full((32, 32, 3), 0.5, np.float32)
    files.save(tmp_path / "then.jpg", then)

    (difference,) = pixel_differences(tmp_path / "then.jpg", then + np.float32(change + 0.003))

    assert ("by themselves" in difference.words) == is_excused


def test_a_shot_is_replayed_with_the_seed_that_was_used_and_without_retries(tmp_path):
    asked = Shot(photo=tmp_path / "mug.jpg", prompt="a table", seed=7)
    asked = asked.model_copy(update={"recipe": asked.recipe.model_copy(update={"tries": 5})})
    story = {"kind": "shot", "asked": asked.story(), "sent": {"seed": 99}}

    shot, changed = shot_again(
        RecordedShot(story, tmp_path / "a.png"), {"photo": tmp_path / "mug.jpg"}, output=None
    )

    assert (shot.seed, shot.recipe.tries, changed) == (99, 1, [])


def test_a_replay_is_callable_from_python_and_stays_in_memory(tmp_path):
    files.save(
        tmp_path / "then.png", np.zeros((64, 64, 3), np.float32), text={"parameters": f"a table\n{LINE}"}
    )

    made = replay(tmp_path / "then.png", backend="embedded://")

    assert made.path is None
    assert made.image.shape == (64, 64, 3)
    assert made.as_dict()["differences"] == [str(difference) for difference in made.differences]
    assert [path.name for path in tmp_path.iterdir()] == ["then.png"]
