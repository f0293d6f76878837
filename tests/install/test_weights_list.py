"""The list of weights that prodgen ships, and what its reader refuses."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from prodgen.weights import UnknownWeightError, WeightsListError, read_list
from prodgen.weights.manifest import choose

ENTRY = """
schema = 1
[[weights]]
name = "a"
title = "a"
file = "Lora/a.safetensors"
kind = "safetensors"
sha256 = "unverified"
default = true
licence = "MIT"
licence_url = "https://example.org"
commercial = "yes"
sources = [{ url = "https://example.org/a" }]
"""


@pytest.fixture
def refusal(tmp_path):
    """The message with which a list is refused."""

    def read(text: str) -> str:
        path = tmp_path / "list.toml"
        path.write_text(text)
        with pytest.raises(WeightsListError) as caught:
            read_list(path)
        return str(caught.value)

    return read


def test_every_address_in_the_list_is_well_formed():
    for weight in read_list():
        for url in [weight.licence_url, *(source.url for source in weight.sources)]:
            parts = urlsplit(url)
            assert parts.scheme == "https", url
            assert "." in parts.hostname, url
            assert not set(url) & set(" <>\"'"), url


def test_no_file_of_the_default_set_forbids_commercial_use():
    default = [weight for weight in read_list() if weight.default]

    assert len(default) >= 8
    assert all(weight.commercial != "no" for weight in default)


def test_every_stage_that_needs_a_model_has_one_in_the_default_set():
    stages = {stage for weight in read_list() if weight.default for stage in weight.stages}

    assert stages == {"relight", "background", "ground", "upscale", "segment"}


def test_a_known_hash_says_where_it_was_read_and_has_a_size_beside_it():
    for weight in read_list():
        if weight.verified:
            assert weight.hash_from, weight.name
        if weight.sha256_is_known:
            assert weight.size, weight.name


def test_the_list_at_the_top_is_the_list_in_the_package(root):
    assert (root / "weights.toml").read_text() == (root / "prodgen/weights/weights.toml").read_text()


def test_a_name_an_alias_and_a_file_name_all_find_a_weight():
    found = choose(read_list(), ["ic-light-fc", "IC-Light.SD15.FC", "iclight_sd15_fc_unet_ldm"])

    assert [weight.name for weight in found] == ["iclight-fc"]


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UnknownWeightError, match="ic-light-fbc"):
        choose(read_list(), ["ic-light-fbcc"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("schema = 1", "schema = 2", "schema = 1"),
        ('title = "a"', "", "title missing"),
        ('title = "a"', 'titel = "a"\ntitle = "a"', "unknown key 'titel'"),
        ('sha256 = "unverified"', 'sha256 = "abc"', "64 lower-case hex digits"),
        ('sha256 = "unverified"', f'sha256 = "{"0" * 64}"', "where the hash was read"),
        ("Lora/a.safetensors", "../a.safetensors", "plain path below the models folder"),
        ("Lora/a.safetensors", "/etc/a.safetensors", "plain path below the models folder"),
        ('commercial = "yes"', 'commercial = "no"', "must not be in the default set"),
        ('commercial = "yes"', 'commercial = "maybe"', "commercial must be one of"),
        ("https://example.org/a", "http://example.org/a", "is not an https address"),
        ("https://example.org/a", "https://example.org/a?token=secret", "a token does not belong"),
        ("https://example.org/a", "example.org/a", "is not an https address"),
        ('sources = [{ url = "https://example.org/a" }]', "sources = []", "at least one source"),
        ('kind = "safetensors"', 'kind = "zip"', "kind must be one of"),
        ("schema = 1", "schema = = 1", "not valid TOML"),
    ],
)
def test_a_list_that_says_something_wrong_is_refused(refusal, old, new, said):
    assert old in ENTRY
    assert said in refusal(ENTRY.replace(old, new))


def test_two_entries_of_one_name_are_refused(refusal):
    assert "twice" in refusal(ENTRY + ENTRY.replace("schema = 1", ""))
