"""Writes the page "Servers and what they can do" by asking the dialects, so that it agrees with the code.

python -m prodgen.doctor.servers_page > docs/servers.md
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import numpy as np

from prodgen.dialects import A1111, DIALECTS, ROUTES
from prodgen.dialects.abilities import FEATURES, can
from prodgen.dialects.ic_light import SPELLING_BY_ARGUMENTS, spell
from prodgen.doctor.relight_checks import SPELLINGS
from prodgen.errors import UnsupportedFeatureError
from prodgen.schema import Capabilities, ICLight

_PICTURE = np.full((64, 64, 3), 0.5, np.float32)
_MATTE = np.ones((64, 64), np.float32)
_FC = ICLight(foreground=_PICTURE, matte=_MATTE)
_FBC = ICLight(mode="fbc", foreground=_PICTURE, matte=_MATTE, background=_PICTURE)
_SIDE = ICLight(mode="fbc", foreground=_PICTURE, matte=_MATTE, light_side="left")

IC_LIGHT_FEATURES: Mapping[str, tuple[ICLight, bool]] = {
    "a scene from the prompt (fc)": (_FC, False),
    "a background of your own (fbc)": (_FBC, False),
    "one of its own backdrops (fbc)": (_SIDE, False),
    "a light map (fc, img2img)": (_FC, True),
    "a light map and a background (fbc, img2img)": (_FBC, True),
    "restored detail as one more picture": (_FC.model_copy(update={"detail_transfer": True}), False),
    "the product pasted onto the light map, without restored detail": (
        _FC.model_copy(update={"reinforce_fg": True}),
        True,
    ),
}
"""Feature -> an IC-Light unit that needs it, and whether a light map is sent."""

INTRODUCTION = """\
# Servers and what they can do

prodgen finds out by itself what kind of server it speaks to, and refuses before sending what that kind
would ignore or fail at. `prodgen doctor` says what *your* server is and lacks ([doctor](doctor.md)).

This page is made from the code: `python -m prodgen.doctor.servers_page > docs/servers.md`. A1111 was tried
on real servers (1.9.4 and 1.10.1); the others follow their sources and were not run."""

ABOUT_IC_LIGHT = """\
On A1111, IC-Light needs version 1.10 or later (before, it does nothing and says nothing), the extensions
sd-forge-ic-light and sd-webui-model-patcher, whose folder must sort before it, an SD 1.5 checkpoint, and its
weight files. Three spellings of its arguments are in use; the number of arguments in `/sdapi/v1/script-info`
tells them apart.

A1111 cannot send IC-Light's results (it fails at an array among them) unless prodgen's bridge extension is
there; `install_backend.sh` installs all of it. Without it prodgen lets the server save each picture and
fetches the file, which needs the server's page (no `--nowebui`)."""

ABOUT_PROOFS = """\
## What is proved, and how

A server can name what did not run. So prodgen looks at what a thing does, wherever that can be seen, and
believes words only where it cannot. `applied.proofs` (in the sidecar and in `--json` as `proofs`) has, for
each thing that was asked for, the kind of proof, and how clearly a picture shows it, from 0 to 1.

| asked for | by the picture | else by |
|---|---|---|
| IC-Light | the product's edges and outline lie in the result where the cut-out has them, in whatever light \
| what prodgen's bridge extension (1.1.0 or later) saw drawing; then the foreground that comes back |
| an inpaint mask | unmasked pixels, beyond the mask's blur, are what they were, or by far more so than \
masked ones | nothing |
| an upscaler | the result differs from Lanczos and every other formula, sharpened or not | the server's \
words, for pictures without fine structure, in a lossy format or merely sharpened |
| a LoRA that the answer does not name | tiny pictures with it and without it differ; tried once with each \
checkpoint | nothing |
| a LoRA that the answer names, sampler, schedule, checkpoint, VAE, refiner, ControlNet, ADetailer | - | the \
server's words |

Where a picture contradicts what the server says, the picture counts. IC-Light's patch is lost where a call
changes the loaded checkpoint, or another caller's did before it: prodgen has the server load the checkpoint
by a tiny plain picture, draws once more with the same seed, and says so; if that does not help either, the
error names the cause. With a light map on Haoming02's 2.0 no picture could tell: there a tiny one (64 x 64,
one step) is drawn before each such call, in a catalogue too; prodgen's bridge extension makes it needless.
Where dark or glare leaves next to no edges, and that bridge and the foreground both say that IC-Light ran,
the picture is delivered with a notice and nothing is claimed; so is an answer of which only some pictures
show the product. A LoRA that the answer does not name costs three tiny pictures more (64 x 64, two steps),
each further one a single one, and one more if it changed nothing; an upscaler that only resized costs one
call before the next is tried. Each process remembers that for itself: in a catalogue run every worker pays
once. Where the trial decides nothing, the picture is delivered with a notice, unless the server tells hashes
of its models. Whether clip skip acted is not checked. An upscaler that was named and only resized is
refused; without a name the next one is taken. A product of up to 64 pixels, or so plain that its outline is
lost in the scene, cannot be told from the picture, and another product of the very same outline can pass for
it.

By kind of server:

{table}
"""

