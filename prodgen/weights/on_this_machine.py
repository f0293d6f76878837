"""Weights on this machine: what each name stands for, where its files lie, and how they are downloaded.

Two kinds of name are known. Networks cut products out; their files lie where rembg looks for them, so that
rembg itself finds them too. Models draw; their files lie in the models folder. Nothing is downloaded unless
`get` is called.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TextIO

from prodgen.cutout import networks, rembg_sessions, segmenters
from prodgen.errors import SettingError, UnknownNameError, WeightsError
from prodgen.weights.checks import what_is_wrong
from prodgen.weights.download import DownloadOptions, FileState, Outcome, free_bytes, get_all, inspect, plan
from prodgen.weights.folders import MODELS_VARIABLE, models_folder
from prodgen.weights.manifest import Weight, read_list
from prodgen.weights.progress import ProgressLine
from prodgen.weights.record import Record
from prodgen.weights.transfer import SPARE_BYTES


@dataclass(frozen=True)
class WeightSet:
    """The files that one name stands for, and where they are."""

    name: str
    """The segmenter's name, or the model's name in the list of weights."""
    weights: tuple[Weight, ...]
    """Its files; their `file` is below `folder`."""
    folder: Path
    """Where a download puts them."""
    paths: tuple[Path, ...]
    """Where they are on this machine; none: they are not here."""
    is_network: bool
    """Whether it cuts products out; False: it draws."""

    @property
    def size(self) -> int | None:
        """Bytes of all its files; None where a size is not known."""
        sizes = [weight.size for weight in self.weights]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def size_in_words(self) -> str:
        """Such as "179 MB"."""
        return "size not known" if self.size is None else f"{self.size / 1e6:.0f} MB"

    @property
    def is_packaged(self) -> bool:
        """Whether it comes with prodgen."""
        return all(weight.packaged for weight in self.weights)


def weight_set(name: str) -> WeightSet:
    """What is known of the weights of one name, which may be an alias in the list of weights.

    Raises:
        UnknownNameError: If nothing has that name.
        SettingError: If prodgen refuses it.
    """
    if name in segmenters.REFUSED:
        raise SettingError(f"{name!r} is refused: {segmenters.REFUSED[name]}")
    if name in networks.MODELS:
        return _network(name)
    found = next((weight for weight in read_list() if name in weight.names), None)
    if found is None:
        known = dict.fromkeys((*networks.MODELS, *_names_of_models()))  # some have two files of one name
        raise UnknownNameError("set of weights", name, known)
    network = _network_of(found)
    return _network(network) if network else _model(found)


def all_sets() -> tuple[WeightSet, ...]:
    """Every network that prodgen can run, the one that `auto` likes best first; then the models that draw."""
    models = [weight for weight in read_list() if not _cuts_out(weight)]
    return (*(_network(name) for name in networks.MODELS), *(_model(weight) for weight in models))


def worth_getting() -> WeightSet | None:
    """The network that `auto` likes best, where it has to make do with the one that comes with prodgen."""
    here = set(segmenters.available())
    if not rembg_sessions.is_installed() or any(
        name in here for name in segmenters.AUTO_ORDER if name != networks.PACKAGED
    ):
        return None
    return _network(segmenters.AUTO_ORDER[0])


def _network(name: str) -> WeightSet:
    by_file = {PurePosixPath(weight.file).name: weight for weight in read_list()}
    weights = tuple(
        replace(by_file[file], file=f"models/{name}/{file}") for file in networks.file_names(name)
    )
    return WeightSet(name, weights, networks.home(), networks.weights(name), is_network=True)


def _model(weight: Weight) -> WeightSet:
    path = models_folder() / weight.file
    paths = (path,) if path.is_file() else ()
    return WeightSet(weight.name, (weight,), models_folder(), paths, is_network=False)


def _cuts_out(weight: Weight) -> bool:
    return weight.kind == "onnx"


def _network_of(weight: Weight) -> str | None:
    file = PurePosixPath(weight.file).name
    return next((name for name in networks.MODELS if file in networks.file_names(name)), None)


def _names_of_models() -> tuple[str, ...]:
    return tuple(name for weight in read_list() if not _cuts_out(weight) for name in weight.names)


def get(names: Iterable[str], *, progress: TextIO, accept_unverified: bool = False) -> tuple[WeightSet, ...]:
    """Download the weights of these names, checked, each into its folder.

    Files that are here and right stay. A download that was stopped goes on where it was.

    Args:
        names: Of networks and models.
        progress: Where the progress is written, such as `sys.stderr`.
        accept_unverified: Whether files are taken of which no hash is known.

    Returns:
        The sets, all of whose files are here.

    Raises:
        UnknownNameError: If nothing has such a name.
        WeightsError: If a file does not come; what came of it stays for the next time.
        KeyboardInterrupt: If the user stopped it.
    """
    wanted = [weight_set(name) for name in names]
    for one in wanted:
        _refuse_unverified(one, accepted=accept_unverified)
    missing: dict[Path, list[Weight]] = {}
    for one in wanted:
        missing.setdefault(one.folder, []).extend(x for x in one.weights if not _is_here(one, x))
    for folder, weights in missing.items():
        if weights:
            _download(weights, folder, progress)
    return tuple(weight_set(one.name) for one in wanted)


def _refuse_unverified(one: WeightSet, *, accepted: bool) -> None:
    for weight in one.weights:
        if not (weight.verified or accepted or _is_here(one, weight)):
            raise WeightsError(
                one.name,
                "no hash of it is known, so that a forged file could not be told;"
                f" to take it as it comes: prodgen weights get {one.name} --accept-unverified",
            )


def _is_here(one: WeightSet, weight: Weight) -> bool:
    """Whether the file that would be used for this weight is the right one."""
    if weight.packaged:
        return True
    name = PurePosixPath(weight.file).name
    path = next((path for path in one.paths if path.name == name), None)
    if path is None:
        return False
    if path == one.folder / weight.file:
        return inspect(weight, one.folder, Record(one.folder)).state is FileState.HERE
    return what_is_wrong(path, weight) is None


def _download(missing: list[Weight], folder: Path, progress: TextIO) -> None:
    variable = "REMBG_HOME" if folder == networks.home() else MODELS_VARIABLE
    if folder.parts[:1] == ("~",):
        raise WeightsError(missing[0].name, f"this user has no home folder; name a folder with {variable}")
    # A source that cannot be reached is told at once; a broken connection is worth another try.
    accepted = frozenset(weight.name for weight in missing)
    options = DownloadOptions(folder, accepted=accepted, retries=2, waits_for_network=False, pause_s=0.5)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        record = Record(folder)
        download_plan = plan(missing, options, record)
        free = free_bytes(folder)
        if download_plan.missing_bytes + SPARE_BYTES > free:
            raise WeightsError(
                missing[0].name,
                f"{download_plan.missing_bytes / 1e6:.0f} MB are to come, and {free / 1e6:.0f} MB are free in"
                f" {str(folder)!r}; name another folder with {variable}",
            )
        outcomes = get_all(download_plan.to_get, options, record, ProgressLine(progress))
    except OSError as error:
        raise WeightsError(
            missing[0].name,
            f"{str(folder)!r} cannot be used ({error.strerror or error}); name another with {variable}",
        ) from error
    if any(outcome.state is FileState.STOPPED for outcome in outcomes):
        raise KeyboardInterrupt
    _refuse_failures(outcomes, folder)


def _refuse_failures(outcomes: Iterable[Outcome], folder: Path) -> None:
    for outcome in outcomes:
        if outcome.state is not FileState.FETCHED:
            raise WeightsError(
                outcome.weight.name,
                f"{outcome.detail}; the same command goes on from what has come,"
                f" or put the file into {str((folder / outcome.weight.file).parent)!r} yourself",
            )
