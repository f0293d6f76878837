"""Stands in for `docker compose`: reads the compose file as it does, and runs the services as processes.

What a service is told comes from the compose file and the Dockerfile that it names, and from nowhere
else: its command, its environment after .env was put in, its volumes, its names on the network, its
signal to stop. Paths of the container lie below the project or its state; STAND_IN_IMAGES says where what
an image ships lies.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROGRAMS = {
    "prodgen": [sys.executable, "-m", "prodgen"],
    "dask": [sys.executable, "-m", "dask"],
    "python": [sys.executable],
    "bash": ["bash"],
}
GRACE_S = 10.0
"""Seconds until a container that was asked to stop is killed, where the compose file says nothing else."""

STATE = Path("state")


def interpolate(value: Any, variables: dict[str, str]) -> Any:
    """Put variables in their places; after `:-` is what stands for one that is unset or empty."""
    if isinstance(value, str):
        replaced = re.sub(
            r"\$\{(\w+)(?::-([^}]*))?\}", lambda found: variables.get(found[1]) or found[2] or "", value
        )
        return replaced.replace("$$", "$")
    if isinstance(value, dict):
        return {key: interpolate(inner, variables) for key, inner in value.items()}
    return [interpolate(inner, variables) for inner in value] if isinstance(value, list) else value


def read_variables(path: Path) -> dict[str, str]:
    """Return what an .env file sets."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#")]
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs}


def last_stage(dockerfile: Path) -> dict[str, Any]:
    """Return entry point, command, folder, environment and signal of what a Dockerfile builds."""
    text = dockerfile.read_text("utf-8").rpartition("\nFROM ")[2].replace("\\\n", " ")
    found: dict[str, Any] = {"ENTRYPOINT": [], "CMD": [], "WORKDIR": "/", "STOPSIGNAL": "SIGTERM", "ENV": {}}
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word in ("ENTRYPOINT", "CMD"):
            found[word] = json.loads(rest)
        elif word in ("WORKDIR", "STOPSIGNAL"):
            found[word] = rest.strip()
        elif word == "ENV":
            found[word] |= dict(pair.split("=", 1) for pair in rest.split())
    return found


