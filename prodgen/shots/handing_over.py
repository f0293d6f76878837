"""What goes from one step of a shot to the next: small enough for another thread or process.

    prepare  -> PreparedShot  the product on its canvas: all that depends on no prompt, light, LoRA or seed
    draw     -> DrawnShot     the scene that a backend drew
    complete -> Result        the picture, measured

In one process a hand-over holds its layers. To another process goes only what is slow to find: the shot, the
matte, and the scene at the size at which it was drawn. What is quick (reading the photograph, colours at the
product's edge, its place on the canvas) is done again there, and gives the same picture to the bit. A
picture that a shot was given in memory has no file to be read again from, and travels whole.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from prodgen import files
from prodgen.errors import SettingError
from prodgen.images import Photo, from_uint8, to_uint8
from prodgen.shots import lights_in_pictures
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import Brief, CutOut, Drawn, Given, PaintedFloor, Placed
from prodgen.shots.shot import HeldPicture, Shot

PACKING_LEVEL = 1
"""Level of zlib, the fastest: mattes are mostly 0 and 1, which any level packs well."""


@dataclass(frozen=True)
class Steps:
    """A recipe's stages in three parts."""

    before: tuple[Stage, ...]
    """Those that bring the product onto its canvas; they need no backend."""
    drawing: tuple[Stage, ...]
    """Those that make the scene."""
    after: tuple[Stage, ...]
    """All the others."""

    @classmethod
    def of(cls, stages: Sequence[Stage]) -> Self:
        """Part stages before the first and after the last that makes a scene.

        Those before it that need the brief, or something that was made with it, go to the drawing. What works
        for others alone, and is used by none, is left out.
        """
        used = [{*stage.takes, *stage.uses} for stage in stages]
        stages = [
            stage
            for number, stage in enumerate(stages)
            if not stage.is_for_others or not set().union(*used[number + 1 :]).isdisjoint(stage.gives)
        ]
        making = [number for number, stage in enumerate(stages) if Drawn in stage.gives]
        first, last = (making[0], making[-1] + 1) if making else (len(stages), len(stages))
        briefed: set[type] = {Brief}
        before: list[Stage] = []
        drawing: list[Stage] = []
        for stage in stages[:first]:
            if briefed.isdisjoint(stage.takes):
                before.append(stage)
            else:
                briefed.update(stage.gives)
                drawing.append(stage)
        return cls(tuple(before), (*drawing, *stages[first:last]), tuple(stages[last:]))


def preparation(shot: Shot) -> Hashable:
    """Return what decides the work before the scene: equal ones share it, whatever scene is asked for."""
    return *shot.pictures.items(), shot.box, shot.points, shot.asked_pose, Steps.of(shot.recipe.stages).before


class PreparedShot:
    """A shot whose product is on its canvas; shots that differ in their scene only can share it."""

    def __init__(self, shot: Shot, frame: Frame, seconds: Mapping[str, float]) -> None:
        self.shot = shot
        self.seconds = dict(seconds)
        """How long each stage took."""
        self._frame: Frame | None = frame
        self._packed: _PackedCutOut | None = None

    @property
    def frame(self) -> Frame:
        """The layers; after a way to another process they are made again, from the matte, when first used."""
        if self._frame is None:
            self._frame = _prepared_again(self.shot, self._packed)
        return self._frame

    def for_shot(self, shot: Shot) -> PreparedShot:
        """Return the same layers for another shot of the same product on the same canvas.

        Raises:
            SettingError: If it differs in what decides them.
        """
        if preparation(shot) != preparation(self.shot):
            raise SettingError(
                "only shots of one photograph, cut out and placed alike, share their preparation"
            )
        return PreparedShot(shot, self.frame.holding(_brief(shot, self.frame[Given])), self.seconds)

    def __getstate__(self) -> dict[str, Any]:
        packed = self._packed if self._frame is None else _PackedCutOut.of(self._frame)
        return {"shot": self.shot, "seconds": self.seconds, "_frame": None, "_packed": packed}


