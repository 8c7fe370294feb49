import math

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.history import join_history
from zanzibar_assets.analysis.technical import build_technical_factors
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.analysis.laws import assert_conforms, assert_prefix
from zanzibar_assets_tests.builders.market import (
    CONFIG,
    SECOND,
    bars_of,
    history,
    known_by,
    random_cuts,
    random_ticks,
    ticks,
    window,
)

DAY = 3
W = window(DAY, hours=6)
HISTORY = history(DAY)
NO_HISTORY = HISTORY.clear()
INTRADAY = ("autocorrelation_60", "ret_1", "ret_5", "ret_15", "ret_60", "realized_vol_30")
PRICES = ("open", "high", "low", "close")


def session_bars(seed=1, n=3_000):
    return bars_of(random_ticks(seed, n, W), W)


def factors_of(bars, past=HISTORY):
    return build_technical_factors(bars, past, W, CONFIG)


def moved(frame, by_ticks):
    """Bars with every price shifted."""
    return frame.with_columns(
        *(pl.col(f"{n}_ticks") + by_ticks for n in PRICES), *(pl.col(n) + by_ticks * 0.25 for n in PRICES)
    )


def test_conforms_and_fills_every_column():
    got = factors_of(session_bars())
    assert_conforms("technical_factors", got)
    for name in got.columns:
        assert got[name].drop_nulls().len() > 0, name


def test_history_warms_up_indicators_but_not_returns():
    first = factors_of(session_bars()).row(0, named=True)
    assert all(first[name] is None for name in INTRADAY)
    warmed = set(first) - {*INTRADAY, "event_ts", "known_at"}
    assert all(first[name] is not None for name in warmed)
    alone = factors_of(session_bars(), NO_HISTORY)
    assert alone["rsi_14"].null_count() == 14
    assert alone["volume_z_60"].null_count() == 60
    assert alone["ema_distance_60"].null_count() == 59


@pytest.mark.parametrize("gap", [4_000, -4_000])
def test_an_overnight_gap_changes_no_factor(gap):
    """A ten per cent jump between the history and the session (or a contract roll)."""
    bars = session_bars()
    assert_frame_equal(factors_of(bars), factors_of(bars, moved(HISTORY, gap)), check_exact=True)
    two_sessions = HISTORY["session"].unique(maintain_order=True)[-2:]
    newest = HISTORY.filter(pl.col("session") == two_sessions[1])
    between = pl.concat([HISTORY.filter(pl.col("session") != two_sessions[1]), moved(newest, gap)])
    assert_frame_equal(factors_of(bars), factors_of(bars, between), check_exact=True)


def test_joined_series_closes_where_the_next_session_opens():
    bars = session_bars()
    joined = join_history(bars, HISTORY, 500)
    assert joined.first == 500
    assert joined.close[joined.first :].tolist() == bars["close_ticks"].to_list()
    assert joined.close[joined.first - 1] == joined.open[joined.first]
    tail = HISTORY.tail(500)
    edge = int((tail["session"] != tail["session"][-1]).sum())
    assert joined.close[edge - 1] == joined.open[edge]
    assert np.diff(joined.close[:edge]).tolist() == tail["close_ticks"][:edge].diff()[1:].to_list()


def test_prefix_invariance_in_the_session():
    bars = session_bars(2)
    assert_prefix(factors_of(bars), lambda cut: factors_of(known_by(bars, cut)), random_cuts(3, W, 60))


def test_later_values_do_not_reach_back():
    bars, other = session_bars(4), session_bars(5)
    whole = factors_of(bars)
    for cut in random_cuts(6, W, 40):
        later = other.filter(pl.col("known_at").dt.timestamp("us") > cut)
        mixed = pl.concat([known_by(bars, cut), later])
        assert_frame_equal(known_by(factors_of(mixed), cut), known_by(whole, cut), check_exact=True)


def test_returns_by_hand():
    close = [400, 404, 402, 408, 400, 404, 412]
    bars = bars_of(ticks(W.open_us + np.arange(7) * 60 * SECOND, close, [1] * 7), W)
    got = factors_of(bars, NO_HISTORY)
    assert got["ret_1"].to_list()[1:3] == pytest.approx([math.log(404 / 400), math.log(402 / 404)])
    assert got["ret_5"].to_list()[5:] == pytest.approx([math.log(404 / 400), math.log(412 / 404)])
    assert got["seconds_since_open"].to_list()[:2] == [60.0, 120.0]


