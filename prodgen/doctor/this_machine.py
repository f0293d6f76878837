"""Checks of this machine: can pictures be written, products be cut out, the embedded scenes be read?

Each check is a pure function of the facts.
"""

from __future__ import annotations

from prodgen.doctor.facts import SetupFacts
from prodgen.doctor.findings import Finding

MIN_FREE_DISK = 1 << 30
"""Free bytes below which a warning is given. Chosen: about a hundred pictures of 4 megapixels."""

MIN_WRITABLE_DISK = 64 << 20
"""Free bytes below which writing counts as broken. Chosen: a few pictures."""

INSTALL_REMBG = "pip install 'rembg[cpu]'"

INSTALL_OCR = "apt install tesseract-ocr"


def outputs(facts: SetupFacts) -> Finding:
    """Can pictures be written, and is there room?"""
    here = facts.here
    name = "outputs"
    if here.outputs_error:
        return Finding(
            name, "broken", here.outputs_error, "choose another folder with --output, or correct its rights"
        )
    if here.free_bytes is None:
        return Finding(name, "OK", f"{here.outputs} can be written to")
    free = f"{here.free_bytes / (1 << 30):.1f} GiB are free for {here.outputs}"
    if here.free_bytes < MIN_WRITABLE_DISK:
        return Finding(name, "broken", free, "make room, or choose another disk with --output")
    if here.free_bytes < MIN_FREE_DISK:
        return Finding(name, "warning", free, "make room before a large run")
    return Finding(name, "OK", free)


def segmentation(facts: SetupFacts) -> Finding:
    """What cuts out the product?"""
    here = facts.here
    name = "cut-out"
    if here.segmenter == "classical":
        what = "by the classical segmenter, which is made for plain backdrops: no network can be run"
        return Finding(name, "warning", what, INSTALL_REMBG)
    others = [x for x in here.segmenters if x not in ("auto", here.segmenter)]
    return Finding(name, "OK", f"by {here.segmenter!r}; also {', '.join(others)}{here.better_network}")


def print_reading(facts: SetupFacts) -> Finding:
    """Can the letters on a product be read, and so compared?"""
    ocr = facts.here.ocr
    if ocr:
        return Finding("print", "OK", f"is read by {ocr}, before and after")
    if ocr == "":
        return Finding(
            "print", "warning", "is not read: the Tesseract that was found does not run", INSTALL_OCR
        )
    # Optional: strokes are compared without it too, so its absence is nothing to warn of.
    return Finding("print", "OK", f"is compared by its strokes; to have it read as well: {INSTALL_OCR}")


def scenes(facts: SetupFacts) -> Finding:
    """Can the embedded backend's panoramas be read?"""
    here = facts.here
    if here.scene_errors or not here.scenes:
        what = "; ".join(here.scene_errors) or "the panoramas are missing"
        return Finding("scenes", "broken", what, "install prodgen again")
    return Finding("scenes", "OK", f"{here.scenes} panoramas of the embedded backend can be read")


CHECKS = (outputs, segmentation, print_reading, scenes)