class DrawnShot:
    """A shot whose scene is drawn, of one seed."""

    def __init__(self, prepared: PreparedShot, frame: Frame, seconds: Mapping[str, float]) -> None:
        self.prepared = prepared
        self.frame = frame
        self.seconds = dict(seconds)
        """How long each stage took, those of the preparation included."""

    def __getstate__(self) -> dict[str, Any]:
        earlier = self.prepared.frame
        new = [layer for kind, layer in self.frame.layers.items() if layer is not earlier.get(kind)]
        backdrop = self.frame[Placed].backdrop
        return {
            "prepared": self.prepared,
            "seconds": self.seconds,
            "notices": self.frame.notices,
            "layers": [_packed(layer, backdrop) for layer in new],
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.prepared, self.seconds = state["prepared"], state["seconds"]
        before = self.prepared.frame
        backdrop = before[Placed].backdrop
        layers = [x.unpacked(backdrop) if isinstance(x, _PackedDrawn) else x for x in state["layers"]]
        self.frame = replace(before.holding(*layers), notices=state["notices"])


def start(shot: Shot) -> Frame:
    """Return the first layers of a shot: its pictures, read, and what is asked."""

    def read(picture: object) -> Any:
        return picture.photo if isinstance(picture, HeldPicture) else picture

    photo = files.load(read(shot.photo))
    given = Given(
        photo=photo,
        matte=None if shot.matte is None else files.load_matte(read(shot.matte)),
        box=shot.box,
        points=shot.points,
        pose=shot.asked_pose,
        backdrop=None if shot.background is None else files.load(read(shot.background)).rgb,
        reference=None if shot.reference is None else files.load(read(shot.reference)).rgb,
        light_map=None if shot.light_map is None else files.load(read(shot.light_map)).rgb,
        light_from=None if shot.light_from is None else files.load(read(shot.light_from)).rgb,
    )
    return Frame().holding(given, _brief(shot, given)).noting(*photo.notices)


def _brief(shot: Shot, given: Given) -> Brief:
    recipe = shot.recipe
    return Brief(
        prompt=shot.whole_prompt,
        negative_prompt=recipe.negative_prompt if shot.negative_prompt is None else shot.negative_prompt,
        seed=shot.seed,
        lights=shot.asked_lights or lights_in_pictures.lights_of(given),
        loras=shot.loras,
        profile=recipe.profile,
        asked=shot.asked_of_scene(takes_light=False),
        unwanted_shadow=next((x for stage in recipe.stages if (x := stage.unwanted_shadow)), ""),
    )


def run_stages(stages: Sequence[Stage], frame: Frame, tools: Tools, seconds: dict[str, float]) -> Frame:
    """Apply stages in their order; what each took is added to `seconds`."""
    for stage in stages:
        tools.progress(stage.stage, 0.0)
        begun = time.perf_counter()
        frame = stage.apply(frame, tools)
        seconds[stage.stage] = seconds.get(stage.stage, 0.0) + time.perf_counter() - begun
        tools.progress(stage.stage, 1.0)
    return frame


def _no_client() -> Any:
    raise SettingError("a stage before the scene asked for a backend; put it after the scene is drawn")


OFFLINE = Tools(client=_no_client)
"""Tools for stages that need no backend."""


def _prepared_again(shot: Shot, packed: _PackedCutOut | None) -> Frame:
    first = start(shot)
    if packed is not None:
        given = first[Given]
        first = first.holding(replace(given, found=packed.unpacked(given.photo)))
    frame = run_stages(Steps.of(shot.recipe.stages).before, first, OFFLINE, {})
    return frame if packed is None else replace(frame, notices=packed.notices)


def _packed(layer: object, backdrop: NDArray[np.float32] | None) -> object:
    """Return a layer as it travels: its pictures packed, and none that another layer holds as well."""
    if isinstance(layer, Drawn):
        return _PackedDrawn.of(layer, backdrop)
    return replace(layer, backdrop=None) if isinstance(layer, PaintedFloor) else layer


@dataclass(frozen=True)
class _PackedArray:
    """A float array without loss: in 8 bit where that is exact, else as it is; compressed."""

    data: bytes
    shape: tuple[int, ...]
    is_8_bit: bool

    @classmethod
    def of(cls, array: NDArray[np.float32]) -> Self:
        pixels = to_uint8(array)
        is_8_bit = np.array_equal(from_uint8(pixels), array)
        kept = pixels if is_8_bit else np.asarray(array, np.float32)
        return cls(zlib.compress(kept.tobytes(), PACKING_LEVEL), array.shape, is_8_bit)

    def unpacked(self) -> NDArray[np.float32]:
        data = zlib.decompress(self.data)
        if self.is_8_bit:
            return from_uint8(np.frombuffer(data, np.uint8).reshape(self.shape))
        return np.frombuffer(data, np.float32).reshape(self.shape)


_NO_MATTE = np.empty((0, 0), np.float32)
_NO_PHOTO = Photo(np.empty((0, 0, 3), np.float32))


@dataclass(frozen=True)
class _PackedCutOut:
    """What was found of the product in the photograph, without the photograph."""

    matte: _PackedArray
    without_pictures: CutOut
    notices: tuple[str, ...]

    @classmethod
    def of(cls, frame: Frame) -> Self | None:
        cut = frame.get(CutOut)
        if cut is None:
            return None
        return cls(_PackedArray.of(cut.matte), replace(cut, photo=_NO_PHOTO, matte=_NO_MATTE), frame.notices)

    def unpacked(self, photo: Photo) -> CutOut:
        return replace(self.without_pictures, photo=photo, matte=self.matte.unpacked())


@dataclass(frozen=True)
class _PackedDrawn:
    """A drawn scene; one that is the user's own background is not carried."""

    scene: _PackedArray | None
    relit: _PackedArray | None
    is_one: bool
    """Whether scene and relit picture are the same."""
    without_pictures: Drawn = field(repr=False)

    @classmethod
    def of(cls, drawn: Drawn, backdrop: NDArray[np.float32] | None) -> Self:
        is_one = drawn.relit is drawn.scene
        empty = np.empty((0, 0, 3), np.float32)
        return cls(
            scene=None if drawn.scene is backdrop else _PackedArray.of(drawn.scene),
            relit=None if is_one or drawn.relit is None else _PackedArray.of(drawn.relit),
            is_one=is_one,
            without_pictures=replace(drawn, scene=empty, relit=None),
        )

    def unpacked(self, backdrop: NDArray[np.float32] | None) -> Drawn:
        scene = self.scene.unpacked() if self.scene is not None else backdrop
        if scene is None:
            raise SettingError("a drawn scene came without its background; prepare the shot again")
        relit = scene if self.is_one else None if self.relit is None else self.relit.unpacked()
        return replace(self.without_pictures, scene=scene, relit=relit)
