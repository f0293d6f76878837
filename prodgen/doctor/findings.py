"""The findings of an examination, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["OK", "warning", "broken"]
"""OK: works. warning: works, but worse than it could. broken: something that prodgen does will fail."""

FixName = Literal["save options", "refresh lists", "free memory"]
"""Repairs that `--fix` can do over the server's own API."""


@dataclass(frozen=True)
class Finding:
    """Result of one check."""

    name: str
    """Name of the check's subject, one or two words."""
    status: Status
    what: str
    """Observation, one sentence without a full stop."""
    remedy: str = ""
    """Advice; "" if nothing needs doing."""
    fix: FixName | None = None
    """Repair that `--fix` can do; None: there is none."""


@dataclass(frozen=True)
class Report:
    """All findings about one set-up."""

    address: str
    backend: str
    """Name and version in words; "" if nothing usable answers."""
    findings: tuple[Finding, ...]
    done: tuple[str, ...] = ()
    """What `--fix` did, one sentence each."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing is broken."""
        return not self.count("broken")

    def count(self, status: Status) -> int:
        """Return how many findings have that status."""
        return sum(finding.status == status for finding in self.findings)

    def named(self, name: str) -> Finding:
        """Return the finding of that name.

        Raises:
            KeyError: If that check did not apply.
        """
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(name)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "address": self.address,
            "backend": self.backend,
            "is_sound": self.is_sound,
            "findings": [asdict(finding) for finding in self.findings],
            "done": list(self.done),
        }
