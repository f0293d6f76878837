"""Views in words: what a user may say, what a backend is told, and what a prompt names."""

from __future__ import annotations

import pytest

from prodgen.errors import SettingError
from prodgen.pose import View, check_pose, read_words, words


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("auto", "auto"),
        (" Upright ", "upright"),
        ("FLAT", "flat"),
        ("35", 35.0),
        ("35°", 35.0),
        (0, 0.0),
        ("90deg", 90),
    ],
)
def test_a_pose_is_a_word_or_an_angle(said, meant):
    assert check_pose(said) == meant


@pytest.mark.parametrize("said", ["", "sideways", "-1", "91", "nan", "inf", True, None])
def test_another_pose_is_refused_with_what_is_possible(said):
    with pytest.raises(SettingError, match="auto, upright, flat, or the angle"):
        check_pose(said)


@pytest.mark.parametrize(
    "view",
    [View(3.0), View(17.0), View(40.0), View(70.0), View(88.0, lies_flat=True), View(32.0, lies_flat=True)],
)
def test_a_renderer_reads_the_very_view_that_it_is_told(view):
    prompt = f"on linen, {words(view, with_degrees=True)}"

    read, rest = read_words(prompt)

    assert read == view
    assert "camera" not in rest
    assert "above" not in rest


def test_the_usual_view_needs_no_words_for_a_diffusion_model():
    assert words(View(18.0)) == ""
    assert "flat lay" in words(View(85.0, lies_flat=True))
    assert "eye level" in words(View(3.0))
    assert "high angle" in words(View(45.0))


@pytest.mark.parametrize(
    ("prompt", "pitch"),
    [
        ("flat lay on linen", 90.0),
        ("mug, Top-Down view, marble", 90.0),
        ("knolling, tools", 90.0),
        ("a bag seen from above on sand", 90.0),
        ("high angle shot of a table", 45.0),
        ("at eye level on a shelf", 5.0),
        ("flat lay, camera pitch 72 degrees", 72.0),
    ],
)
def test_a_prompt_names_its_view(prompt, pitch):
    view, _ = read_words(prompt)

    assert view is not None
    assert view.pitch_deg == pitch


@pytest.mark.parametrize(
    "prompt", ["", "on an oak table, light from above left", "a level floor", "flat matte wall"]
)
def test_a_prompt_that_names_no_view_stays_as_it_is(prompt):
    assert read_words(prompt) == (None, prompt)
