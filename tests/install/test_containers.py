"""The compose file, the Dockerfiles, and what runs inside them, as far as that goes without an engine.

`compose-spec.schema.json` is the Compose Specification's own schema (Apache-2.0), as the compose-spec project
publishes it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import jsonschema
import pytest

from prodgen.cli import main
from prodgen.weights import read_list

ROOT = Path(__file__).parents[2]
BASE_IMAGE = re.compile(r"docker\.io/library/python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}")
PROFILES = ["cpu", "gpu", "engine", "comfy", "weights", "cli", "cluster"]

yaml = pytest.importorskip("yaml", reason="reading the compose file needs PyYAML: pip install '.[dev]'")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file, with its variables left as they are."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def with_defaults(value: Any) -> Any:
    """Put each variable's default in its place, as compose does without an .env file."""
    if isinstance(value, str):
        return re.sub(r"\$\{\w+(?::-([^}]*))?\}", lambda match: match.group(1) or "", value)
    if isinstance(value, dict):
        return {key: with_defaults(inner) for key, inner in value.items()}
    return [with_defaults(inner) for inner in value] if isinstance(value, list) else value


def test_the_compose_file_fits_the_compose_specification(compose):
    schema = json.loads((Path(__file__).parent / "compose-spec.schema.json").read_text())

    jsonschema.validate(with_defaults(compose), schema)


@pytest.mark.parametrize("profile", PROFILES)
def test_docker_itself_accepts_the_compose_file(profile):
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker compose is not on this machine; the schema is checked all the same")

    result = subprocess.run(
        [docker, "compose", "--project-directory", ROOT, "--profile", profile, "config", "--quiet"],
        capture_output=True,
        text=True,
    )

    assert result.returncode == 0, result.stderr


def test_every_service_has_a_profile_so_that_nothing_starts_by_accident(compose):
    assert {name: service["profiles"] for name, service in compose["services"].items()} == {
        "embedded": ["cpu"],
        "engine": ["engine"],
        "comfy": ["comfy"],
        "backend": ["gpu"],
        "weights": ["weights"],
        "cli": ["cli"],
        "scheduler": ["cluster"],
        "worker": ["cluster"],
        "coordinator": ["cluster"],
    }


def test_the_cluster_runs_a_catalogue_with_commands_that_prodgen_has_on_one_folder(compose):
    services = with_defaults(compose)["services"]
    scheduler, worker, coordinator = (services[name] for name in ("scheduler", "worker", "coordinator"))
    address = f"tcp://scheduler:{scheduler['command'][scheduler['command'].index('--port') + 1]}"

    for service in (worker, coordinator):
        assert service["entrypoint"] == ["prodgen"]
        command = main.get_command(click.Context(main), service["command"][0])
        options = command.make_context(service["command"][0], list(service["command"][1:])).params
        assert address in (options.get("scheduler"), options.get("cluster"))
        assert service["image"] == scheduler["image"]  # with Dask, and of one version
        assert ".:/pictures" in service["volumes"]
    assert worker["deploy"]["replicas"] == 2
    assert "ports" not in coordinator or not coordinator["ports"]


def test_no_variable_is_required_or_one_profile_would_break_the_others(compose):
    text = (ROOT / "docker-compose.yml").read_text()

    assert not re.search(r"\$\{\w+:?\?", text)
    assert all(":-" in variable for variable in re.findall(r"\$\{[^}]*\}", text))


def test_every_port_is_published_on_loopback_only(compose):
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]

    assert len(ports) == 6
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_what_uses_a_backend_reaches_it_by_its_name_on_the_compose_network(compose):
    services = with_defaults(compose)["services"]

    for name in ("cli", "worker"):
        host = urlsplit(services[name]["environment"]["PRODGEN_BACKEND"]).hostname
        assert host == "backend", name  # not the published port: that is on the host's loopback
    assert host in services
    for name in ("embedded", "engine", "comfy"):
        assert host in services[name]["networks"]["default"]["aliases"], name
    example = (ROOT / ".env.example").read_text()
    assert f"\nPRODGEN_BACKEND=http://{host}:7860\n" in example


