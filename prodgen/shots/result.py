"""What a shot became: the picture, what was measured, and its story for file, terminal and notebook."""

from __future__ import annotations

import html
import platform
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from prodgen import __version__, codecs, files, provenance
from prodgen import identity as likenesses
from prodgen.errors import ImageError
from prodgen.identity import Likeness
from prodgen.images import Matte, RgbImage, resize
from prodgen.judgement import Judgement
from prodgen.presence import Duplicate, MissingFloor
from prodgen.schema import seeds
from prodgen.shots.examples import KIND
from prodgen.shots.exposure import scene_lightness
from prodgen.shots.frame import Frame
from prodgen.shots.layers import (
    NO_BACKEND,
    Brief,
    CutOut,
    Drawn,
    Glass,
    Kept,
    Material,
    Origin,
    PaintedFloor,
    Placed,
    Pose,
)
from prodgen.shots.page_layers import page_layers
from prodgen.shots.reference_units import ReferenceWay
from prodgen.shots.routes import Route
from prodgen.shots.see_through import on_transparency, shadow_alone
from prodgen.shots.shot import Shot
from prodgen.transparency import on_white

WriteFile = Callable[[Path, bytes], None]
"""Writes a file whole or not at all, given its path and content."""

PREVIEW_PX = 768
"""Longer side of the picture that a notebook shows."""


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """One finished shot. A notebook shows it as picture and verdict."""

    shot: Shot
    frame: Frame
    """All layers, for whoever wants to go on from here."""
    image: RgbImage
    """The picture, (H, W, 3), sRGB, [0, 1]."""
    path: Path | None = None
    """Where it was written, if it was."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """How long each stage took."""

    @property
    def delivered(self) -> tuple[RgbImage, Matte | None]:
        """The pixels of the file, and their alpha where the product stands on transparency."""
        delivery = self.shot.recipe.delivery
        if not delivery.transparent:
            return self.image, None
        return on_transparency(self.frame, with_shadow=not delivery.shadow_layer)

    @property
    def seed(self) -> int:
        """The seed that it was drawn of; another one than the shot's if that one had to be given up."""
        return self.frame[Brief].seed

    @property
    def identity(self) -> Likeness | None:
        """The measured likeness of the product; None if the recipe does not measure it."""
        kept = self.frame.get(Kept)
        return None if kept is None else kept.likeness

    @property
    def pose(self) -> Pose | None:
        """How the camera looked at the product; None if the recipe does not ask."""
        return self.frame.get(Pose)

    @property
    def material(self) -> Material | None:
        """What the product is lit as; None if nothing lights it anew."""
        drawn = self.frame.get(Drawn)
        return None if drawn is None or drawn.relit is None else self.frame.get(Material)

    @property
    def duplicate(self) -> Duplicate | None:
        """A second or larger product that was drawn into the scene; None where none was found."""
        return self.frame.get(Duplicate)

    @property
    def _instead(self) -> str | None:
        missing = self.frame.get(MissingFloor)
        return None if missing is None else missing.surface

    @property
    def route(self) -> Route | None:
        """Which way it was made, and why; None where its recipe left no choice."""
        return self.frame.get(Route)

    @property
    def verdict(self) -> Judgement:
        """The judgement of product and cut-out, the worse of which counts."""
        kept, cut = self.frame.get(Kept), self.frame.get(CutOut)
        return Judgement(
            product=None if kept is None else kept.verdict,
            likeness=None if kept is None else kept.likeness,
            cut_out=None if cut is None else cut.quality,
            is_drawn_by_seed=is_drawn_by_seed(self.shot, self.frame),
        )

    @property
    def is_failed(self) -> bool:
        """Whether the product is beyond a limit of failure, or its cut-out probably wrong."""
        return self.verdict.is_failed

    @property
    def origin(self) -> Origin:
        """Who drew the scene."""
        drawn = self.frame.get(Drawn)
        return Origin(NO_BACKEND, is_generated=False) if drawn is None else drawn.origin

    @property
    def _scene_lightness(self) -> float | None:
        """Median L* of the drawn scene around the product, before shadow and grade; None without one."""
        drawn = self.frame.get(Drawn)
        return None if drawn is None else scene_lightness(drawn.scene, self.frame[Placed].matte)

    @property
    def notices(self) -> tuple[str, ...]:
        """What was done another way than asked, had to be guessed, or went wrong with the product."""
        verdict = self.verdict  # its cut-out's doubts are among the frame's notices
        if verdict.likeness is None or verdict.product is None:
            return self.frame.notices
        return (
            *self.frame.notices,
            *likenesses.notices(verdict.product, verdict.likeness, is_drawn_by_seed=verdict.is_drawn_by_seed),
        )

    @property
    def summary(self) -> str:
        """Whether it still is the same product: words first, then the main numbers, in one line."""
        return self.verdict.summary

    def save(self, path: str | Path, write: WriteFile = files.write_bytes) -> Result:
        """Write the picture, with its story if the recipe says so, and return the result that knows its file.

        Args:
            path: Its ending decides the format: PNG, JPEG, WebP or TIFF; or PSD, which has scene, shadow and
                product as layers. "{seed}" in its name stands for the seed that was used.
            write: Writes a file whole or not at all, given its path and content.

        Raises:
            ImageError: If the ending is unknown or has no transparency that was asked for, the file cannot
                be written, or it or its shadow's file is one that the shot was made of.
        """
        target, delivery = seeds.in_name(Path(path), self.seed), self.shot.recipe.delivery
        refuse_output(self.shot, target)
        text = self.text() if delivery.metadata else {}
        if _is_layered(target):
            write(target, self._in_layers(target.name, text))
            return replace(self, path=target)
        kind = files.format_of(target)
        rgb, alpha = self.delivered
        if delivery.shadow_layer:
            color, darkness = shadow_alone(self.frame)
            write(shadow_file(target), codecs.encode("PNG", color, matte=darkness))
        write(target, codecs.encode(kind, rgb, matte=alpha, text=text, quality=delivery.quality))
        return replace(self, path=target)

    def _in_layers(self, name: str, text: Mapping[str, str]) -> bytes:
        rgb, alpha = self.delivered
        flat = rgb if alpha is None else on_white(rgb, alpha)
        layers = page_layers(self.frame, transparent=alpha is not None)
        return codecs.encode_layers(flat, layers, name=name, xmp=text.get(provenance.XMP_KEY, ""))

    def as_dict(self) -> dict[str, Any]:
        """Return everything about the picture but its pixels, ready for JSON."""
        seconds = {name: round(value, 3) for name, value in self.seconds.items()}
        return {"picture": None if self.path is None else str(self.path), **self.story(), "seconds": seconds}

    def story(self) -> dict[str, Any]:
        """Return what the file tells: the shot as it was asked, what was sent for it, and what came of it."""
        origin = self.origin
        sent = {"prompt": origin.prompt, "negative_prompt": origin.negative_prompt, "loras": origin.loras}
        way, glass = self.frame.get(ReferenceWay), self.frame.get(Glass)
        return {
            "kind": KIND,
            "size": [self.image.shape[1], self.image.shape[0]],
            "asked": self.shot.story(),
            "sent": {**sent, "seed": self.seed},
            "backend": without_folder(origin.backend),
            "checkpoint": origin.checkpoint,
            "checkpoint_hash": origin.checkpoint_hash,
            "proofs": {name: asdict(proof) for name, proof in origin.proofs.items()},
            "route": None if self.route is None else self.route.as_dict(),
            "pose": None if self.pose is None else self.pose.as_dict(),
            "material": None if self.material is None else self.material.as_dict(),
            "glass": None if glass is None else glass.found.as_dict(),
            "reference": None if way is None else asdict(way),
            "scene": {
                "duplicate": None if self.duplicate is None else self.duplicate.as_dict(),
                "floor": {"is_painted": self.frame.get(PaintedFloor) is not None, "instead": self._instead},
                "lightness": self._scene_lightness,
            },
            "product_scale": round(self.frame[Placed].placement.scale, 4),
            "product_box": list(self.frame[Placed].placement.box),
            **self.verdict.as_dict(),
            "notices": list(self.notices),
            "versions": {"prodgen": __version__, "python": platform.python_version()},
        }

    def text(self) -> dict[str, str]:
        """Return the story as the text chunks that go into the file."""
        origin = self.origin
        if origin.is_generated:
            source_type = provenance.COMPOSITE_WITH_TRAINED_MEDIA
        elif origin.backend != NO_BACKEND:
            source_type = provenance.COMPOSITE_SYNTHETIC
        else:
            source_type = provenance.ALGORITHMICALLY_ENHANCED
        return provenance.text_chunks(self.story(), infotext=origin.infotext, source_type=source_type)

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"<Result {width}x{height}, seed {self.seed}: {self.summary}>"

    def _repr_html_(self) -> str:
        height, width = self.image.shape[:2]
        scale = min(1.0, PREVIEW_PX / max(height, width))
        preview = resize(self.image, max(1, round(width * scale)), max(1, round(height * scale)))
        picture = b64encode(codecs.encode("JPEG", preview, quality=90)).decode("ascii")
        lines = [self.summary, *self.notices]
        text = "".join(f"<div>{html.escape(line)}</div>" for line in lines)
        return f'<img src="data:image/jpeg;base64,{picture}" alt="{html.escape(self.summary)}">{text}'


