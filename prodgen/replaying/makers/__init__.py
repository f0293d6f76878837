"""Who made a picture, and what its texts say in that program's way: one reader for each kind of program.

A reader takes a file's texts by name (`files.read_text`) and returns `ToldSettings`, or None where they are
not its program's. It knows no server: whether a sampler or a checkpoint is to be had is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prodgen.errors import ImageError
from prodgen.provenance import XMP_KEY, xmp_property
from prodgen.replaying.makers.comfyui_graphs import comfyui
from prodgen.replaying.makers.flat_records import (
    any_program,
    civitai,
    draw_things,
    easy_diffusion,
    fooocus,
    ruined_fooocus,
    swarm_ui,
)
from prodgen.replaying.makers.infotext_kin import a1111_kin
from prodgen.replaying.makers.invokeai_records import invokeai
from prodgen.replaying.makers.novelai_records import novelai
from prodgen.replaying.makers.told_settings import ToldSettings

READERS: tuple[Callable[[Mapping[str, str]], ToldSettings | None], ...] = (
    invokeai,
    swarm_ui,
    fooocus,
    ruined_fooocus,
    draw_things,
    easy_diffusion,
    civitai,
    novelai,
    a1111_kin,
    comfyui,
    any_program,
)
"""Readers in the order in which they are asked. An infotext goes before ComfyUI's graph: who saves both has
written the infotext on purpose."""


def told_by(texts: Mapping[str, str]) -> ToldSettings:
    """Return how a picture was drawn.

    Args:
        texts: The texts of its file, by name.

    Raises:
        ImageError: If they tell nothing, or nothing that can be drawn again; the message names what there is.
    """
    if comment := xmp_property(texts.get(XMP_KEY, ""), "exif:UserComment"):
        texts = {**texts, "xmp.UserComment": comment}
    for reader in READERS:
        if (told := reader(texts)) is not None:
            return told
    if not texts:
        raise ImageError("it does not tell how it was made; its text may have been removed")
    if texts.keys() == {"parameters"}:
        raise ImageError("its text is no A1111 infotext: there is no line with Steps and Seed")
    names = ", ".join(repr(name[:40]) for name in list(texts)[:6])
    raise ImageError(
        f"its texts ({names}) are of no program that is known here; `prodgen show` prints them: write its"
        " settings into a .txt file as an A1111 infotext, and replay that"
    )


__all__ = ["READERS", "ToldSettings", "told_by"]
