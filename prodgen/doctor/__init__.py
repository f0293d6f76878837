"""Examines a set-up (the server, its models, this machine) and says what is wrong and what to do about it.

    report = examine("http://127.0.0.1:7860")

`gathering` collects the facts, with `trials` and `tryouts` for those that only a picture shows, and
`engine_facts` and `comfy_facts` for an engine in this process; then the checks in `health`, `engine_checks`,
`comfy_checks`, `relight_checks`, `needs`, `tried_checks` and `this_machine` judge them. An examination never
hangs, never stops another caller's work, and leaves the server's options as they were.
"""

from __future__ import annotations

from collections.abc import Callable

from prodgen.doctor import (
    comfy_checks,
    engine_checks,
    health,
    needs,
    relight_checks,
    this_machine,
    tried_checks,
)
from prodgen.doctor.facts import SetupFacts
from prodgen.doctor.findings import Finding, Report, Status
from prodgen.doctor.fixing import fix
from prodgen.doctor.gathering import ASKING_S, QUICK_S, ExamineOptions, gather, within
from prodgen.errors import BackendError

CHECKS: tuple[Callable[[SetupFacts], Finding | None], ...] = (
    *health.CHECKS,
    *engine_checks.CHECKS,
    *comfy_checks.CHECKS,
    *relight_checks.CHECKS,
    *needs.CHECKS,
    *tried_checks.CHECKS,
    *this_machine.CHECKS,
)
"""All checks, in the order of the report."""


def examine(address: str = "auto", *, how: ExamineOptions | None = None, fixes: bool = False) -> Report:
    """Examine a set-up.

    Args:
        address: Address of the server, as for `Client`.
        how: Passwords, time limits, whether to draw.
        fixes: Whether to repair what the server's API can repair, and to examine again afterwards.

    Raises:
        SettingError: If it is no address, or the dialect is unknown. A fault of the server is a finding
            in the report, not an error.
    """
    how = how or ExamineOptions()
    report = judge(gather(address, how))
    wanted = [finding.fix for finding in report.findings if finding.fix]
    if not (fixes and wanted):
        return report

    def repair() -> tuple[str, ...]:
        with how.client(address, QUICK_S) as client:
            return fix(client, wanted)

    try:
        done = within(ASKING_S, report.address, repair)
    except BackendError as error:
        done = (f"could not finish: {error.reason}",)
    again = judge(gather(address, how))
    return Report(again.address, again.backend, again.findings, done)


def judge(facts: SetupFacts) -> Report:
    """Return the findings of all checks on these facts."""
    findings = [check(facts) for check in CHECKS]
    return Report(facts.address, facts.backend, tuple(one for one in findings if one is not None))


__all__ = [
    "CHECKS",
    "ExamineOptions",
    "Finding",
    "Report",
    "SetupFacts",
    "Status",
    "examine",
    "gather",
    "judge",
]
