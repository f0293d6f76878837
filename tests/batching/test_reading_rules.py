"""The rules of a run as people write them."""

from datetime import datetime

import pytest

from prodgen.batching import read_rules
from prodgen.errors import WrongValueError

EVENING = datetime(2026, 12, 24, 22, 30).astimezone()


def test_a_number_of_failures_and_a_share_are_told_apart():
    assert read_rules(max_failures="20").max_failures == 20
    assert read_rules(max_failures="5%").max_failure_share == pytest.approx(0.05)


@pytest.mark.parametrize("text", ["many", "-1", "120%", "5 per cent", ""])
def test_failures_that_are_neither_are_refused(text):
    with pytest.raises(WrongValueError, match="max_failures must be"):
        read_rules(max_failures=text)


def test_a_time_of_day_is_the_next_one():
    morning, tonight = datetime(2026, 12, 25, 6).astimezone(), datetime(2026, 12, 24, 23, 15).astimezone()

    assert read_rules(deadline="06:00", now=EVENING).deadline == morning.timestamp()
    assert read_rules(deadline="23:15", now=EVENING).deadline == tonight.timestamp()


@pytest.mark.parametrize(
    ("text", "why"),
    [("25:00", "must be a time"), ("soon", "must be a time"), ("2020-01-01 06:00", "is past")],
)
def test_a_deadline_that_cannot_be_kept_is_refused(text, why):
    with pytest.raises(WrongValueError, match=why):
        read_rules(deadline=text, now=EVENING)
