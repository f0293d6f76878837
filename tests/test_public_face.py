"""What `import prodgen` offers: everything by name, completed, documented, typed, and loaded when used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import prodgen
from prodgen import errors

CALLS = ("shoot", "shoot_all", "generate", "cut_out", "inspect", "replay", "load", "save", "new_shot")

FACE = Path(prodgen.__file__)


@pytest.mark.parametrize("name", prodgen.__all__)
def test_every_public_name_is_there_with_help(name):
    thing = getattr(prodgen, name)

    assert thing.__doc__
    assert callable(thing)


def test_completion_finds_every_public_name_and_nothing_else():
    assert set(dir(prodgen)) == {*prodgen.__all__, "__version__"}


def test_what_the_product_does_is_called_from_the_top():
    assert {*CALLS, "Client", "Recipe", "Light", "Lora", "Photo", "Result"} <= set(prodgen.__all__)


def test_every_error_is_at_the_top():
    kinds = {
        name
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, errors.ProdgenError)
    }

    assert kinds <= set(prodgen.__all__)


def test_a_type_checker_sees_what_the_interpreter_loads():
    (checked,) = (
        node
        for node in ast.parse(FACE.read_text("utf-8")).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name)
    )
    seen = {alias.name: node.module for node in checked.body for alias in node.names}

    assert sorted(seen) == sorted(prodgen.__all__)
    assert seen == {
        name: f"prodgen.{home}" for home, names in prodgen._HOMES.items() for name in names.split()
    }


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'shooot'"):
        prodgen.shooot  # noqa: B018


def test_importing_prodgen_loads_none_of_its_rooms_and_no_library():
    code = "import sys; before = set(sys.modules); import prodgen; print(*set(sys.modules) - before)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("prodgen")} <= {"prodgen", "prodgen._version"}
    assert not loaded & {"numpy", "cv2", "PIL", "pydantic", "httpx", "click", "importlib.metadata"}


@pytest.mark.parametrize(
    ("name", "verdict"), [("shoot", ""), ("shooot", 'Module "prodgen" has no attribute "shooot"')]
)
def test_a_misspelt_import_fails_under_a_type_checker(tmp_path, name, verdict):
    program = tmp_path / "program.py"
    program.write_text(f"from prodgen import {name}\n\nprint({name})\n")
    # The rooms are left out for speed: what is asked is which names the face has.
    options = [
        "--follow-imports=skip",
        "--ignore-missing-imports",
        "--config-file=",
        f"--cache-dir={tmp_path / 'cache'}",
    ]

    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(FACE), str(program)], capture_output=True, text=True
    )

    assert verdict in done.stdout
    assert (done.returncode == 0) is (verdict == "")
