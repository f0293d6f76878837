"""`prodgen blend`: the product's own pixels into a picture that a model relit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from prodgen.cli.blend_options import BLEND_NAMES
from prodgen.cli.parameters import asked_of_cut_out, blend_options, cut_out_options, output_option
from prodgen.cli.telling import printer
from prodgen.cli.values import File


@click.command()
@click.argument("original", type=File())
@click.argument("relit", type=File())
@cut_out_options
@output_option(metavar="FILE", required=True)
@blend_options
def blend(original: Path, relit: Path, output: Path, **settings: Any) -> None:
    """Give the product in RELIT its own pixels back.

    They come from ORIGINAL, where the product is cut out; the new light stays, or what --blend-mode says.
    Both pictures show the product at the same place; RELIT may have another resolution, and be transparent
    around the product: it stays so. Where RELIT is opaque the picture is, even if ORIGINAL is transparent.

    \b
        prodgen blend mug.jpg relit.png --matte mug-matte.png -o mug-relit.png
        prodgen blend mug.jpg relit.png --blend-mode luminosity --blend 0.7 -o mug-relit.png
    """
    from prodgen import files, identity, ocr, transparency
    from prodgen.cutout import cut_out, left_out
    from prodgen.judgement import Judgement

    files.refuse_overwriting(output, original, relit, settings["matte"])
    asked = {name: settings[name] for name in BLEND_NAMES if settings[name] is not None}
    blending = identity.Blending.model_validate(asked)
    cut = cut_out(original, **asked_of_cut_out(settings))
    scene = files.load(relit)
    picture, measured, notice = identity.restore(
        cut.seen,
        scene.rgb,
        cut.matte,
        blending=blending,
        reader=ocr.tesseract(),
        left_out=left_out(cut.seen, cut.matte),
    )
    alpha = transparency.with_product(scene.matte, cut.matte, picture.shape)
    files.save(output, picture, matte=alpha)
    likeness = measured.likeness
    verdict = likeness.verdict()
    found = Judgement(product=verdict, likeness=likeness, cut_out=cut.quality)
    to = printer()
    notices = [*cut.notices, *([notice] if notice else ()), *identity.notices(verdict, likeness)]
    if cut.photo.matte is not None and alpha is None:
        notices.append("ORIGINAL is transparent and RELIT is not: the picture is opaque, as RELIT is")
    to.data({"picture": str(output), **found.as_dict(), "notices": notices})
    to.made("picture", output, f"{picture.shape[1]}x{picture.shape[0]}")
    to.fact("product", found.summary)
    for notice in notices:
        to.note(notice)