def test_the_password_that_a_server_has_by_default_is_the_one_that_is_sent_to_it(compose):
    services = with_defaults(compose)["services"]

    served = {services[name]["environment"]["PRODGEN_SERVE_AUTH"] for name in ("embedded", "engine", "comfy")}
    assert {services[name]["environment"]["PRODGEN_AUTH"] for name in ("cli", "worker")} == served


def test_the_networks_that_were_downloaded_are_seen_by_what_cuts_out(compose):
    (weight,) = [weight for weight in read_list() if weight.name == "isnet-general-use"]

    for name in ("cli", "worker"):
        service = compose["services"][name]
        assert "models:/models" in service["volumes"], name
        assert service["environment"]["U2NET_HOME"] == f"/models/{weight.file.rpartition('/')[0]}"


def test_every_service_is_limited_and_not_root(compose):
    for name, service in compose["services"].items():
        assert "mem_limit" in service, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not with_defaults(service["user"]).startswith(("0", "root")), name
        assert "restart" in service, name


def test_the_gpu_servers_have_a_gpu_the_models_volume_and_a_health_check(compose):
    backend, engine = compose["services"]["backend"], compose["services"]["engine"]

    for service in (backend, engine):
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert "models:/models" in engine["volumes"]
    assert engine["healthcheck"]["test"] == compose["services"]["embedded"]["healthcheck"]["test"]
    assert "models:/srv/backend/webui/models" in backend["volumes"]
    assert "shm_size" in backend
    assert backend["healthcheck"]["test"][-1] == "/srv/backend/healthcheck.py"


def test_everything_the_compose_file_names_exists(compose):
    for service in compose["services"].values():
        build = service["build"]
        assert (ROOT / build["dockerfile"]).is_file()
        assert (ROOT / "deploy" / build["args"].get("LOCK", "requirements.lock")).is_file()
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert source in compose["volumes"] or (ROOT / source).exists()


def test_the_base_image_is_the_same_digest_everywhere(compose):
    dockerfiles = [path.read_text() for path in sorted((ROOT / "deploy").glob("*.Dockerfile"))]
    named = {match for text in [*dockerfiles, json.dumps(compose)] for match in BASE_IMAGE.findall(text)}

    assert len(dockerfiles) == 2
    assert len(named) == 1
    assert all(BASE_IMAGE.search(text) for text in dockerfiles)


@pytest.mark.parametrize("name", ["prodgen", "backend"])
def test_an_image_is_built_in_stages_and_runs_as_a_user(name):
    text = (ROOT / f"deploy/{name}.Dockerfile").read_text()

    stages = re.findall(r"^FROM (.*)$", text, re.MULTILINE)
    assert stages == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE)[-1] == "1000"
    assert "org.opencontainers.image.licenses" in text


@pytest.mark.parametrize("name", ["prodgen", "backend"])
def test_everything_an_image_copies_is_let_through_to_the_builder(name):
    text = (ROOT / f"deploy/{name}.Dockerfile").read_text()
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }

    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        for source in [word for word in line.split()[:-1] if not word.startswith("--")]:
            path = source.replace("${LOCK}", "requirements.lock")
            assert (ROOT / path).exists(), path
            assert path.split("/")[0] in let_through, path


@pytest.mark.parametrize("name", ["requirements", "requirements-cluster", "requirements-engine"])
def test_every_locked_package_has_its_version_and_hashes(name):
    text = (ROOT / f"deploy/{name}.lock").read_text()
    packages = re.split(r"\n(?=\S)", text.strip())

    assert all(re.match(r"[\w.-]+(\[\w+\])?==\S+ ", package) for package in packages)
    assert all("--hash=sha256:" in package for package in packages)


def test_the_lock_has_every_dependency_of_the_project():
    project = (ROOT / "pyproject.toml").read_text()
    listed = project.split("\ndependencies = [")[1].split("]")[0]
    locked = (ROOT / "deploy/requirements.lock").read_text()

    for name in re.findall(r'"([\w.-]+)', listed):
        assert f"\n{name}==" in f"\n{locked}", (
            f"{name} is not in deploy/requirements.lock: deploy/README.md says how to renew it"
        )