OUTCOMES = """\
## How it is told apart

By the lists that a server answers:

{told_apart}

Everything else is A1111, or imitates it; the version in its first answer then tells reForge and others."""


def page() -> str:
    """Return the page as Markdown."""
    dialects = [dialect() for dialect in DIALECTS.values()]
    parts = [
        INTRODUCTION,
        _table(
            [dialect.title for dialect in dialects],
            {
                "name as a dialect": [f"`{dialect.name}`" for dialect in dialects],
                **{feature: [_yes(can(x, feature)) for x in dialects] for feature in FEATURES},
            },
        ),
        "## What differs",
        "\n".join(f"* **{dialect.title}**: {_difference(dialect)}" for dialect in dialects),
        _table(
            [dialect.title for dialect in dialects],
            {
                "pictures are sent as": [", ".join(sorted(x.picture_formats)) for x in dialects],
                "lists not asked for": [_lists(x) for x in dialects],
                "its errors say what went wrong": [_yes(x.names_its_errors) for x in dialects],
                "its answers name LoRAs and schedule": [_yes(x.tells_extra_parameters) for x in dialects],
            },
        ),
        "## IC-Light",
        ABOUT_IC_LIGHT,
        _table(
            list(SPELLINGS.values()),
            {
                "arguments": [
                    str(next(n for n, x in SPELLING_BY_ARGUMENTS.items() if x == spelling))
                    for spelling in SPELLINGS
                ],
                **{feature: [_yes(_spells(x, feature)) for x in SPELLINGS] for feature in IC_LIGHT_FEATURES},
            },
        ),
        ABOUT_PROOFS.format(
            table=_table(
                [dialect.title for dialect in dialects],
                {
                    "IC-Light": [
                        _proved(x, "IC-Light (with the extension)", "the picture") for x in dialects
                    ],
                    "inpaint masks": [_proved(x, "inpainting", "the picture") for x in dialects],
                    "upscalers": [_proved(x, "upscaling", "the picture") for x in dialects],
                    "LoRAs": [_proved(x, "LoRA", _of_loras(x)) for x in dialects],
                    "schedule, refiner, ControlNet": [
                        "its words" if x.tells_extra_parameters else "not at all" for x in dialects
                    ],
                    "sampler, checkpoint": ["its words" for _ in dialects],
                    "clip skip": ["not at all" for _ in dialects],
                },
            )
        ).rstrip(),
        OUTCOMES.format(told_apart="\n".join(filter(None, map(_recognised_by, DIALECTS.values())))),
    ]
    return "\n\n".join(parts) + "\n"


def _table(heads: list[str], rows: Mapping[str, list[str]]) -> str:
    lines = ["| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]
    return "\n".join(lines)


def _proved(dialect: A1111, feature: str, how: str) -> str:
    return how if can(dialect, feature) else "-"


def _of_loras(dialect: A1111) -> str:
    return "its words, else the picture" if dialect.tells_extra_parameters else "the picture"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _difference(dialect: A1111) -> str:
    """Return the first sentence of a dialect's own description."""
    if type(dialect) is A1111:
        return "the reference, in versions 1.9 and 1.10."
    sentence = " ".join((dialect.__doc__ or "").split("\n\n")[0].split())
    return sentence[:1].lower() + sentence[1:]


def _recognised_by(dialect: type[A1111]) -> str:
    """Return how a dialect recognises its servers, in the words of its own method; "" if it does not."""
    own = dialect.__dict__.get("has_these_routes")
    if own is None or dialect is A1111:
        return ""
    return f"* {dialect.title}: {' '.join((own.__func__.__doc__ or '').split()).removeprefix('Return True ')}"


def _lists(dialect: A1111) -> str:
    return ", ".join(name.replace("_", " ") for name in ROUTES if name in dialect.missing_routes) or "-"


def _spells(spelling: str, feature: str) -> bool:
    unit, has_map = IC_LIGHT_FEATURES[feature]
    have = Capabilities("a1111", ic_light=spelling)  # type: ignore[arg-type]  # a key of SPELLINGS is one
    return _does(lambda: spell(unit, have, light_map=_PICTURE if has_map else None))


def _does(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except UnsupportedFeatureError:
        return False
    return True


if __name__ == "__main__":
    sys.stdout.write(page())
