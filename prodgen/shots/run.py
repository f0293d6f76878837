"""How a shot is rendered: the recipe's stages in their order, then the file, whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prodgen import codecs, cutout, files, identity
from prodgen.errors import IdentityError, ImageError, SettingError
from prodgen.light import Light
from prodgen.schema import Lora, seeds
from prodgen.shots.frame import Stage
from prodgen.shots.recipe import Recipe
from prodgen.shots.result import Result
from prodgen.shots.shot import Shot, new_shot
from prodgen.shots.stages import Finish, Frame, Identity, Relight, Segment, Tools

if TYPE_CHECKING:
    from prodgen.client import Client

OnProgress = Callable[[str, float], None]
"""Is told the stage's name and how far it is, 0 to 1."""


def shoot(
    source: str | Path,
    prompt: str = "",
    *,
    output: str | Path | None = None,
    backend: str | Client = "auto",
    recipe: str | Path | Recipe = "relight",
    seed: int | None = None,
    negative_prompt: str | None = None,
    background: str | Path | None = None,
    light: str | None = None,
    loras: Sequence[Lora] = (),
    settings: dict[str, Any] | None = None,
    dialect: str | None = None,
    on_progress: OnProgress | None = None,
) -> Result:
    """Put the product of a photograph into a scene.

    Args:
        source: The photograph.
        prompt: The scene, in words.
        output: File to write, with "{seed}" in its name for the seed used; None leaves the picture in
            `Result.image`.
        backend: "auto" (the server at PRODGEN_BACKEND or 127.0.0.1:7860 if one answers, else the
            embedded one), "embedded://", a URL, or an open `Client`.
        recipe: A built-in recipe's name, a TOML file, or a `Recipe`.
        seed: Decides the scene; None draws one, which `Result.shot.seed` tells.
        negative_prompt: What should not be seen; None takes the recipe's.
        background: A picture of your own to put the product into.
        light: Where the light comes from: "left", "top-right", "45,30" (degrees) ...
        loras: LoRAs by the backend's names.
        settings: Parameters of the recipe's stages, by name, such as {"steps": 20, "size": "4:5"}.
        dialect: The kind of server, such as "forge", if it should not be found out.
        on_progress: Is told each stage's name and how far it is, 0 to 1.

    Returns:
        The picture, what was measured, and its story.

    Raises:
        ProdgenError: One of its kinds, if anything prevents an honest picture. Nothing is written then.
    """
    chosen = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe)
    shot = new_shot(
        source=source,
        prompt=prompt,
        negative_prompt=negative_prompt,
        seed=seed,
        output=output,
        recipe=chosen.with_settings(settings or {}),
        background=background,
        light=light,
        loras=tuple(loras),
    )
    return next(shoot_all([shot], backend=backend, dialect=dialect, on_progress=on_progress))