@pytest.mark.parametrize(
    ("image", "extras"), [("cluster", ("cluster", "objectstore")), ("engine", ("engine", "comfy"))]
)
def test_an_image_with_more_in_it_has_what_the_extras_of_pyproject_ask_for(image, extras):
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lines = (ROOT / f"deploy/{image}.in").read_text().splitlines()[1:]
    wanted = [line for line in lines if "#" not in line]  # the others hold a version back, and say why
    locked = (ROOT / f"deploy/requirements-{image}.lock").read_text()

    assert wanted == [package for extra in extras for package in known[extra]]
    for line in wanted:
        assert f"\n{re.split('[<>=]', line)[0]}==" in locked


def test_the_dockerfiles_pass_hadolint():
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint is not installed: pip install '.[dev]'")

    result = subprocess.run(
        [hadolint, *sorted((ROOT / "deploy").glob("*.Dockerfile"))], capture_output=True, text=True
    )

    assert result.returncode == 0, result.stdout


def test_the_scripts_pass_shellcheck():
    shellcheck = Path(sys.executable).with_name("shellcheck")
    if not shellcheck.exists():
        pytest.skip("shellcheck is not installed: pip install '.[dev]'")
    scripts = [*ROOT.glob("*.sh"), *(ROOT / "deploy").glob("*.sh")]

    result = subprocess.run([shellcheck, "-x", *scripts], capture_output=True, text=True, cwd=ROOT)

    assert len(scripts) >= 8
    assert result.returncode == 0, result.stdout


def test_every_variable_of_the_compose_file_is_explained_in_the_example():
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    explained = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    internal = {"PRODGEN_TAG", "PRODGEN_SCHEDULER_PORT", "PRODGEN_DASHBOARD_PORT"}

    assert used - internal == explained


@pytest.mark.parametrize("answer", ["sha256:" + "a" * 64, "error: denied"])
def test_pinning_writes_a_digest_and_nothing_else(tmp_path, answer):
    (tmp_path / "docker").write_text(f"#!/bin/sh\necho '{answer}'\n")
    (tmp_path / "docker").chmod(0o755)
    env = tmp_path / ".env"
    env.write_text("PRODGEN_AUTH=a:b\nPYTHON_IMAGE=old\n")

    result = subprocess.run(
        [ROOT / "deploy/pin_images.sh", env],
        capture_output=True,
        text=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )

    if answer.startswith("sha256"):
        assert BASE_IMAGE.search(env.read_text())
        assert "PRODGEN_AUTH=a:b" in env.read_text()
        assert "old" not in env.read_text()
    else:
        assert result.returncode == 1
        assert env.read_text() == "PRODGEN_AUTH=a:b\nPYTHON_IMAGE=old\n"


def test_the_folder_s_page_names_every_file_in_it():
    page = (ROOT / "deploy/README.md").read_text()
    names = [
        path.name for path in (ROOT / "deploy").iterdir() if path.name not in ("README.md", "__pycache__")
    ]

    assert [name for name in names if f"`{name}`" not in page] == []


def test_every_path_of_the_folder_that_is_named_somewhere_is_there():
    texts = [
        *(path for path in ROOT.glob("*.*") if path.suffix in (".md", ".toml", ".yml", ".sh", ".py")),
        ROOT / ".dockerignore",
        ROOT / ".env.example",
        ROOT / "Makefile",
        *(ROOT / "docs").glob("*.md"),
        *(path for path in (ROOT / "deploy").rglob("*") if path.is_file() and path.suffix != ".pyc"),
    ]
    named = {
        match.rstrip(".")
        for path in texts
        if path.is_file()
        for match in re.findall(r"(?<![\w/.-])deploy/([\w./-]+)", path.read_text("utf-8"))
    }

    assert len(named) > 5
    assert [name for name in sorted(named) if not (ROOT / "deploy" / name).exists()] == []


def test_no_password_or_address_with_one_is_on_a_command_line(compose: dict[str, Any]):
    secrets = ("PRODGEN_AUTH", "PRODGEN_COMFY", "HF_TOKEN", "CIVITAI_TOKEN")

    for name, service in compose["services"].items():
        line = json.dumps([service.get("command"), service.get("entrypoint")])
        assert not [secret for secret in secrets if secret in line], name
    assert "PRODGEN_COMFY" in compose["services"]["comfy"]["environment"]["PRODGEN_SERVE_ENGINE"]
