"""What is wrong with a value is one plain sentence: which setting, what was given, what is possible."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from prodgen.errors import SettingError, UnknownNameError, WrongValueError
from prodgen.refusals import CheckedValue


class Everything(CheckedValue):
    """One field of each kind."""

    fill: float = Field(default=0.5, ge=0.05, le=1)
    steps: int = Field(default=1, ge=1)
    factor: float = Field(default=1, gt=0)
    side: int = Field(default=64, multiple_of=8)
    words: str = Field(default="", max_length=10)
    name: str = Field(default="a", min_length=1)
    seed: int = Field(default=1, ge=0, le=2**32 - 1)
    profile: Literal["editorial", "catalogue"] = "editorial"
    enlarge: bool = False
    path: Path = Path()
    box: tuple[int, int, int, int] | None = None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"fill": 3}, "fill must be from 0.05 to 1, not 3"),
        ({"fill": float("nan")}, "fill must be a number, not nan"),
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"steps": 1.5}, "steps must be a whole number, not 1.5"),
        ({"steps": "many"}, "steps must be a whole number, not 'many'"),
        ({"factor": 0}, "factor must be more than 0, not 0"),
        ({"side": 65}, "side must be a multiple of 8, not 65"),
        ({"words": "a" * 9000}, f"words must have at most 10 characters, not '{'a' * 56}..."),
        ({"name": ""}, "name must not be empty"),
        ({"seed": 2**32}, "seed must be from 0 to 4294967295, not 4294967296"),
        ("nonsense", "Everything must be a table of settings, not 'nonsense'"),
        ({"profile": "strict"}, "profile must be 'editorial' or 'catalogue', not 'strict'"),
        ({"enlarge": "perhaps"}, "enlarge must be true or false, not 'perhaps'"),
        ({"path": 3}, "path must be a path, not 3"),
        ({"box": 3}, "box must be a list, not 3"),
        ({"box": (1, 2, 3)}, "box must have more than 3 values"),
        ({"seed": -1}, "seed must be from 0 to 4294967295, not -1"),
        ({"stesp": 3}, "unknown setting 'stesp'; did you mean 'steps'?"),
    ],
)
def test_a_wrong_value_is_refused_in_our_words(fields, sentence):
    with pytest.raises(SettingError) as caught:
        Everything.model_validate(fields)

    assert str(caught.value) == sentence


def test_every_fault_of_a_value_is_said():
    with pytest.raises(SettingError) as caught:
        Everything(steps=0, fill=3)

    assert str(caught.value) == "fill must be from 0.05 to 1, not 3; steps must be at least 1, not 0"


def test_a_refusal_carries_its_facts_across_processes():
    with pytest.raises(WrongValueError) as caught:
        Everything(steps=0)

    error = pickle.loads(pickle.dumps(caught.value))

    assert (error.setting, error.value, error.reason) == ("steps", 0, "must be at least 1")


def test_an_unknown_setting_knows_what_there_is():
    with pytest.raises(UnknownNameError) as caught:
        Everything.model_validate({"what": 1})

    assert set(caught.value.known) == set(Everything.model_fields)
