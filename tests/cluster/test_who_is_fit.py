"""What is found out of a cluster before a run begins, and said in one sentence."""

from __future__ import annotations

import builtins
from pathlib import Path

import pytest
from click.testing import CliRunner

from prodgen.cli import main
from prodgen.cluster import errand, open_cluster
from prodgen.errors import ClusterError, SettingError
from prodgen.storage import open_store

pytestmark = pytest.mark.timeout(180)  # each test starts three processes, which import all of prodgen


def opened(address, out, photo=None):
    return open_cluster(address, outputs=open_store(out), make_place=print, photo=photo)


def test_a_worker_with_other_versions_is_refused_with_both(farm, tmp_path, monkeypatch):
    farm.scheduler()
    farm.worker("old")
    farm.wait_until_said(1, "joined")
    monkeypatch.setattr(errand, "__version__", "99.0")

    with pytest.raises(ClusterError) as caught, opened(farm.address, tmp_path):
        pass

    assert "worker 'old' has other versions" in str(caught.value)
    assert "there, 99.0 here" in str(caught.value)


def test_a_worker_that_does_not_see_output_or_photographs_is_refused(farm, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)
    farm.scheduler()
    farm.worker("far", cwd=elsewhere)
    farm.wait_until_said(1, "joined")
    Path("mug.jpg").write_bytes(b"pixels")

    # Relative paths mean another folder there, as on a machine where nothing is mounted.
    with (
        pytest.raises(ClusterError, match="worker 'far' does not see the output 'out'"),
        opened(farm.address, "out"),
    ):
        pass
    with (
        pytest.raises(ClusterError, match=r"worker 'far' cannot read the photograph 'mug\.jpg'"),
        opened(farm.address, tmp_path / "out", "mug.jpg"),
    ):
        pass

    assert list(Path("out").iterdir()) == []
    assert list((tmp_path / "out").iterdir()) == []


def test_where_no_scheduler_is_that_is_said_with_the_remedy(farm, tmp_path, monkeypatch):
    monkeypatch.setattr("prodgen.cluster.worker_machines.CONNECT_S", 0.5)

    with pytest.raises(ClusterError, match="start one with: dask scheduler"), opened(farm.address, tmp_path):
        pass


@pytest.mark.parametrize("address", ["local:", "local:0", "local:many", "local:1000"])
def test_a_wrong_number_of_local_workers_is_refused(address, tmp_path):
    with pytest.raises(SettingError, match="local:N"), opened(address, tmp_path):
        pass


def test_without_dask_the_remedy_is_said(tmp_path, monkeypatch):
    real = builtins.__import__

    def without_dask(name, *arguments, **named):
        if name == "distributed":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without_dask)

    with pytest.raises(SettingError, match=r"pip install 'prodgen\[cluster\]'"), opened("local:1", tmp_path):
        pass
    result = CliRunner().invoke(main, ["worker", "--scheduler", "tcp://127.0.0.1:1"])
    assert result.exit_code == 1
    assert "pip install 'prodgen[cluster]'" in result.stderr


def test_two_workers_cannot_have_one_name(farm):
    farm.scheduler()
    farm.worker("a")
    farm.wait_until_said(1, "joined")

    second = farm.worker("a")

    assert second.wait(90) == 1, farm.said(2)
    assert "has a worker named 'a' already; give another --name" in farm.said(2)
    assert "Traceback" not in farm.said(2)


def test_a_worker_waits_for_its_scheduler_and_ends_at_once_when_it_is_told_to(farm):
    worker = farm.worker("early")
    farm.wait_until_said(0, "it is asked again")
    farm.scheduler()
    farm.wait_until_said(0, "joined")

    worker.terminate()

    assert worker.wait(60) == 0
    assert "Traceback" not in farm.said(0)


def test_workers_on_this_machine_are_started_and_end_with_the_run(farm, shop):
    products = shop(6)

    events = products.go("local:2")

    assert products.is_whole(events)
    pids = {int(line.split()[1]) for line in (products.out / "drawn").read_text().splitlines()}
    assert len(pids) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
