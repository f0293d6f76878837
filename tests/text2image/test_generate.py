"""`prodgen.generate`: pictures from words, as one call."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from prodgen import files, provenance
from prodgen.client import Client
from prodgen.errors import SettingError
from prodgen.text2image import PictureJob, generate
from prodgen.text2image.generating import GenerateSettings

SMALL = {"size": "64x64", "backend": "embedded://"}


def test_words_alone_give_a_picture_that_can_be_saved(tmp_path):
    picture = generate("a table", **SMALL)

    saved = picture.save(tmp_path / "a.png")

    assert saved.path == tmp_path / "a.png"
    np.testing.assert_array_equal(files.load(saved.path).rgb, files.load(picture._repr_png_()).rgb)
    assert provenance.read_story(files.read_text(saved.path))["seed"] == picture.seed


def test_a_seed_draws_the_same_picture_again():
    one, same, other = (generate("a table", seed=seed, **SMALL).image for seed in (7, 7, 8))

    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_count_gives_a_list_and_each_file_has_its_seed_in_its_name(tmp_path):
    pictures = generate("a {oak|marble} table", count=2, seed=3, output=tmp_path / "table.png", **SMALL)

    assert [picture.seed for picture in pictures] == [3, 4]
    assert [picture.path.name for picture in pictures] == ["table-3.png", "table-4.png"]


def test_a_count_of_one_is_a_list_too():
    assert len(generate("a table", count=1, **SMALL)) == 1


def test_upscale_enlarges_beyond_the_size():
    picture = generate("a table", upscale="2.5", **SMALL)

    assert picture.image.shape == (160, 160, 3)
    assert picture.planned.request.width == 64


def test_no_upscaler_means_interpolation_without_a_word():
    picture = generate("a table", upscale="2", upscaler="none", **SMALL)

    assert picture.image.shape == (128, 128, 3)
    assert not any("upscaler" in notice for notice in picture.notices)


def test_a_client_of_the_callers_stays_open():
    with Client("embedded://") as client:
        generate("a table", size="64x64", backend=client)

        assert client.capabilities


@pytest.mark.parametrize(("settings", "reason"), [({"steps": 0}, "steps"), ({"size": "9x9"}, "size")])
def test_a_wrong_setting_is_refused_by_name(settings, reason):
    with pytest.raises(SettingError, match=reason):
        generate("a table", backend="embedded://", **settings)


def test_every_parameter_is_typed_and_is_a_setting_of_a_job():
    signature = inspect.signature(generate).parameters
    where = {"output", "backend", "dialect", "on_progress"}

    assert {"prompt", "count", *GenerateSettings.__annotations__} == set(signature)
    assert set(signature) - where <= set(PictureJob.model_fields)
    assert all(parameter.kind is not parameter.VAR_KEYWORD for parameter in signature.values())