@dataclass
class Container:
    """One service as a process, or as several where it is replicated."""

    service: str
    number: int
    settings: dict[str, Any]
    ip: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return f"{self.service}-{self.number}"

    @property
    def file(self) -> Path:
        """Its place on the network."""
        return (STATE / "network" / f"{self.name}.json").absolute()

    @property
    def image(self) -> dict[str, Any]:
        return last_stage(Path(self.settings["build"]["dockerfile"]))

    def places(self) -> dict[str, str]:
        """Return where the container's folders lie: of its image, and its volumes in front of them."""
        images = json.loads(os.environ.get("STAND_IN_IMAGES", "{}"))
        places = dict(images.get(self.settings["image"].partition(":")[0], {}))
        for volume in self.settings.get("volumes", []):
            source, target = volume.split(":")[:2]
            folder = Path(source) if source.startswith(".") else STATE / "volumes" / source
            folder.mkdir(parents=True, exist_ok=True)
            for inside, place in list(places.items()):
                if target.startswith(inside + "/"):
                    mounted = Path(place) / target[len(inside) + 1 :]
                    if not mounted.is_symlink():
                        shutil.rmtree(mounted, ignore_errors=True)
                        mounted.symlink_to(folder.absolute())
            places[target] = str(folder.absolute())
        return places

    def inside(self, text: str) -> str:
        """Return a path of the container as one of this machine; other texts as they are."""
        for target, place in sorted(self.places().items(), key=lambda item: -len(item[0])):
            if text == target or text.startswith(target + "/"):
                return place + text[len(target) :]
        return text

    def folder(self) -> Path:
        """Return the folder that it works in: the image's, on a volume or of its own."""
        named = self.image["WORKDIR"]
        place = Path(self.inside(named))
        if str(place) == named:
            place = STATE / "homes" / self.name / named.lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
        return place

    def environment(self) -> dict[str, str]:
        """Return what the process is told; of this machine it gets what starts Python."""
        told = self.image["ENV"] | (self.settings.get("environment") or {})
        home = (STATE / "homes" / self.name).absolute()
        home.mkdir(parents=True, exist_ok=True)
        base = {"HOME": str(home), "STAND_IN_CONTAINER": str(self.file), "OMP_NUM_THREADS": "1"}
        fixed = {"PATH": os.environ["PATH"], "PYTHONPATH": str((STATE / "python").absolute())}
        mapped = {name: self.inside(str(value)) for name, value in told.items() if name != "LD_PRELOAD"}
        return base | mapped | fixed

    def command(self, arguments: list[str] | None = None) -> list[str]:
        entry = self.settings.get("entrypoint") or self.image["ENTRYPOINT"]
        usual = self.settings.get("command") or ([] if self.settings.get("entrypoint") else self.image["CMD"])
        program, *rest = [*entry, *(arguments or usual)]
        return [*PROGRAMS[program], *(self.inside(word) for word in rest)]

    def join_network(self) -> None:
        aliases = ((self.settings.get("networks") or {}).get("default") or {}).get("aliases", [])
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps({"names": [self.service, *aliases], "ip": self.ip, "ports": {}}))

    def start(self, arguments: list[str] | None = None, *, is_foreground: bool = False) -> None:
        self.join_network()
        log = None if is_foreground else (STATE / "logs" / f"{self.name}.log").open("ab")
        self.process = subprocess.Popen(
            self.command(arguments),
            env=self.environment(),
            cwd=self.folder(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=not is_foreground,
        )
        (STATE / "pids").mkdir(exist_ok=True)
        (STATE / "pids" / self.name).write_text(str(self.process.pid))

    def is_running(self) -> bool:
        try:
            pid = (STATE / "pids" / self.name).read_text()
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def is_healthy(self) -> bool:
        """Run its health check in it."""
        check = (self.settings.get("healthcheck") or {}).get("test")
        if not check:
            return self.is_running()
        program, *rest = check[1:]
        command = [*PROGRAMS[program], *(self.inside(word) for word in rest)]
        done = subprocess.run(command, env=self.environment(), capture_output=True, timeout=60)
        return self.is_running() and done.returncode == 0

    def stop(self) -> str:
        """End it as the engine does; returns whether it ended by itself or had to be killed."""
        pid = int((STATE / "pids" / self.name).read_text())
        grace_s = float(str(self.settings.get("stop_grace_period", GRACE_S)).removesuffix("s"))
        ending = "had ended"
        if self.is_running():
            os.kill(pid, getattr(signal, self.settings.get("stop_signal") or self.image["STOPSIGNAL"]))
            end = time.monotonic() + grace_s
            while self.is_running() and time.monotonic() < end:
                if self.process:
                    self.process.poll()
                time.sleep(0.05)
            ending = "killed" if self.is_running() else "stopped"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # with its first process a container's others end
        self.file.unlink(missing_ok=True)
        (STATE / "pids" / self.name).unlink()
        return ending


def tell(container: Container, how: str) -> None:
    sys.stdout.write(f"{container.name} {how}\n")
    sys.stdout.flush()


class Project:
    """The compose file in this folder, with the profiles that were asked for."""

    def __init__(self, profiles: list[str]) -> None:
        variables = read_variables(Path(".env")) | dict(os.environ)
        compose = interpolate(yaml.safe_load(Path("docker-compose.yml").read_text("utf-8")), variables)
        self.services: dict[str, dict[str, Any]] = compose["services"]
        self.chosen = [name for name, one in self.services.items() if set(one["profiles"]) & set(profiles)]

    def containers(self, names: list[str]) -> list[Container]:
        """Return the containers of services, those they depend on first."""
        ordered: list[str] = []
        for name in names:
            needed = list(self.services[name].get("depends_on") or {})
            ordered += [one for one in (*needed, name) if one not in ordered]
        order = list(self.services)
        return [
            Container(name, number, self.services[name], f"10.213.{order.index(name)}.{number}")
            for name in ordered
            for number in range(1, ((self.services[name].get("deploy") or {}).get("replicas") or 1) + 1)
        ]

    def start(self, containers: list[Container]) -> None:
        """Start them, each when what it depends on is healthy."""
        for container in containers:
            for name, wish in (self.services[container.service].get("depends_on") or {}).items():
                end = time.monotonic() + 60
                while wish["condition"] == "service_healthy" and not self.containers([name])[-1].is_healthy():
                    if time.monotonic() > end:
                        sys.exit(f"dependency failed to start: {name} is not healthy")
                    time.sleep(0.2)
            container.start()

    def up(self, options: list[str]) -> int:
        containers = self.containers(self.chosen)
        self.start(containers)
        if "-d" in options:
            return 0
        status = 0
        try:
            while any(one.process and one.process.poll() is None for one in containers):
                codes = [one.process.poll() for one in containers if one.process]
                ended = [code for code in codes if code is not None]
                if ended and "--abort-on-container-exit" in options:
                    status = ended[0]
                    break
                time.sleep(0.1)
        except KeyboardInterrupt:
            pass
        for container in reversed(containers):
            tell(container, container.stop())
        return status

    def run(self, options: list[str]) -> int:
        name, *arguments = [word for word in options if word not in ("--rm", "--no-deps")]
        depends_on = [] if "--no-deps" in options else list(self.services[name].get("depends_on") or {})
        needed = self.containers(depends_on)
        self.start([one for one in needed if not one.is_running()])
        container = Container(name, 99, self.services[name], "10.213.200.99")
        container.start(arguments, is_foreground=True)
        assert container.process
        while True:
            try:
                status = container.process.wait()
                break
            except KeyboardInterrupt:
                continue  # Ctrl-C reaches the container's process too, and it is waited for
        container.file.unlink(missing_ok=True)
        return status

    def ps(self) -> int:
        for container in self.containers(list(self.services)):
            if (STATE / "pids" / container.name).exists():
                running = "Up (healthy)" if container.is_healthy() else "Up (health: starting)"
                tell(container, running if container.is_running() else "Exited")
        return 0

    def down(self) -> int:
        for container in self.containers(list(self.services)):
            if (STATE / "pids" / container.name).exists():
                tell(container, container.stop())
        return 0


def main(words: list[str]) -> int:
    """Run one `docker compose` command."""
    # A shell has what it starts in its background ignore Ctrl-C, and what that starts in turn.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if words.pop(0) != "compose":
        sys.exit("this stands in for docker compose alone")
    profiles = []
    while words[0] == "--profile":
        profiles.append(words[1])
        words = words[2:]
    for folder in ("network", "logs", "volumes", "python", "homes"):
        (STATE / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name("container_network.py"), STATE / "python" / "sitecustomize.py")
    project, (job, *options) = Project(profiles), words
    return {
        "up": lambda: project.up(options),
        "run": lambda: project.run(options),
        "ps": project.ps,
        "down": project.down,
    }[job]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
