"""Sentences for people: what to try next, and what a server does that they may not expect."""

from __future__ import annotations

from prodgen.schema import Drawing


def smaller(request: Drawing) -> str:
    """Return what to try after running out of memory: one picture at a time, then 3/4 of each side."""
    if request.batch_size > 1:
        return "Try batch_size 1."
    width, height = (max(64, int(side * 0.75) // 64 * 64) for side in (request.width, request.height))
    return f"Try {width}x{height}."


def about_comments(request: Drawing) -> list[str]:
    """Return a warning if a `#` in the prompt will be taken for a comment, which A1111 cuts out."""
    if "#" not in request.prompt and "#" not in (request.negative_prompt or ""):
        return []
    return ["The prompt holds '#': A1111 takes the rest of that line for a comment and leaves it out"]


LOSSY = (
    "This server sends results as JPEG or lossy WebP (its option samples_format), so they have lost some "
    "detail; set it to png"
)

INTERRUPTED = (
    "The server was told to stop while this was drawn, or just after, so it may be half done; draw it again "
    "if it looks like noise"
)
