"""The documentation does what it says: its Python runs, its links lead somewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from prodgen.cli.reference import reference

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)


def test_the_command_reference_is_up_to_date(root):
    assert (root / "docs" / "commands.md").read_text("utf-8") == reference()


@pytest.mark.timeout(300)  # README draws five pictures at full size
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_the_docs_runs(page, root, monkeypatch, tmp_path):
    (tmp_path / "examples").symlink_to(root / "examples")
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_to_files(page):
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} points to {target}, which is not there"


def test_the_layers_on_the_map_are_those_that_are_checked(root):
    contracts = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["name"] == "imports go one way")
    drawn = (root / "docs" / "design.md").read_text("utf-8").split("## Layers")[1].split("\n## ")[0]

    lines = re.findall(r"^    (\w+(?: \| \w+)*)", drawn, flags=re.MULTILINE)
    assert lines == [layer for layer in layers if not layer.startswith("(")]


@pytest.mark.filterwarnings("default")
def test_the_notebook_runs(root, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(root / "examples" / "quickstart.ipynb", as_version=4)

    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(root / "examples")}}).execute()
