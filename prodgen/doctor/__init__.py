"""What is wrong with a set-up, and its remedy: the server, the models on it, and this machine.

    report = examine("http://127.0.0.1:7860")

First the facts are gathered (`gathering`, and `trials` for what only a picture shows), then each
check judges them (`server`, `relighting`, `needs`, `machine`). It never hangs, never stops another
caller's work, and leaves the server's options as they were.
"""

from __future__ import annotations

from collections.abc import Callable

from prodgen.doctor import health, needs, relight_checks, this_machine
from prodgen.doctor.facts import Facts
from prodgen.doctor.fixing import fix
from prodgen.doctor.gathering import ASKING_S, QUICK_S, How, gather, within
from prodgen.doctor.report import Finding, Report, Status
from prodgen.errors import BackendError

CHECKS: tuple[Callable[[Facts], Finding | None], ...] = (
    *health.CHECKS,
    *relight_checks.CHECKS,
    *needs.CHECKS,
    *this_machine.CHECKS,
)
"""In the order in which they are told."""


def examine(address: str = "auto", *, how: How | None = None, fixes: bool = False) -> Report:
    """Examine a set-up.

    Args:
        address: Of the server, as for `Client`.
        how: Passwords, time limits, whether to draw.
        fixes: Whether to put right what can be put right over the server's API, and look again.

    Raises:
        SettingError: If it is no address, or the dialect is unknown. What is wrong with the server is no
            error but a finding.
    """
    how = how or How()
    report = judge(gather(address, how))
    wanted = [finding.fix for finding in report.findings if finding.fix]
    if not (fixes and wanted):
        return report

    def put_right() -> tuple[str, ...]:
        with how.client(address, QUICK_S) as client:
            return fix(client, wanted)

    try:
        done = within(ASKING_S, report.address, put_right)
    except BackendError as error:
        done = (f"could not finish: {error.reason}",)
    again = judge(gather(address, how))
    return Report(again.address, again.backend, again.findings, done)


def judge(facts: Facts) -> Report:
    """Return what all checks say of these facts."""
    found = [check(facts) for check in CHECKS]
    return Report(facts.address, facts.backend, tuple(finding for finding in found if finding is not None))


__all__ = ["CHECKS", "Facts", "Finding", "How", "Report", "Status", "examine", "gather", "judge"]