def is_drawn_by_seed(shot: Shot, frame: Frame) -> bool:
    """Return whether another seed would give another picture; known when it is known who drew.

    On a background of the user's only a model draws by a seed: it lights the product, or paints the floor.
    """
    drawn = frame.get(Drawn)
    if drawn is None:
        return False
    return shot.background is None or drawn.origin.is_generated or frame.get(PaintedFloor) is not None


def refuse_output(shot: Shot, target: Path) -> None:
    """Refuse a file that a shot cannot be written to as it was asked, before anything is written.

    Raises:
        ImageError: If its ending is unknown or has no transparency that was asked for, or it or the file of
            its shadow is one that the shot is made of.
    """
    delivery = shot.recipe.delivery
    if _is_layered(target):
        codecs.check_layered(target.name)
        if delivery.shadow_layer:
            raise ImageError(f"{target.name!r} has the shadow as a layer already; leave out --shadow-layer")
    elif files.format_of(target) == "JPEG" and delivery.transparent:
        raise ImageError(f"{target.name!r}: JPEG has no transparency; choose .png, .webp, .tif or .psd")
    files.refuse_overwriting(target, *shot.paths)
    if delivery.shadow_layer:
        files.refuse_overwriting(shadow_file(target), *shot.paths)


def _is_layered(target: Path) -> bool:
    return target.suffix.lower() in codecs.LAYERED


def shadow_file(picture: Path) -> Path:
    """Return the file beside a picture that has its shadow alone."""
    return picture.with_name(f"{picture.stem}-shadow.png")


def rejected_name(output: Path) -> Path:
    """Return the file that a picture is kept aside in whose product could not be kept."""
    return output.with_stem(f"{output.stem}.rejected")


def without_folder(backend: str) -> str:
    """Return a backend's name without the folder of a Unix socket: a story names no path of this machine."""
    return re.sub(r"unix:.*/", "unix:", backend)
