"""How a shot is rendered: prepared, drawn, completed, and written whole or not at all.

`shoot` and `shoot_all` go this way one shot after another. Whoever wants to overlap the steps of several
shots, in threads or processes, calls `check` for each shot, then `prepare`, `draw`, `complete` and `deliver`;
what goes from one to the next is in `handing_over`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from prodgen import files
from prodgen.client import Client
from prodgen.cutout import Point, Rectangle
from prodgen.errors import ProductNotKeptError
from prodgen.files import PictureSource
from prodgen.light import Light
from prodgen.presence import find_duplicate
from prodgen.schema import Lora, seeds
from prodgen.shots import lights_in_pictures
from prodgen.shots.checking import check
from prodgen.shots.frame import Frame, Tools
from prodgen.shots.handing_over import (
    OFFLINE,
    DrawnShot,
    PreparedShot,
    Steps,
    preparation,
    run_stages,
    start,
)
from prodgen.shots.layers import Brief, Drawn, Given, Placed
from prodgen.shots.recipe import Recipe, Setting
from prodgen.shots.result import Result, WriteFile, is_drawn_by_seed, rejected_name
from prodgen.shots.routes import choose
from prodgen.shots.shot import Shot, new_shot

OnProgress = Callable[[str, float], None]
"""Called with a stage's name and how far it is, 0 to 1."""

SAME_AGAIN = (
    "this picture equals the one before: what draws without a model has no use for a seed on a background of"
    " yours; a Stable Diffusion server has (--backend URL), and --place and --light make another picture here"
)
"""Told with each further picture of a job that nothing but its seed tells apart."""


def shoot(
    photo: PictureSource,
    prompt: str = "",
    *,
    output: str | Path | None = None,
    backend: str | Client = "auto",
    recipe: str | Path | Recipe = "auto",
    settings: Mapping[str, Setting] | None = None,
    seed: int | None = None,
    negative_prompt: str | None = None,
    background: PictureSource | None = None,
    reference: PictureSource | None = None,
    matte: PictureSource | None = None,
    box: Rectangle | str | None = None,
    points: Sequence[Point] | str = (),
    pose: str | float | None = None,
    light: str | Light | Sequence[str | Light] | None = None,
    light_map: PictureSource | None = None,
    light_from: PictureSource | None = None,
    loras: Sequence[str | Lora] = (),
    like: PictureSource | None = None,
    dialect: str | None = None,
    on_progress: OnProgress | None = None,
) -> Result:
    """Put the product of a photograph into a scene.

        shoot("mug.jpg", "on a wooden table, sunset").save("mug-sunset.png")

    A picture is a path, a file's bytes, a file object opened in binary mode, a picture of Pillow's, an array
    (8-bit, or floats from 0 to 1) or a `Photo`.

    Args:
        photo: The photograph.
        prompt: The scene, in words.
        output: File to write, with "{seed}" in its name for the seed used; None leaves the picture in
            `Result.image`.
        backend: "auto" (the server at PRODGEN_BACKEND or 127.0.0.1:7860 if one answers, else the
            embedded one), "embedded://", a URL, or an open `Client`.
        recipe: A built-in recipe's name, a TOML file, or a `Recipe`. "auto" takes the way that is open:
            `relight`, on a backend without IC-Light `inpaint` or `background`, with a reference picture
            `reference`; and tells why.
        settings: Parameters of the recipe, by name, such as {"steps": 20, "size": "4:5", "blend": 0.8}.
        seed: Decides the scene; None draws one, which `Result.seed` tells.
        negative_prompt: What should not be seen; None takes the recipe's.
        background: A picture of your own to put the product into.
        reference: A picture whose look and set the scene takes over; nothing of the product changes.
        matte: Your own cut-out mask, white = product, of the photograph's size.
        box: The product's box in the photograph: left, top, right, bottom in pixels, or in words, such as
            "10%,5%,90%,95%".
        points: Places that are surely product (True) or surely background (False): x, y, which; or in words,
            such as "+320,400 -50%,9%".
        pose: How the camera looked at the product: "auto" or None (it is estimated), "upright", "flat" (a
            flat lay, from straight above), or degrees from 0 (head-on) to 90 (from above).
        light: Where the light comes from: "left", "10 o'clock high", "golden hour from behind", "45,30"
            (degrees), or a `Light`; or up to four of these, the key light first.
        light_map: A picture that is bright where light comes from; relighting starts from it. Without `light`
            its light is read from it for prompt words and shadow.
        light_from: A reference picture: the light in it is estimated, told, and asked for.
        loras: LoRAs by the backend's names, as `Lora` or "NAME:WEIGHT".
        like: A delivered picture that this one is to be like: what you do not say (recipe, scene, seed,
            light, canvas, the product's size and line, exposure) is taken from its story, or estimated
            without one.
        dialect: The kind of server, such as "forge", if it should not be found out.
        on_progress: Called with each stage's name and how far it is, 0 to 1.

    Returns:
        The picture, what was measured, and its story.

    Raises:
        ProdgenError: One of its kinds, if anything prevents an honest picture. Nothing is written then.
    """
    shot = new_shot(
        photo,
        prompt,
        negative_prompt=negative_prompt,
        seed=seed,
        output=output,
        recipe=recipe,
        settings=settings,
        background=background,
        reference=reference,
        matte=matte,
        box=box,
        points=points,
        pose=pose,
        light=light,
        light_map=light_map,
        light_from=light_from,
        loras=loras,
        like=like,
    )
    return next(shoot_all([shot], backend=backend, dialect=dialect, on_progress=on_progress))


