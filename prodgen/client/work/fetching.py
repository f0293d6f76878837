"""Getting pictures that a server drew but cannot send: let it save them, then fetch the files.

A1111 fails to send any result of IC-Light, because the extension puts an array among them. The
picture itself is fine. Asked to save it under a name of our choice and to send nothing, the
server's page hands the file out. One result per call; needs the page (no --nowebui).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from prodgen.client.reaching.connection import Connection
from prodgen.dialects import Payload, ReadGeneration
from prodgen.errors import BackendAuthError, BackendFaultError, NotABackendError, ResultNotSentError
from prodgen.schema import Progress

OPTIONS = ("samples_filename_pattern", "save_images_add_number", "save_to_dirs", "samples_format")
"""Options that decide where the file ends up."""


def payload_for(payload: Payload, number: int, token: str) -> Payload:
    """Return the call that draws result `number` of `payload` alone and saves it as `token`.png."""
    fields = payload.fields
    offset = {"subseed": fields["subseed"] + number} if fields.get("subseed_strength") else {}
    if not offset:
        offset = {"seed": fields["seed"] + number}
    single = payload.with_fields(batch_size=1, **offset, send_images=False, save_images=True)
    single.fields.pop("n_iter", None)
    return single.with_overrides(
        {
            "samples_filename_pattern": token,
            "save_images_add_number": False,
            "save_to_dirs": False,
            "samples_format": "png",
        }
    )


def folder_of(options: Mapping[str, Any], path: str) -> str:
    """Return the server's folder for results of the route `path`."""
    kind = "img2img" if path.endswith("img2img") else "txt2img"
    return str(
        options.get("outdir_samples") or options.get(f"outdir_{kind}_samples") or f"outputs/{kind}-images"
    )


def part_of(
    on_progress: Callable[[Progress], None] | None, number: int, count: int
) -> Callable[[Progress], None] | None:
    """Return a callback that tells the progress of call `number` as that of all `count`."""
    if on_progress is None or count == 1:
        return on_progress

    def tell(progress: Progress) -> None:
        on_progress(replace(progress, fraction=(number + progress.fraction) / count, eta_s=None))

    return tell


UNANSWERED = ReadGeneration(
    results=(), extras=(), seeds=(None,), infotexts=("",), info={}, is_missing_a_picture=False
)
"""What is known of one picture whose answer was lost: nothing but what its file says."""


def together(reads: Sequence[ReadGeneration]) -> ReadGeneration:
    """Return the answers to single calls as one; pictures are not among them."""
    return ReadGeneration(
        results=(),
        extras=(),
        seeds=tuple(seed for read in reads for seed in read.seeds or (None,)),
        infotexts=tuple(text for read in reads for text in read.infotexts or ("",)),
        info=reads[0].info,
        is_missing_a_picture=False,
        remarks=tuple(dict.fromkeys(remark for read in reads for remark in read.remarks)),
        marked_unsafe=tuple(mark for read in reads for mark in read.marked_unsafe or (False,)),
    )


def fetch(connection: Connection, folder: str, token: str, *, limit: int) -> bytes:
    """Return the file that the server saved.

    Raises:
        ResultNotSentError: If the server does not hand it out.
    """
    file = f"{folder.rstrip('/')}/{token}.png"
    try:
        return connection.fetch(f"/file={quote(file, safe='/:')}", limit=limit)
    except (NotABackendError, BackendAuthError, BackendFaultError) as error:
        raise ResultNotSentError(
            connection.url,
            f"it drew the picture and saved it as {file!r}, but can neither send it nor hand the file out",
        ) from error
