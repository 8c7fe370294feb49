"""The order book's tape, replayed the plain way."""

import re
from collections import defaultdict

import numpy as np
import pytest

from zanzibar_assets.simulator.book import plan_session, trade_session
from zanzibar_assets.simulator.options import SHAPES, SimulatorOptions
from zanzibar_assets.simulator.path import chain
from zanzibar_assets_tests.reference.plain_book import PlainBook

NAMES = sorted(SHAPES)


@pytest.fixture(scope="module")
def tapes(known):
    found = {}
    for name in NAMES:
        path = next(iter(chain(known[name], ["2025-01-07"], 3, SimulatorOptions())))
        found[name] = (path, trade_session(known[name], path, 3, SimulatorOptions()))
    return found


def _replay(depth):
    """Plain replay: tops and levels by millisecond, what each level lost in it, crossings."""
    book, by_ms = PlainBook(), defaultdict(list)
    lost = defaultdict(int)
    crossings = 0
    clearing = False
    for stamp, command, flags, orders, price, size in depth.tolist():
        if command == 1:
            clearing = True
        elif not clearing and not by_ms[stamp]:
            by_ms[stamp].append((set(book.bids), set(book.asks)))
        down = book.apply(command, price, size)
        if not clearing:
            lost[stamp, price] += down
        assert command in (1, 6, 7) or 1 <= orders <= size
        if flags:
            crossings += book.crossed
            clearing = False
            by_ms[stamp].append((set(book.bids), set(book.asks)))
    return by_ms, lost, crossings, book


@pytest.mark.parametrize("name", NAMES)
def test_the_book_is_never_crossed_or_inconsistent(tapes, name):
    _, tape = tapes[name]
    _, _, crossings, book = _replay(tape.depth)
    assert crossings == 0
    assert min(len(book.bids), len(book.asks)) >= 7
    assert tape.depth[-1, 2] == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_trade_meets_a_quote_of_the_book_and_takes_its_size(tapes, name):
    _, tape = tapes[name]
    by_ms, lost, _, _ = _replay(tape.depth)
    traded = defaultdict(int)
    checked = 0
    for stamp, _, price, bid, ask, size, side in tape.trades.tolist():
        ms = stamp // 1_000 * 1_000
        states = by_ms.get(ms, [])
        if side == 0:
            assert bid < price < ask
            continue
        checked += 1
        assert any(bid in bids or ask in asks for bids, asks in states)
        traded[ms, price] += size
    assert checked > 0.95 * len(tape.trades)
    for key, size in traded.items():
        assert size <= lost[key], key


@pytest.mark.parametrize("name", NAMES)
def test_first_fills_are_at_the_touch_and_later_ones_beyond_it(tapes, name):
    _, tape = tapes[name]
    _, kind, price, bid, ask, size, side = tape.trades.T
    assert (bid < ask).all()
    assert (size > 0).all()
    touch = np.where(side > 0, ask, bid)
    opening = (kind <= 1) & (side != 0)
    assert (price[opening] == touch[opening]).all()
    later = kind >= 2
    assert ((price[later] - touch[later]) * side[later] >= 0).all()
    inside = side == 0
    assert 0 < inside.sum() < 0.02 * len(price)
    assert ((bid[inside] < price[inside]) & (price[inside] < ask[inside])).all()


@pytest.mark.parametrize("name", NAMES)
def test_sub_trades_come_as_first_middles_last(tapes, name):
    kinds = "".join("SFML"[k] for k in tapes[name][1].trades[:, 1].tolist())
    assert re.fullmatch(r"(S|FM*L)*", kinds)
    assert "FL" in kinds
    assert "FML" in kinds


@pytest.mark.parametrize("name", NAMES)
def test_stamps_ascend_lie_in_the_open_session_and_count_up_within_a_millisecond(tapes, name):
    path, tape = tapes[name]
    window = path.clock.window
    for stamps, strictly in ((tape.trades[:, 0], True), (tape.depth[:, 0], False)):
        steps = np.diff(stamps)
        assert (steps > 0).all() if strictly else (steps >= 0).all()
        assert stamps[0] >= window.open_us
        assert stamps[-1] < window.close_us
        assert set(np.unique(window.states(stamps))) == {"open"}
    assert (tape.depth[:, 0] % 1_000 == 0).all()
    counted = tape.trades[tape.trades[:, 0] % 1_000 != 0, 0]
    assert np.isin(counted - 1, tape.trades[:, 0]).all()


@pytest.mark.parametrize("name", NAMES)
def test_snapshots_stand_at_the_open_and_every_ten_minutes(tapes, name):
    path, tape = tapes[name]
    clears = tape.depth[tape.depth[:, 1] == 1, 0]
    assert clears[0] == path.clock.window.open_us
    assert (clears % 600_000_000 == 0).all()
    trading_hours = (path.clock.variance > 0).sum() / 3_600
    assert len(clears) > 0.9 * 6 * trading_hours


@pytest.mark.parametrize("name", NAMES)
def test_prices_stay_near_the_latent_price(tapes, name, known):
    path, tape = tapes[name]
    fair = path.at(tape.trades[:, 0]) / known[name].tick_size
    plan = plan_session(SHAPES[name], known[name].tick_size, SimulatorOptions())
    assert np.abs(tape.trades[:, 2] - fair).mean() < plan.threshold_ticks


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("trades", [2_000, 60_000])
def test_record_counts_follow_the_options(known, name, trades):
    options = SimulatorOptions(trades_per_session=trades)
    paths = list(chain(known[name], ["2025-01-07", "2025-01-08"], 3, options))
    tapes = [trade_session(known[name], path, 3, options) for path in paths]
    assert 0.55 < np.mean([len(tape.trades) for tape in tapes]) / trades < 1.6
    assert 3.0 < np.mean([len(tape.depth) / len(tape.trades) for tape in tapes]) < 10.0


def test_default_sessions_are_small(tapes):
    for _, tape in tapes.values():
        assert 3_500 < len(tape.trades) < 9_000
        assert 22_000 < len(tape.depth) < 55_000


def test_without_strength_order_flow_ignores_the_latent_price(known):
    shares = []
    for strength in (0.0, 1.0):
        options = SimulatorOptions(signal_strength=strength, trades_per_session=40_000)
        path = next(iter(chain(known["SIM_ES"], ["2025-01-07"], 3, options)))
        trades = trade_session(known["SIM_ES"], path, 3, options).trades
        market = trades[(trades[:, 6] != 0) & (trades[:, 1] == 0)]
        gap = path.at(market[:, 0]) / 0.25 - 0.5 * (market[:, 3] + market[:, 4])
        quiet = np.abs(gap) < 1.0  # inside the band: no repricing, only uninformed orders
        shares.append(np.corrcoef(np.sign(gap[quiet]), market[quiet, 6])[0, 1])
    assert abs(shares[0]) < 0.05
    assert shares[1] > 0.15
