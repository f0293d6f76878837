"""Keeps the versions that the web UI asks for: constraints for every installer, and a check at the end.

The web UI compares its list of packages with what is there at each start, and calls pip if one differs. The
installers of extensions run after that comparison and ask for the newest of what they need, so they can leave
another numpy than the web UI's behind. Constraints hold for them too: pip reads them from the environment.

install_backend.sh runs this with the web UI's own Python:

    webui_pins.py for-torch LIST FOLDER   constraints while torch is installed, which may need newer tools
    webui_pins.py write LIST FOLDER       list and constraints for everything after it, into FOLDER
    webui_pins.py check FOLDER            what differs from that list; status 1 if anything does

torch comes first: it was chosen for the GPU. Where the torch that is installed contradicts a pin of the list,
that pin alone gives way: recent ones want setuptools 77.0.3 or later, and the web UI 69.5.1.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
from pip._vendor.packaging.utils import canonicalize_name

LIST_NAME = ".prodgen-requirements.txt"
CONSTRAINTS_NAME = ".prodgen-constraints.txt"

CHOSEN_FIRST = ("torch", "torchvision")

OLD_SETUPTOOLS = "<81"
"""CLIP's setup.py and pytorch_lightning import pkg_resources, which setuptools 81 began to drop."""


def main() -> int:
    """Do what the command line says; return the exit status."""
    job, *paths = sys.argv[1:]
    if job == "check":
        return check(Path(paths[0]))
    wanted, folder = Path(paths[0]), Path(paths[1])
    lines = read(wanted) if wanted.is_file() else []
    if job == "for-torch":
        write_lines(folder / CONSTRAINTS_NAME, constraints(lines, is_before_torch=True))
        return 0
    kept = [give_way(line) for line in lines]
    write_lines(folder / LIST_NAME, kept)
    write_lines(folder / CONSTRAINTS_NAME, constraints(kept, is_before_torch=False))
    return 0


def read(path: Path) -> list[str]:
    """Return the lines of a list of packages that name one, without comments.

    The web UI's own reader takes a line that is a comment for a package that is missing.
    """
    lines = [line.split(" #")[0].strip() for line in path.read_text("utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def parsed(line: str) -> Requirement | None:
    """Return a line's package and versions; None for an address or anything else that names no versions."""
    try:
        return Requirement(line.split(" #")[0])
    except InvalidRequirement:
        return None


def version_of(name: str) -> str | None:
    """Return the version of a package that is installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def give_way(line: str) -> str:
    """Return the line, or what torch asks for in its place if it contradicts that."""
    wanted = parsed(line)
    pins = (
        [] if wanted is None else [one.version for one in wanted.specifier if str(one) == f"=={one.version}"]
    )
    if wanted is None or not pins:
        return line
    for name in CHOSEN_FIRST:
        if version_of(name) is None:
            continue
        for text in metadata.requires(name) or []:
            asked = parsed(text)
            if (
                asked is not None
                and canonicalize_name(asked.name) == canonicalize_name(wanted.name)
                and (asked.marker is None or asked.marker.evaluate({"extra": ""}))
                and not asked.specifier.contains(pins[0], prereleases=True)
            ):
                also = f",{OLD_SETUPTOOLS}" if canonicalize_name(wanted.name) == "setuptools" else ""
                why = f"{wanted.name} {pins[0]} gave way: {name} {version_of(name)} needs {asked.specifier}"
                return f"{wanted.name}{asked.specifier}{also} # {why}"
    return line


def constraints(lines: list[str], *, is_before_torch: bool) -> list[str]:
    """Return what no installer may change: packages with versions, and torch once it is there."""
    found = {}
    for line in lines:
        wanted = parsed(line)
        if wanted is not None and wanted.specifier:
            found[canonicalize_name(wanted.name)] = f"{wanted.name}{wanted.specifier}"
    if is_before_torch:
        found = {name: text for name, text in found.items() if name not in (*CHOSEN_FIRST, "setuptools")}
    else:
        there = {name: version for name in CHOSEN_FIRST if (version := version_of(name))}
        found |= {name: f"{name}=={version.split('+')[0]}" for name, version in there.items()}
    found.setdefault("setuptools", f"setuptools{OLD_SETUPTOOLS}")
    return list(found.values())


def check(folder: Path) -> int:
    """Say in one sentence whether what is installed is what the web UI asks for; return the exit status."""
    lines = (folder / LIST_NAME).read_text("utf-8").splitlines()
    wrong = []
    for line in lines:
        wanted = parsed(line)
        if wanted is None or (wanted.marker is not None and not wanted.marker.evaluate()):
            continue
        version = version_of(wanted.name)
        if version is None:
            wrong.append(f"{wanted.name} is missing")
        elif not wanted.specifier.contains(version, prereleases=True):
            wrong.append(f"{wanted.name} is {version}, not {str(wanted.specifier).removeprefix('==')}")
    if wrong:
        return say(f"what is installed is not what the web UI asks for: {'; '.join(wrong)}", 1)
    gave_way = [line.partition(" # ")[2] for line in lines if " # " in line]
    return say(
        f"{len(lines)} packages are as the web UI asks for them{''.join(f'; {why}' for why in gave_way)}", 0
    )


def say(text: str, status: int) -> int:
    """Print a line and pass the status on."""
    sys.stdout.write(f"{text}\n")
    return status


def write_lines(path: Path, lines: list[str]) -> None:
    """Put a file in place as a whole."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
