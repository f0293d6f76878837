"""`replay`: make a picture once more and say what differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prodgen import files
from prodgen.errors import IdleSettingError, SettingError
from prodgen.images import RgbImage
from prodgen.replaying.differences import Difference, infotext_differences, pixel_differences
from prodgen.replaying.fitting import fit_to_server
from prodgen.replaying.recorded import RecordedJob, RecordedWorkflow, infotext_values, read_recorded
from prodgen.replaying.shots_again import light_differences, refuse_another_way, shot_again
from prodgen.shots import Result, shoot_all
from prodgen.shots.result import without_folder
from prodgen.shots.shot import PICTURES
from prodgen.text2image import Control, GeneratedPicture, draw_all, read_control
from prodgen.text2image.workflow_pictures import WorkflowPicture, draw_workflow

if TYPE_CHECKING:
    from prodgen.client import Client

NO_BACKEND = "none"
"""Backend in the story of a shot that needed none, such as a packshot."""

OnProgress = Callable[[str, float], None]
"""Called with the name of the step and the share of it that is done, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Replay:
    """A picture that was made once more."""

    picture: Result | GeneratedPicture | WorkflowPicture
    """The new picture: a `Result` of a product shot, a `GeneratedPicture` of one drawn from words, a
    `WorkflowPicture` of a ComfyUI workflow."""
    differences: tuple[Difference, ...]
    """What is not as it was; empty: the same to the bit (or, of a text file, to the infotext)."""

    @property
    def image(self) -> RgbImage:
        """The new picture's pixels, (H, W, 3), sRGB, [0, 1]."""
        return self.picture.image

    @property
    def path(self) -> Path | None:
        """File that the new picture was written to; None: it is in memory only."""
        return self.picture.path

    def as_dict(self) -> dict[str, Any]:
        """Return the new picture's story and the differences, ready for JSON."""
        return {**self.picture.as_dict(), "differences": [x.words for x in self.differences]}


def replay(
    path: str | Path,
    *,
    photo: str | Path | None = None,
    matte: str | Path | None = None,
    background: str | Path | None = None,
    reference: str | Path | None = None,
    light_map: str | Path | None = None,
    light_from: str | Path | None = None,
    controlnet: Sequence[str | Control] = (),
    strict: bool = False,
    output: str | Path | None = None,
    backend: str | Client = "auto",
    dialect: str | None = None,
    on_progress: OnProgress | None = None,
) -> Replay:
    """Make a picture once more, from what its file tells, and say what differs.

        replay("mug-sunset.png", photo="mug.jpg").differences

    Args:
        path: A picture of prodgen's, one of another program that tells how it was drawn, or a .txt file with
            an infotext.
        photo: The product's photograph, for a product shot; its file holds the name only.
        matte: The cut-out mask of the photograph, if the shot was given one.
        background: The background picture, if the shot was given one.
        reference: The picture whose look its scene took over, if the shot was given one.
        light_map: The light map, if the shot was given one.
        light_from: The reference picture of its light, if the shot was given one.
        controlnet: Control pictures, for a picture drawn from words: `Control` objects or
            "MODEL[+MODULE]:FILE[:WEIGHT]". An infotext names them but does not hold them.
        strict: Refuse if anything is known to differ before drawing.
        output: File to write; None: the picture stays in memory.
        backend: "auto", "embedded://", a URL, or an open `Client`.
        dialect: The kind of server, such as "forge"; None: it is found out.
        on_progress: Called with the name of the step and the share of it that is done.

    Raises:
        ImageError: If a file cannot be read or written, or does not tell how it was made.
        SettingError: If a file is missing that the picture was made of, one is given that it was not made
            of, or, with `strict`, something would differ.
        BackendError: If the server fails.
    """
    source = Path(path)
    target = None if output is None else Path(output)
    given_files = (photo, matte, background, reference, light_map, light_from)
    if target is not None:
        given = (source, *(None if file is None else Path(file) for file in given_files))
        files.refuse_overwriting(target, *given)
    recorded = read_recorded(source)
    of_a_shot = dict(zip(PICTURES, given_files, strict=True))
    if isinstance(recorded, RecordedWorkflow):
        if idle := [name for name, file in (*of_a_shot.items(), ("controlnet", controlnet)) if file]:
            raise IdleSettingError(idle, "a workflow drew the picture")
        return _run_again(recorded, target, backend, dialect, on_progress)
    if isinstance(recorded, RecordedJob):
        if idle := [name for name, file in of_a_shot.items() if file is not None]:
            raise IdleSettingError(idle, "the picture is no product shot")
        return _draw_again(recorded, controlnet, target, backend, dialect, on_progress, strict=strict)
    if controlnet:
        raise IdleSettingError(["controlnet"], "a product shot has no control pictures")
    shot, differences = shot_again(recorded, of_a_shot, output=target)
    with ExitStack() as stack:
        before = recorded.story.get("backend")
        server: str | Client = backend
        if before != NO_BACKEND:
            server = (
                stack.enter_context(_connected(backend, dialect)) if isinstance(backend, str) else backend
            )
            refuse_another_way(shot, recorded.story, server)
            if not _may_be(before, now := without_folder(server.name)):
                differences.append(_other_backend(before, now))
        _refuse_if(strict, differences)
        (result,) = shoot_all([shot], backend=server, on_progress=on_progress)
    again = result.story()
    differences += light_differences(recorded.story, again)
    if again["backend"] != before and not any(one.what == "backend" for one in differences):
        differences.append(_other_backend(before, again["backend"]))
    return Replay(result, (*differences, *_pixels_of_shot(recorded.path, result)))


