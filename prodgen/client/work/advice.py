"""Sentences for people: what to try next, and what a server does that they may not expect."""

from __future__ import annotations

from collections.abc import Mapping

from prodgen.schema import Drawing

MOST_NAMED = 12
"""Things that a sentence names one by one; a prompt of thousands of words fills no screen."""


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


def about_the_scene(parameters: Mapping[str, object], prompt: str) -> list[str]:
    """Return what a picture of the embedded backend does not show of what the prompt asks for.

    Args:
        parameters: What that backend reports of the picture.
        prompt: What was asked for.
    """
    if parameters.get("Scene") == "background":
        unread = "the embedded backend takes the scene from the background given and does not read the prompt"
        return [unread] if prompt.strip() else []
    found = []
    if parameters.get("Default scene") and prompt.strip():
        found.append(
            "no word of the prompt names a place, floor or light that the embedded backend knows: "
            f"its default {parameters['Default scene']} was drawn"
        )
    if undrawn := str(parameters.get("Unknown words") or ""):
        verb = "are" if ", " in undrawn or undrawn.endswith("s") else "is"
        found.append(
            f"{_listed(undrawn)} {verb} not drawn here; a Stable Diffusion server would (--backend URL)"
        )
    if unseen := str(parameters.get("Out of view") or ""):
        found.append(f"{_listed(unseen)} cannot be seen from straight above: only the ground is drawn")
    return found


def _listed(words: str) -> str:
    """Return "a, b, c" as "a, b and c", and of many only the first."""
    named = words.split(", ")
    hidden = len(named) - MOST_NAMED
    named = [*named[:MOST_NAMED], *([f"{hidden} more"] if hidden > 0 else [])]
    return " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))


LOSSY = (
    "This server sends results as JPEG or lossy WebP (its option samples_format), so they have lost some "
    "detail; set it to png"
)

REDRAWN = (
    "IC-Light had not relit the first picture, though the server answered it as a good one: a tiny plain "
    "picture made the server load its checkpoint, then the same was drawn once more"
)

INTERRUPTED = (
    "The server was told to stop while this was drawn, or just after, so it may be half done; draw it again "
    "if it looks like noise"
)
