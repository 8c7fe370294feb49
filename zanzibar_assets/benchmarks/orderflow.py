"""Order flow imbalance, footprint, level sweeps, and a whole session's liquidity and structure tables."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.analysis._records import bar_of_record, load_records
from zanzibar_assets.benchmarks.measure import Figure
from zanzibar_assets.benchmarks.session_tables import CleanSession, build_session, simulated_session

ROUNDS = 7
WINDOWS = 1_380
LEVELS = 300
WANTED_RATE = 100e6
SESSION_SECONDS = 10.0
TRADES_SECONDS = 1.0
PEER_QUOTES = 200_000
PEER_SECONDS = 600
PEER_SCRIPT = Path(__file__).with_name("orderflow_peer.py")
LIMIT = "the limit set"
QUOTE = ("bid", "bid_size", "ask", "ask_size")
Quotes = dict[str, NDArray[np.int32]]


def measure(
    folder: Path, records: int, seed: int, peer_python: Path | None, say: Callable[[str], None]
) -> list[Figure]:
    """Figures of ``records`` simulated top-of-book updates and of a session of a fifth as many trades."""
    figures = _flow_figures(_quotes(records, seed), peer_python, say)
    trades = min(max(records // 5, 200), 2_000_000)
    say(f"simulating and cleaning a session of {trades} trades")
    clean = simulated_session(folder, trades, seed)
    say(f"session of {clean.trades} trades and {clean.updates} book updates")
    return [*figures, *_trade_figures(clean, seed, say), *_session_figures(clean, say)]


def cpu_side_by_side(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU seconds (all threads) of each run after an unmeasured round, taking turns."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for measured in range(-1, rounds):
        for name, run in runs.items():
            began = time.process_time()
            run()
            if measured >= 0:
                seconds[name].append(time.process_time() - began)
    return {name: statistics.median(found) for name, found in seconds.items()}


def _quotes(count: int, seed: int) -> Quotes:
    """A random walk of best quotes: prices move on a tenth of the updates, one queue changes on each."""
    rng = np.random.default_rng(seed)
    bid = 20_000 + np.cumsum(rng.choice([-1, 1], count) * (rng.random(count) < 0.1))
    return {
        "bid": bid.astype(np.int32),
        "bid_size": rng.integers(1, 100, count, dtype=np.int32),
        "ask": (bid + rng.choice([1, 1, 1, 2], count)).astype(np.int32),
        "ask_size": rng.integers(1, 100, count, dtype=np.int32),
    }


def numpy_flow(quotes: Quotes, starts: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Order flow of each update and its window sums, as one writes it first in numpy."""
    bid, bid_size, ask, ask_size = (quotes[name] for name in QUOTE)
    flow = np.zeros_like(bid)
    flow[1:] = (
        (bid[1:] >= bid[:-1]) * bid_size[1:]
        - (bid[1:] <= bid[:-1]) * bid_size[:-1]
        - (ask[1:] <= ask[:-1]) * ask_size[1:]
        + (ask[1:] >= ask[:-1]) * ask_size[:-1]
    )
    return flow, np.add.reduceat(flow, starts, dtype=np.int64)


def polars_flow(frame: pl.DataFrame) -> pl.DataFrame:
    """The same as polars expressions; ``window`` numbers the windows."""

    def side(name: str, size: str) -> pl.Expr:
        now, before = pl.col(name), pl.col(name).shift(1)
        kept = pl.when(now >= before).then(pl.col(size)).otherwise(0)
        return kept - pl.when(now <= before).then(pl.col(size).shift(1)).otherwise(0)

    def other(name: str, size: str) -> pl.Expr:
        now, before = pl.col(name), pl.col(name).shift(1)
        kept = pl.when(now >= before).then(pl.col(size).shift(1)).otherwise(0)
        return kept - pl.when(now <= before).then(pl.col(size)).otherwise(0)

    flow = (side("bid", "bid_size") + other("ask", "ask_size")).fill_null(0).alias("flow")
    return frame.with_columns(flow).group_by("window", maintain_order=True).agg(pl.col("flow").sum())


def _flow_figures(quotes: Quotes, peer_python: Path | None, say: Callable[[str], None]) -> list[Figure]:
    from zanzibar_assets.analysis._book_kernels import flow_and_sums

    count = len(quotes["bid"])
    say(f"order flow of {count} top-of-book updates")
    edges = np.linspace(0, count, min(WINDOWS, count) + 1).astype(np.int64)
    flow, sums = np.empty(count, np.int32), np.empty(len(edges) - 1, np.int64)
    bid, bid_size, ask, ask_size = (quotes[name] for name in QUOTE)
    widths = np.diff(edges)
    frame = pl.DataFrame({**quotes, "window": np.repeat(np.arange(len(widths)), widths)})
    seconds = cpu_side_by_side(
        {
            "ours": lambda: flow_and_sums(bid, bid_size, ask, ask_size, edges[:-1], edges[1:], flow, sums),
            "numpy": lambda: numpy_flow(quotes, edges[:-1]),
            "polars": lambda: polars_flow(frame),
        },
        ROUNDS,
    )
    ours, what = seconds["ours"], f"ofi_{count}_updates_cpu"
    note = "int32 arrays in, array of e_n and window sums out"
    return [
        Figure(what, ours, "s", "numpy, the straightforward formula", seconds["numpy"], note),
        Figure(what, ours, "s", "polars expressions", seconds["polars"], note),
        Figure(what, ours, "s", LIMIT, count / WANTED_RATE, "100 million updates/s", 1.0),
        Figure("ofi_rate", count / ours / 1e6, "million updates/s of CPU"),
        _peer_figure(quotes, ours / count, peer_python),
    ]


