"""Lines of the command line, run in this process."""

from __future__ import annotations

from click.testing import CliRunner

from prodgen.cli import main

from .fake_comfy import FakeComfy


def typed(*words: object) -> tuple[int, str]:
    """Run `prodgen WORDS`; return the exit status and what was printed."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.output


def well_typed(*words: object) -> str:
    """Run a line that must end well; return what was printed."""
    code, told = typed(*words)
    assert code == 0, told
    return told


def address_of(comfy: FakeComfy) -> str:
    return comfy.address.replace("http", "comfy", 1)
