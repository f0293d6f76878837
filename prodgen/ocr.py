"""Reads print with the Tesseract program, if that is installed; without it nothing is read.

The program is found, run as its own process with a time limit and on one thread, and its table is parsed.
`prodgen.identity` compares the words. Importing this module looks for nothing and runs nothing.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from prodgen.images import RgbImage, to_uint8

logger = logging.getLogger(__name__)


class Word(NamedTuple):
    """A word that was read, with its box in shares of the picture's width and height."""

    text: str
    confidence: float
    """Confidence of the reader, 0 to 100."""
    left: float
    top: float
    right: float
    bottom: float


Reader = Callable[[RgbImage], Sequence[Word] | None]
"""Returns all words of a picture, (H, W, 3), sRGB, [0, 1], dark on light; None if reading failed."""

PROGRAM = "PRODGEN_TESSERACT"
"""Environment variable with the program's path or name; "off" turns reading off."""

TIMEOUT_S = 20.0
"""Time limit for one picture. Guard: reading takes well under a second on one core."""

TRIES = 3
"""Failures in a row after which the program is no longer run in this process. Guard."""

READINGS = 8
"""Pictures of at most 3 MB whose words are kept.
Speed: a product's photograph is read for each of its scenes, and there are three more readings a scene."""

REMEDY = "apt install tesseract-ocr"

SPARSE_TEXT = "11"
"""Tesseract's page segmentation mode for text in no particular order, as labels have it."""


def tesseract() -> Reader | None:
    """Return a reader that runs Tesseract, or None if there is no such program.

    Each call returns one and the same reader, so that a program that does not work is reported once.
    """
    program = find_program()
    return None if program is None else _reader(program)


def find_program() -> str | None:
    """Return the program's path: what PRODGEN_TESSERACT names, else `tesseract` on the PATH."""
    named = os.environ.get(PROGRAM, "").strip()
    if named.lower() == "off":
        return None
    program = shutil.which(named or "tesseract")
    if named and program is None:
        _warn_once(f"{PROGRAM} names {named!r}, which is no program that can be run: print is not read")
    return program


def version(program: str, *, timeout_s: float = 5.0) -> str | None:
    """Return the program's name and version, such as "tesseract 5.3.0"; None if it does not run."""
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            check=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    # Version 3 prints it on stderr.
    lines = (done.stdout or done.stderr).decode("utf-8", "replace").splitlines()
    return lines[0].strip() if lines and lines[0].lower().startswith("tesseract") else None


@lru_cache(maxsize=4)
def _reader(program: str) -> Tesseract:
    return Tesseract(program)


class Tesseract:
    """One program; a `Reader`."""

    def __init__(self, program: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._program = program
        self._timeout_s = timeout_s
        self._failures = 0
        self._words = lru_cache(maxsize=READINGS)(self._read)

    def __call__(self, picture: RgbImage) -> Sequence[Word] | None:
        """Read a picture.

        Args:
            picture: (H, W, 3), sRGB, [0, 1].

        Returns:
            Its words, in the program's order; None if the program failed, took too long or printed no
            table, which is logged the first time.
        """
        if self._failures >= TRIES:
            return None
        # Grey and uncompressed: colour adds nothing, and compressing takes longer than it saves.
        grey = cv2.cvtColor(to_uint8(picture), cv2.COLOR_RGB2GRAY)
        header = f"P5\n{grey.shape[1]} {grey.shape[0]}\n255\n".encode()
        try:
            words = self._words(header + np.ascontiguousarray(grey).tobytes())
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            self._failures += 1
            _warn_once(
                f"{self._program} cannot read print, so it is not measured by reading: {_reason(error)}"
            )
            return None
        self._failures = 0
        return words

    def _read(self, picture: bytes) -> tuple[Word, ...]:
        done = subprocess.run(
            [self._program, "-", "-", "--psm", SPARSE_TEXT, "tsv"],
            input=picture,
            capture_output=True,
            check=True,
            timeout=self._timeout_s,
            # On small pictures several threads are slower than one.
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
        return parse(done.stdout.decode("utf-8", "replace"))


def parse(tsv: str) -> tuple[Word, ...]:
    """Parse Tesseract's table: level, four counters, left, top, width, height, confidence, text.

    Raises:
        ValueError: If it is no such table.
    """
    lines = tsv.splitlines()
    if not lines or not lines[0].startswith("level\t"):
        raise ValueError("it did not print a table of words; version 4 or newer is needed")
    size, words = (0.0, 0.0), []
    for line in lines[1:]:
        cells = line.split("\t")
        if len(cells) < 11:
            raise ValueError(f"its table has a row that is too short: {line[:80]!r}")
        level, (left, top, width, height) = cells[0], map(float, cells[6:10])
        if level == "1":
            size = width, height
        if level != "5" or len(cells) < 12 or not cells[11].strip():
            continue
        if min(size) <= 0:
            raise ValueError("its table does not begin with the size of the picture")
        right, bottom = left + width, top + height
        box = left / size[0], top / size[1], right / size[0], bottom / size[1]
        words.append(Word(cells[11].strip(), float(cells[10]), *box))
    return tuple(words)


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it did not finish within {error.timeout:.0f} s"
    if isinstance(error, subprocess.CalledProcessError):
        lines = (error.stderr or b"").decode("utf-8", "replace").strip().splitlines()
        return f"it ended with {error.returncode}" + (f": {lines[-1][:200]}" if lines else "")
    return str(error)


@lru_cache(maxsize=16)
def _warn_once(message: str) -> None:
    logger.warning(message)