def shoot_all(
    shots: Sequence[Shot],
    *,
    backend: str | Client = "auto",
    dialect: str | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[Result]:
    """Render shots one after another; those that differ in seed only share the work before the scene.

    Raises:
        ProdgenError: At the first shot that fails; those before it are done and written.
    """
    with ExitStack() as stack:
        tools = _tools(backend, dialect, on_progress or (lambda stage, fraction: None), stack)
        prepared: tuple[Shot, Frame, dict[str, float]] | None = None
        for shot in shots:
            _check(shot)
            first = next(
                (k for k, s in enumerate(shot.recipe.stages) if s.is_seeded), len(shot.recipe.stages)
            )
            if prepared is None or not _same_but_seed(prepared[0], shot):
                seconds: dict[str, float] = {}
                frame = _run(shot.recipe.stages[:first], _start(shot), tools, seconds)
                prepared = (shot, frame, seconds)
            _, frame, seconds = prepared
            yield _draw(shot, frame, shot.recipe.stages[first:], dict(seconds), tools)


def _tools(backend: str | Client, dialect: str | None, on_progress: OnProgress, stack: ExitStack) -> Tools:
    opened: list[Client] = []

    def client() -> Client:
        if not opened:
            if isinstance(backend, str):
                from prodgen.client import Client as Connection  # a packshot needs no HTTP at all

                opened.append(stack.enter_context(Connection(backend, dialect=dialect)))
            else:
                opened.append(backend)
        return opened[0]

    return Tools(client=client, segmenter=cutout.segmenter, progress=on_progress)


def _check(shot: Shot) -> None:
    """Refuse what can be known to fail before any work is done."""
    draws = any(stage.is_seeded for stage in shot.recipe.stages)
    asked = {
        "prompt": shot.prompt,
        "negative prompt": shot.negative_prompt,
        "light": shot.light,
        "LoRAs": shot.loras,
    }
    idle = [name for name, value in asked.items() if value]
    if idle and not draws:
        raise SettingError(
            f"recipe {shot.recipe.name!r} draws no scene, so {' and '.join(idle)} would be without effect;"
            " leave them out"
        )
    if draws and not shot.prompt and shot.background is None:
        raise SettingError(
            "the prompt is empty; say what the scene should be, such as --prompt 'on a wooden table, sunset'"
        )
    if shot.background is not None and not any(isinstance(stage, Relight) for stage in shot.recipe.stages):
        raise SettingError(f"recipe {shot.recipe.name!r} draws its own background; leave out --background")
    if shot.output is not None and shot.output.suffix.lower() not in codecs.FORMATS:
        raise ImageError(f"{shot.output.name!r}: the ending must be one of {', '.join(codecs.FORMATS)}")
    if shot.output is not None:
        masks = [stage.matte_file for stage in shot.recipe.stages if isinstance(stage, Segment)]
        policy = next((stage for stage in shot.recipe.stages if isinstance(stage, Identity)), Identity())
        for seed in seeds.tries(shot.seed, policy.tries):
            files.refuse_overwriting(
                seeds.in_name(shot.output, seed),
                shot.source,
                shot.background,
                *(Path(mask) for mask in masks if mask is not None),
            )


def _same_but_seed(one: Shot, other: Shot) -> bool:
    ignored = {"seed": 0, "output": None}
    return one.model_copy(update=ignored) == other.model_copy(update=ignored)


def _start(shot: Shot) -> Frame:
    photo = files.load(shot.source)
    backdrop = None if shot.background is None else files.load(shot.background)
    return Frame(
        photo=photo,
        prompt=shot.prompt,
        negative_prompt=shot.recipe.negative_prompt if shot.negative_prompt is None else shot.negative_prompt,
        seed=shot.seed,
        light=None if shot.light is None else Light.parse(shot.light),
        loras=shot.loras,
        backdrop=None if backdrop is None else backdrop.rgb,
        notices=photo.notices,
    )


def _run(stages: Sequence[Stage], frame: Frame, tools: Tools, seconds: dict[str, float]) -> Frame:
    for stage in stages:
        name = type(stage).__name__.lower()
        tools.progress(name, 0.0)
        begun = time.perf_counter()
        frame = stage.apply(frame, tools)
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - begun
        tools.progress(name, 1.0)
    return frame


def _draw(
    shot: Shot, prepared: Frame, stages: Sequence[Stage], seconds: dict[str, float], tools: Tools
) -> Result:
    """Draw until the product is inside its limits, or the recipe's tries are used up."""
    policy = next((stage for stage in stages if isinstance(stage, Identity)), Identity())
    tried: list[int] = []
    for seed in seeds.tries(shot.seed, policy.tries):
        tried.append(seed)
        frame = _run(stages, prepared.replace(seed=seed), tools, seconds)
        if not _is_failed(frame):
            break
    if len(tried) > 1:
        frame = frame.noting(f"seeds tried until the product was kept: {', '.join(map(str, tried))}")
    output = None if shot.output is None else seeds.in_name(shot.output, frame.seed)
    if frame.verdict is None or not _is_failed(frame) or policy.on_failure == "warn":
        return _finish(shot, frame, seconds, output)
    reasons = "; ".join(identity.reasons(frame.verdict, only_failures=True))
    if output is None:
        raise IdentityError(f"the product could not be kept the same: {reasons}")
    aside = output.with_stem(f"{output.stem}.rejected")
    _finish(shot, frame, seconds, aside)
    raise IdentityError(
        f"the product could not be kept the same: {reasons}; the picture is at {str(aside)!r}"
    )


def _is_failed(frame: Frame) -> bool:
    return frame.verdict is not None and frame.verdict.status == "fail"


def _finish(shot: Shot, frame: Frame, seconds: dict[str, float], output: Path | None) -> Result:
    done = Result(shot=shot, frame=frame, image=frame.picture, path=output, seconds=seconds)
    if output is not None:
        last = next((stage for stage in shot.recipe.stages if isinstance(stage, Finish)), Finish())
        text = done.text() if last.metadata else None
        files.save(output, done.image, text=text, quality=last.quality)
    return done
