import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.ml.exchange_time import ExchangeClock

WINDOW = SessionWindow("2020-01-02", 0, 100, 1_000, ((400, 500), (900, 1_000)))
CLOCK = ExchangeClock.of(WINDOW)


def by_hand(stamp):
    return sum(WINDOW.state_at(t) == "open" for t in range(100, stamp))


def test_breaks_do_not_count():
    assert CLOCK.total_us == 700
    stamps = np.arange(0, 1_001, 7)
    assert CLOCK.elapsed(stamps).tolist() == [by_hand(int(stamp)) for stamp in stamps]


@given(st.integers(0, 700))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_the_instant_is_the_earliest_by_which_the_time_has_passed(elapsed):
    instant = int(CLOCK.instant(np.array([elapsed]))[0])
    assert by_hand(instant) == elapsed
    assert instant == 100 or by_hand(instant - 1) < elapsed


def test_no_instant_lies_behind_the_end_of_trading():
    assert CLOCK.instant(np.array([10_000])).tolist() == [900]
