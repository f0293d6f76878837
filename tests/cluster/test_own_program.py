"""The workers that a run starts on its own machine are this prodgen, wherever the user stands."""

from __future__ import annotations

import subprocess
from pathlib import Path

from prodgen.cluster.worker_machines import own_program


def test_no_file_of_the_folder_where_the_user_stands_is_run(tmp_path: Path):
    for name in ("h2.py", "prodgen.py", "click.py"):
        (tmp_path / name).write_text("raise SystemExit('a file of the folder was run')")

    found = subprocess.run(
        [*own_program(), "worker", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert found.returncode == 0, found.stderr
    assert "--scheduler" in found.stdout