def _draw_again(
    recorded: RecordedJob,
    controlnet: Sequence[str | Control],
    output: Path | None,
    backend: str | Client,
    dialect: str | None,
    on_progress: OnProgress | None,
    *,
    strict: bool,
) -> Replay:
    controls = [read_control(one) if isinstance(one, str) else one for one in controlnet]
    with ExitStack() as stack:
        client = stack.enter_context(_connected(backend, dialect)) if isinstance(backend, str) else backend
        job, differences = fit_to_server(recorded, client, controls=controls)
        _refuse_if(strict, differences)
        (picture,) = draw_all(
            job,
            client=client,
            outputs=None if output is None else [output],
            on_progress=None if on_progress is None else lambda _, share: on_progress("picture", share),
        )
    after = infotext_differences(recorded.infotext, infotext_values(picture.infotext), known=differences)
    pixels = [] if recorded.path is None else pixel_differences(recorded.path, picture.image)
    return Replay(picture, (*differences, *after, *pixels))


def _run_again(
    recorded: RecordedWorkflow,
    output: Path | None,
    backend: str | Client,
    dialect: str | None,
    on_progress: OnProgress | None,
) -> Replay:
    """Run a workflow once more. What a ComfyUI lacks for it, it refuses itself: nothing is exchanged."""
    with ExitStack() as stack:
        client = stack.enter_context(_connected(backend, dialect)) if isinstance(backend, str) else backend
        report = None if on_progress is None else partial(on_progress, "picture")
        picture = draw_workflow(
            recorded.workflow, recorded.seed or 0, client=client, output=output, on_progress=report
        )
    after = infotext_differences(recorded.infotext, infotext_values(picture.infotext))
    return Replay(picture, (*after, *pixel_differences(recorded.path, picture.image)))


def _refuse_if(strict: bool, differences: Sequence[Difference]) -> None:
    if strict and differences:
        raise SettingError("it cannot be the same here: " + "; ".join(x.words for x in differences))


def _may_be(before: object, now: str) -> bool:
    """Whether a backend can be the one of a story: its version may be known only once it has drawn."""
    kind, at, place = now.rpartition(" at ")
    then = str(before)
    return then == now or (bool(at) and then.startswith(f"{kind} ") and then.endswith(f"{at}{place}"))


def _other_backend(before: object, now: str) -> Difference:
    return Difference("backend", f"backend: {before} then, {now} now")


def _connected(backend: str, dialect: str | None) -> Client:
    from prodgen.client import Client as Connection  # HTTP is loaded when it is needed

    return Connection(backend, dialect=dialect)


def _pixels_of_shot(path: Path, result: Result) -> list[Difference]:
    rgb, alpha = result.delivered
    return pixel_differences(path, rgb, alpha=alpha)
