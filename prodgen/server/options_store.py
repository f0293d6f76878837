"""The server's options: one store for all callers, overrides for one call, and the leak.

A fresh A1111 does not restore an override whose key was never saved before: it stays for all later
calls. `leaky` does the same here; by default every override is restored, as on a server whose
options were all saved once.
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from prodgen.server.engine import ModelFile
from prodgen.server.fields import read_fields, spec_like
from prodgen.server.wire import Crashed, Invalid, Refused

MAX_OPTION = 100_000
"""Most characters of one option's value in JSON, as it stays. Guard: all of A1111's have 20 000 together."""

NO_MAPS_OPTION = "control_net_no_detectmap"
"""The ControlNet extension's option that its maps are not handed back beside the pictures."""


@cache
def _defaults() -> dict[str, dict[str, Any]]:
    text = importlib.resources.files("prodgen.server").joinpath("defaults.json").read_text("utf-8")
    result: dict[str, dict[str, Any]] = json.loads(text)
    return result


def command_line_flags() -> dict[str, Any]:
    """Return the answer of /cmd-flags."""
    return dict(_defaults()["cmd_flags"])


class OptionsStore:
    """The options of one server; keys are those of A1111 1.10.1."""

    def __init__(
        self, checkpoints: tuple[ModelFile, ...], *, leaky: bool = False, has_control_net: bool = False
    ) -> None:
        self.defaults = dict(_defaults()["options"])
        if has_control_net:
            self.defaults[NO_MAPS_OPTION] = False
        self.defaults["sd_model_checkpoint"] = checkpoints[0].title
        self.defaults["sd_checkpoint_hash"] = checkpoints[0].known_sha256 or ""
        """Every option there is, with what it is at first."""

        self._specs = {key: spec_like(default) for key, default in self.defaults.items()}
        self.checkpoints = checkpoints
        """Those that can be named; replaced after a refresh."""

        self._values: dict[str, Any] = {} if leaky else dict(self.defaults)

    def __getitem__(self, key: str) -> Any:
        return self._values.get(key, self.defaults[key])

    @property
    def checkpoint(self) -> ModelFile:
        """The checkpoint that is loaded.

        Raises:
            Refused: If a refresh found none any more.
        """
        if not self.checkpoints:
            raise Refused(422, "there is no checkpoint any more; put one into the models folder, and refresh")
        return self.find_checkpoint(self["sd_model_checkpoint"]) or self.checkpoints[0]

    def find_checkpoint(self, name: object) -> ModelFile | None:
        """Return the checkpoint that `name` means, if there is one."""
        return next((model for model in self.checkpoints if model.is_named(str(name))), None)

    def shown(self) -> dict[str, Any]:
        """Return the answer of GET /options.

        Raises:
            Crashed: If a value of a wrong type was stored: then nothing is shown until it is corrected.
        """
        try:
            return read_fields(self._specs, {key: self[key] for key in self.defaults})
        except Invalid as error:
            count = len(error.faults)
            lines = [
                line
                for fault in error.faults
                for line in (f"response -> {fault['loc'][-1]}", f"  {fault['msg']} (type={fault['type']})")
            ]
            title = f"{count} validation error{'s' if count > 1 else ''} for Options"
            raise Crashed("ValidationError", "\n".join([title, *lines])) from None

    def post(self, values: Mapping[str, Any]) -> None:
        """Store options for all callers, as POST /options does: any type, one after the other.

        Raises:
            Crashed: At the first unknown key, or for an unknown checkpoint, which is looked at first.
            Refused: At the first value that is too large.
        """
        name = values.get("sd_model_checkpoint")
        model = self.find_checkpoint(name)
        if name is not None and model is None:
            raise Crashed("RuntimeError", f"model {name!r} not found")
        for key, value in values.items():
            self._check(key, value)
            self._values[key] = model.title if model and key == "sd_model_checkpoint" else value

    def _check(self, key: str, value: object) -> None:
        if key not in self.defaults:
            raise Crashed("KeyError", repr(key))
        if len(json.dumps(value)) > MAX_OPTION:
            raise Refused(413, f"an option has at most {MAX_OPTION} characters; {key} has more")

    @contextmanager
    def overridden(self, values: Mapping[str, Any] | None, *, restore: bool) -> Iterator[None]:
        """Set options for the length of one call; an unknown checkpoint is dropped silently.

        Raises:
            Crashed: At the first unknown key.
            Refused: At the first value that is too large.
        """
        overrides = dict(values or {})
        if "sd_model_checkpoint" in overrides and not self.find_checkpoint(overrides["sd_model_checkpoint"]):
            del overrides["sd_model_checkpoint"]
        # Only what is in the store is put back: this is the leak of a fresh install.
        before = {key: self._values[key] for key in overrides if key in self._values}
        try:
            for key, value in overrides.items():
                self._check(key, value)
                self._values[key] = value
            yield
        finally:
            if restore:
                self._values.update(before)
