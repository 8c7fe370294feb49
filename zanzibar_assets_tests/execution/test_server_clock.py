"""Server clock: New York + 7 hours, by the US dates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.execution.server_clock import (
    end_of_server_day,
    offset_seconds,
    server_us,
    server_weekday,
    utc_us,
)
from zanzibar_assets.vocabulary import from_us, to_us


def us(*parts):
    return to_us(datetime(*parts, tzinfo=UTC))


@pytest.mark.parametrize(
    ("stamp", "hours"),
    [
        (us(2025, 1, 15, 12), 2),
        (us(2025, 7, 1, 12), 3),
        (us(2025, 3, 9, 6, 59), 2),
        (us(2025, 3, 9, 7), 3),  # 02:00 in New York becomes 03:00
        (us(2025, 11, 2, 5, 59), 3),
        (us(2025, 11, 2, 6), 2),
    ],
)
def test_offsets(stamp, hours):
    assert offset_seconds(stamp) == hours * 3_600


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(us(2010, 1, 1), us(2035, 1, 1)))
def test_there_and_back(stamp):
    back = utc_us(server_us(stamp))
    # the hour that autumn repeats is read as the later of its two instants
    assert back == stamp or (back - stamp == 3_600_000_000 and server_us(back) == server_us(stamp))


def test_weekday_and_midnight_are_the_servers():
    friday_evening = us(2025, 7, 4, 21, 30)  # 00:30 on the server's Saturday
    assert server_weekday(friday_evening) == 5
    assert from_us(end_of_server_day(us(2025, 7, 1, 12))) == datetime(2025, 7, 1, 21, tzinfo=UTC)
    assert from_us(end_of_server_day(us(2025, 1, 15, 12))) == datetime(2025, 1, 15, 22, tzinfo=UTC)
