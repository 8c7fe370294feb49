import numpy as np
import pytest

from zanzibar_assets.calendars import session_window
from zanzibar_assets.simulator.options import SHAPES
from zanzibar_assets.simulator.schedule import News, build_clock, main_hours, news_of
from zanzibar_assets.vocabulary import from_us

HOUR_US = 3_600_000_000


def test_main_hours_follow_new_yorks_summer_time():
    assert from_us(main_hours("2025-01-06")[0]).isoformat() == "2025-01-06T14:30:00+00:00"
    assert from_us(main_hours("2025-07-07")[0]).isoformat() == "2025-07-07T13:30:00+00:00"


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_profiles_sum_to_one_and_are_zero_in_breaks(known, name):
    window = session_window(known[name], "2025-01-07")
    clock = build_clock(window, SHAPES[name], None)
    assert clock.activity.sum() == pytest.approx(1.0)
    assert clock.variance.sum() == pytest.approx(1.0)
    for start, end in window.breaks:
        inside = slice((start - window.open_us) // 1_000_000, (end - window.open_us) // 1_000_000)
        assert not clock.activity[inside].any()
        assert not clock.variance[inside].any()
    assert bool(window.breaks) == (name != "SIM_BTC")


def test_main_hours_are_u_shaped(known):
    clock = build_clock(session_window(known["SIM_ES"], "2025-01-07"), SHAPES["SIM_ES"], None)
    main = clock.activity[clock.in_main_hours]
    thirds = [part.mean() for part in np.array_split(main, 3)]
    assert thirds[0] > 1.3 * thirds[1]
    assert thirds[2] > 1.1 * thirds[1]
    assert main.mean() > 4 * clock.activity[~clock.in_main_hours].mean()


def test_a_release_bursts_at_its_instant_and_not_before(known):
    window = session_window(known["SIM_ES"], "2025-01-07")
    quiet = build_clock(window, SHAPES["SIM_ES"], None)
    at = window.open_us + 14 * HOUR_US
    loud = build_clock(window, SHAPES["SIM_ES"], News("CPI", at))
    second = 14 * 3_600
    assert np.array_equal(quiet.variance[:second], loud.variance[:second])
    assert loud.variance[second] > 3 * quiet.variance[second]
    assert loud.variance[second : second + 900].sum() > 2 * quiet.variance[second : second + 900].sum()


def test_releases_are_the_same_for_all_instruments_and_spare_weekends():
    days = [f"2025-03-{day:02d}" for day in range(1, 32)]
    found = {day: news_of(3, day, 0.5) for day in days}
    assert 5 <= sum(news is not None for news in found.values()) <= 20
    assert found["2025-03-01"] is None
    assert found["2025-03-02"] is None
    assert all(news_of(3, day, 0.0) is None for day in days)


def test_a_release_while_the_market_is_closed_is_none_of_the_sessions(known):
    window = session_window(known["SIM_ES"], "2025-07-04")  # closes at 12:00 in Chicago
    late = News("FOMC", window.close_us + HOUR_US)
    assert build_clock(window, SHAPES["SIM_ES"], late).news is None
    early = News("CPI", window.open_us + 10 * HOUR_US)
    assert build_clock(window, SHAPES["SIM_ES"], early).news == early