def test_realised_volatility_is_the_root_of_thirty_squares():
    bars = session_bars(7)
    got = factors_of(bars, NO_HISTORY)
    ret = np.diff(np.log(bars["close"].to_numpy()))
    for t in (30, 31, 100):
        assert got["realized_vol_30"][t] == pytest.approx(math.sqrt((ret[t - 30 : t] ** 2).sum()))
    assert got["realized_vol_30"].null_count() == 30


def test_indicators_equal_their_textbook_recursions():
    bars = session_bars(8)
    got = factors_of(bars, NO_HISTORY)
    close = bars["close"].to_numpy()
    ema = close[:20].mean()
    for price in close[20:]:
        ema += 2 / 21 * (price - ema)
    assert got["ema_distance_20"][-1] == pytest.approx((close[-1] - ema) / close[-1], rel=1e-6)
    high, low = bars["high"].to_numpy(), bars["low"].to_numpy()
    true_range = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    atr = true_range[:14].mean()
    for value in true_range[14:]:
        atr = (13 * atr + value) / 14
    assert got["atr_14"][-1] == pytest.approx(atr, rel=1e-9)
    change = np.diff(close)
    up, down = np.maximum(change, 0), np.maximum(-change, 0)
    gain, loss = up[:14].mean(), down[:14].mean()
    for u, d in zip(up[14:], down[14:], strict=True):
        gain, loss = (13 * gain + u) / 14, (13 * loss + d) / 14
    assert got["rsi_14"][-1] == pytest.approx(100 * gain / (gain + loss), rel=1e-9)
    last = close[-20:]
    assert got["bollinger_position"][-1] == pytest.approx((last[-1] - last.mean()) / (2 * last.std()))
    top, bottom = high[-14:].max(), low[-14:].min()
    assert got["stochastic_k"][-1] == pytest.approx(100 * (close[-1] - bottom) / (top - bottom))


def test_bands_hold_at_prices_of_1e8():
    bars = session_bars(9)
    far = factors_of(moved(bars, 400_000_000), NO_HISTORY)
    near = factors_of(bars, NO_HISTORY)
    assert_frame_equal(
        far.select("bollinger_position", "rsi_14"), near.select("bollinger_position", "rsi_14")
    )


def test_no_movement_has_no_oscillator():
    flat = bars_of(ticks(W.open_us + np.arange(100) * 60 * SECOND, [400] * 100, [1] * 100), W)
    got = factors_of(flat, NO_HISTORY)
    assert_conforms("technical_factors", got)
    for name in ("rsi_14", "adx_14", "stochastic_k", "bollinger_position", "volume_z_60", "range_z_60"):
        assert got[name].null_count() == 100, name
    assert got["atr_14"].drop_nulls().unique().to_list() == [0.0]


@pytest.mark.parametrize("rows", [1, 2, 6])
@pytest.mark.parametrize("past", [NO_HISTORY, HISTORY.head(3), HISTORY])
def test_tiny_sessions(rows, past):
    got = factors_of(session_bars().head(rows), past)
    assert got.height == rows
    assert_conforms("technical_factors", got)


def test_empty_in_typed_empty_out():
    assert_frame_equal(factors_of(empty("bars")), empty("technical_factors"))


def test_factors_of_direction_by_hand():
    bars = session_bars(9)
    got = factors_of(bars, NO_HISTORY)
    close = bars["close"].to_numpy()
    walked = np.abs(np.diff(close[-21:])).sum()
    assert got["efficiency_20"][-1] == pytest.approx(abs(close[-1] - close[-21]) / walked)
    slope = np.polyfit(np.arange(20), close[-20:], 1)[0]
    assert got["slope_20"][-1] == pytest.approx(slope, rel=1e-6)
    ret = np.diff(np.log(close))
    pairs = (ret[-60:] * ret[-61:-1]).sum() / (ret[-60:] ** 2).sum()
    assert got["autocorrelation_60"][-1] == pytest.approx(pairs, abs=1e-9)
    high, low = bars["high"].to_numpy()[-26:], bars["low"].to_numpy()[-26:]
    last = [25 - (25 - int(np.flatnonzero(v == v.max())[-1])) for v in (high, -low)]
    assert got["aroon_25"][-1] == pytest.approx((last[0] - last[1]) / 25)
    assert got["mfi_14"].drop_nulls().is_between(0, 100).all()
    assert got["di_balance_14"].drop_nulls().is_between(-1, 1).all()


def test_a_price_that_never_moves_has_no_direction():
    bars = bars_of(ticks(W.open_us + np.arange(90) * 60 * SECOND, [400] * 90, [1] * 90), W)
    got = factors_of(bars, NO_HISTORY)
    for name in ("cci_20", "mfi_14", "di_balance_14", "efficiency_20", "autocorrelation_60"):
        assert got[name].null_count() == 90, name