def _peer_figure(quotes: Quotes, ours_each: float, python: Path | None) -> Figure:
    """Seconds per million updates beside orderflow-metrics, which works on Python objects."""
    what, peer = "ofi_per_million_updates", "orderflow-metrics ofi_series"
    if python is None:
        note = "no interpreter with orderflow-metrics was given (--peer-python)"
        return Figure(what, ours_each * 1e6, "s", peer, None, note)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "quotes.npz"
        bid, bid_size, ask, ask_size = (quotes[name][:PEER_QUOTES] for name in QUOTE)
        np.savez(file, bid=bid, bid_size=bid_size, ask=ask, ask_size=ask_size)
        try:
            done = subprocess.run(
                [str(python), str(PEER_SCRIPT), str(file), "3"],
                capture_output=True, text=True, timeout=PEER_SECONDS, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return Figure(what, ours_each * 1e6, "s", peer, None, f"the peer did not run: {error}")
    if done.returncode:
        return Figure(what, ours_each * 1e6, "s", peer, None, why_not(done.stderr, python))
    found = json.loads(done.stdout.strip().splitlines()[-1])
    each = float(found["median_seconds"]) / int(found["quotes"])
    return Figure(what, ours_each * 1e6, "s", peer, each * 1e6, "list of quote objects in, list out")


def why_not(said: str, python: Path) -> str:
    """Why the peer gave no figure, in one sentence: that it is not installed, or the error's last line."""
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
    if last.startswith("ModuleNotFoundError"):
        return f"{python} has no orderflow-metrics: install it there, or name another with --peer-python"
    return f"the peer failed: {last}"


def _trade_figures(clean: CleanSession, seed: int, say: Callable[[str], None]) -> list[Figure]:
    """Footprint, level sweeps and runs of prints of the session's trades."""
    from zanzibar_assets.analysis.bars import build_bars
    from zanzibar_assets.analysis.book import load_book
    from zanzibar_assets.analysis.level_sweeps import Levels, level_outcomes, print_runs, trades_of
    from zanzibar_assets.analysis.prints import PrintStage
    from zanzibar_assets.analysis.tick_sweeps import BookSweepParams, TickSweepParams
    from zanzibar_assets.contracts.registry import empty

    say("footprint and sweeps of the session's trades")
    ticks = pl.read_parquet(clean.ticks)
    bars = build_bars(ticks, clean.instrument, clean.window)
    records = load_records(ticks).traded()
    index = bar_of_record(records, bars)
    trades, no_book = trades_of(records), load_book(empty("clean_dom"))

    def footprint_and_absorption() -> object:
        stage = PrintStage(clean.instrument)
        least = stage.bars(records, index, bars.height).least
        return stage.feed(records, least[index], no_book, slice(0, 0))

    rng = np.random.default_rng(seed)
    price = rng.integers(trades.price.min(), trades.price.max() + 1, LEVELS)
    known = rng.choice(trades.ts_us, LEVELS)
    levels = Levels(price, rng.choice([-1, 1], LEVELS), known, np.full(LEVELS, np.iinfo(np.int64).max))
    seconds = cpu_side_by_side(
        {
            "footprint_and_absorption": footprint_and_absorption,
            f"sweeps_of_{LEVELS}_levels": lambda: level_outcomes(trades, levels, TickSweepParams()),
            "book_sweeps": lambda: print_runs(trades, BookSweepParams()),
        },
        ROUNDS,
    )
    note = f"{len(trades)} trades"
    each = [Figure(f"{name}_cpu", value, "s", note=note) for name, value in seconds.items()]
    total = sum(seconds.values())
    return [*each, Figure("trades_in_all_cpu", total, "s", LIMIT, TRADES_SECONDS, note, 1.0)]


def _session_figures(clean: CleanSession, say: Callable[[str], None]) -> list[Figure]:
    """Wall seconds of each table; the first round also compiles or loads what is compiled."""
    say("all liquidity and structure tables of the session, twice")
    first, second = build_session(clean), build_session(clean)
    size = f"{clean.trades} trades, {clean.updates} book updates"
    figures = [
        Figure(f"session: {name}", wall, "s", note=f"cpu {cpu:.3f} s, first round {first[name][0]:.3f} s")
        for name, (wall, cpu) in second.items()
    ]
    for name, found in (("first_round", first), ("second_round", second)):
        wall, cpu = (sum(part) for part in zip(*found.values(), strict=True))
        note = f"{size}; cpu {cpu:.2f} s"
        figures.append(Figure(f"session_{name}", wall, "s", LIMIT, SESSION_SECONDS, note, 1.0))
    return figures
