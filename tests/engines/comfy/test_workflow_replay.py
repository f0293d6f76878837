"""A picture of a workflow of one's own tells how it was made, and `prodgen replay` makes it again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from prodgen import files, provenance

from .drawn_orders import recorded_workflow
from .fake_comfy import FakeComfy
from .graph_painter import GraphPainter
from .typed_commands import address_of, typed, well_typed


@pytest.fixture
def there(comfy: FakeComfy) -> tuple[str, str]:
    GraphPainter(comfy).install()
    return "--backend", address_of(comfy)


@pytest.fixture
def drawn(there: tuple[str, str], tmp_path: Path) -> Path:
    """A picture that a workflow made of another picture."""
    (tmp_path / "w.json").write_text(json.dumps(recorded_workflow("a-img2img")["prompt"]), "utf-8")
    files.save(tmp_path / "photo.png", np.full((64, 64, 3), 0.3, np.float32))
    words = ("--workflow", tmp_path / "w.json", "--image", tmp_path / "photo.png", "--prompt", "a cup")
    values = ("--set", "sampler.denoise=0.5", "--seed", 2**64 - 1)
    well_typed("generate", *words, *values, *there, "-o", tmp_path / "drawn.png")
    return tmp_path / "drawn.png"


def test_it_is_the_same_to_the_bit_without_the_workflows_file(comfy, there, drawn):
    drawn.with_name("w.json").unlink()

    told = well_typed("replay", drawn, *there)

    assert "to the bit" in told
    first, second = comfy.sent
    for graph in (first, second):
        del graph["save"]["inputs"]["filename_prefix"]  # each picture's own
    assert first == second
    assert second["sampler"]["inputs"]["seed"] == 2**64 - 1
    again = drawn.with_name("drawn-replayed.png")
    assert provenance.read_story(files.read_text(again))["kind"] == "workflow"


def test_the_picture_that_went_in_is_named_where_it_is_missing_or_another(there, drawn):
    files.save(drawn.with_name("photo.png"), np.full((64, 64, 3), 0.9, np.float32))
    code, told = typed("replay", drawn, *there)
    assert code == 1
    assert "is not the picture of that name" in told

    drawn.with_name("photo.png").unlink()
    code, told = typed("replay", drawn, *there)
    assert code == 1
    assert "'photo.png': put it beside" in told


def test_the_story_names_no_folder_and_holds_no_picture(drawn):
    story = json.dumps(provenance.read_story(files.read_text(drawn)))

    assert str(drawn.parent) not in story
    assert '"photo.png"' in story
    assert len(story) < 5000


def test_another_backend_says_what_it_needs(drawn):
    code, told = typed("replay", drawn, "--backend", "embedded://")

    assert code == 1
    assert "comfy://host:8188" in told


def test_options_of_other_pictures_are_refused(there, drawn):
    code, told = typed("replay", drawn, "--photo", drawn, *there)

    assert code == 1
    assert "a workflow drew the picture" in told


@pytest.mark.parametrize("part", ["graph", "set", "pictures", "settings"])
def test_a_damaged_story_is_one_sentence(there, drawn, part):
    chunks = files.read_text(drawn)
    story = provenance.read_story(chunks)
    story[part] = 7
    text = provenance.text_chunks(story, infotext="", source_type=provenance.TRAINED_MEDIA)
    files.save(drawn, files.load(drawn).rgb, text=text)

    code, told = typed("replay", drawn, *there)

    assert code == 1
    assert "damaged" in told


def test_a_story_cannot_name_a_folder(there, drawn, tmp_path):
    story = provenance.read_story(files.read_text(drawn))
    ((_, digest),) = story["pictures"].values()
    (tmp_path / "elsewhere").mkdir()
    drawn.with_name("photo.png").rename(tmp_path / "elsewhere" / "photo.png")
    story["pictures"] = {"": [str(tmp_path / "elsewhere" / "photo.png"), digest]}
    text = provenance.text_chunks(story, infotext="", source_type=provenance.TRAINED_MEDIA)
    files.save(drawn, files.load(drawn).rgb, text=text)

    code, told = typed("replay", drawn, *there)

    assert code == 1
    assert "'photo.png': put it beside" in told