def shoot_all(
    shots: Sequence[Shot],
    *,
    backend: str | Client = "auto",
    dialect: str | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[Result]:
    """Render shots one after another; those of one product share the work before the scene.

    Raises:
        ProdgenError: At the first shot that fails; those before it are done and written.
    """
    with open_tools(backend, dialect=dialect, on_progress=on_progress) as tools:
        prepared: PreparedShot | None = None
        for shot in shots:
            check(shot)
            if prepared is None or preparation(prepared.shot) != preparation(shot):
                prepared = prepare(shot, tools)
            yield deliver(_kept(prepared.for_shot(shot), tools))


def prepare(shot: Shot, tools: Tools = OFFLINE) -> PreparedShot:
    """Bring the product of a shot onto its canvas; no backend is asked.

    Raises:
        ProdgenError: If a picture cannot be read, or no product is found in it.
    """
    seconds: dict[str, float] = {}
    frame = run_stages(Steps.of(shot.recipe.stages).before, start(shot), tools, seconds)
    return PreparedShot(shot, frame, seconds)


def draw(prepared: PreparedShot, tools: Tools, *, seed: int | None = None) -> DrawnShot:
    """Have the scene drawn; the only step that keeps a backend busy for long.

    Args:
        prepared: The product on its canvas.
        tools: Gives the connection to the backend.
        seed: Another seed than the shot's.

    Raises:
        BackendError: If the backend cannot do it.
    """
    route = None
    if prepared.shot.recipe.is_open:
        shot, route = choose(prepared.shot, tools.client().capabilities)
        prepared = prepared.for_shot(shot)
    seconds, frame = dict(prepared.seconds), prepared.frame
    recipe = prepared.shot.recipe
    if recipe.asks_backend or recipe.takes_background:
        for stage in recipe.stages:
            stage.foresee(frame)
    # Not told earlier: shots that share their preparation may ask for light of their own, or for none.
    like = prepared.shot.like
    frame = frame.noting(None if like is None else str(like), lights_in_pictures.passed_over(prepared.shot))
    frame = frame.noting(lights_in_pictures.told(prepared.shot.asked_lights, frame[Given]))
    if route is not None:
        frame = frame.holding(route).noting(route.notice)
    frame = frame.holding(replace(frame[Brief], seed=prepared.shot.seed if seed is None else seed))
    frame = run_stages(Steps.of(prepared.shot.recipe.stages).drawing, frame, tools, seconds)
    if prepared.shot.is_repeat and not is_drawn_by_seed(prepared.shot, frame):
        frame = frame.noting(SAME_AGAIN)
    return DrawnShot(prepared, frame, seconds)


def complete(drawing: DrawnShot, tools: Tools) -> Result:
    """Make the picture of what was drawn, and measure it; a backend may be asked to enlarge the scene.

    Raises:
        ProdgenError: If the product cannot be measured, or the backend cannot enlarge the scene.
    """
    shot, seconds = drawing.prepared.shot, dict(drawing.seconds)
    frame = run_stages(Steps.of(shot.recipe.stages).after, drawing.frame, tools, seconds)
    frame = _looked_over(frame)
    return Result(shot=shot, frame=frame, image=frame.picture, seconds=seconds)


def _looked_over(frame: Frame) -> Frame:
    """Return the frame with what a backend drew into its scene that nobody asked for, and a notice of it.

    A background of the user's is the scene as it is, whatever was drawn to light the product; and so are the
    surroundings of a photograph that were continued. What draws without a model paints no product.
    """
    drawn, placed = frame.get(Drawn), frame.get(Placed)
    if drawn is None or placed is None or placed.backdrop is not None or not drawn.origin.is_generated:
        return frame
    if drawn.relit is not None:
        duplicate = find_duplicate(drawn.relit, placed.matte)
    else:
        duplicate = find_duplicate(drawn.scene, placed.matte, known=placed.placement.photographed)
    return frame if duplicate is None else frame.holding(duplicate).noting(str(duplicate))


def deliver(result: Result, write: WriteFile = files.write_bytes) -> Result:
    """Write the picture where its shot says, if it does.

    Args:
        result: The picture.
        write: Writes a file whole or not at all, given its path and content.

    Raises:
        ProductNotKeptError: If the product could not be kept and the recipe says "fail"; the picture is
            then kept aside, under a name that says so.
        ImageError: If it cannot be written.
    """
    output = result.shot.output
    if not result.is_failed or result.shot.recipe.on_failure == "warn":
        return result if output is None else result.save(output, write)
    aside = None if output is None else result.save(rejected_name(output), write).path
    raise ProductNotKeptError(
        result.verdict.failures,
        result.verdict.reasons(only_failures=True),
        None if aside is None else str(aside),
    )


class Tries:
    """The seeds of one shot in turn, until its product is kept or the recipe's tries are used up."""

    def __init__(self, shot: Shot) -> None:
        self._shot = shot
        self._seeds = seeds.tries(shot.seed, shot.recipe.tries)
        self._number = 1

    @property
    def seed(self) -> int:
        """The seed to draw now."""
        return self._seeds[self._number - 1]

    def settle(self, result: Result) -> Result | None:
        """Return what is to be delivered, with a notice of further tries; None: draw the next seed.

        A second product in the scene is a reason for another seed as well. A cut-out that failed, and a
        picture that no seed draws, end it at once: they are the same with every seed.
        """
        is_by_seed = is_drawn_by_seed(result.shot, result.frame)
        is_beyond_seeds = result.verdict.is_beyond_seeds or not is_by_seed
        is_refused = result.is_failed or result.duplicate is not None
        if is_refused and not is_beyond_seeds and self._number < len(self._seeds):
            self._number += 1
            return None
        if self._number > 1:
            end = " until the product was kept"
            if result.is_failed:
                end = ", and the product was kept in none"
            elif is_refused:
                end = ", and the last still has one product too many"
            notice = f"seeds tried{end}: {', '.join(map(str, self._seeds[: self._number]))}"
        elif result.is_failed and is_beyond_seeds and len(self._seeds) > 1:
            why = "none mends the cut-out" if is_by_seed else "none changes the picture"
            notice = f"no other seed was tried, since {why}"
        else:
            return result
        return replace(result, frame=result.frame.noting(notice))


def _kept(prepared: PreparedShot, tools: Tools) -> Result:
    tries = Tries(prepared.shot)
    while (result := tries.settle(complete(draw(prepared, tools, seed=tries.seed), tools))) is None:
        pass
    return result


@contextmanager
def open_tools(
    backend: str | Client = "auto", *, dialect: str | None = None, on_progress: OnProgress | None = None
) -> Iterator[Tools]:
    """Give what stages may use; a connection that is opened on the way is closed at the end.

    Args:
        backend: An address, as for `shoot`, or an open `Client`, which stays open.
        dialect: The kind of server, if it should not be found out.
        on_progress: Called with each stage's name and how far it is, 0 to 1.
    """
    with ExitStack() as stack:

        @cache
        def client() -> Client:
            if not isinstance(backend, str):
                return backend
            return stack.enter_context(Client(backend, dialect=dialect))

        yield Tools(client=client, progress=on_progress or (lambda stage, fraction: None))
