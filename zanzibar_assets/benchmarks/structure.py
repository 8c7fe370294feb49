"""Structure and full-life gaps over bars, beside pyvsmc and smartmoneyconcepts, in CPU seconds."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zanzibar_assets.analysis.bar_input import BarInput, Grid
from zanzibar_assets.analysis.bar_sweeps import SweepParams
from zanzibar_assets.analysis.breaks import BreakParams, StructureEngine
from zanzibar_assets.analysis.dealing_range import RangeParams
from zanzibar_assets.analysis.event_runs import structure_frame
from zanzibar_assets.analysis.fvg import FvgParams, GapEngine
from zanzibar_assets.analysis.pools import PoolParams
from zanzibar_assets.analysis.smc import SmcParams
from zanzibar_assets.analysis.stream import StreamParams, StructureStream
from zanzibar_assets.analysis.swings import SwingParams
from zanzibar_assets.analysis.windows import BarBlock, BarTail
from zanzibar_assets.analysis.wyckoff_engine import WyckoffStream
from zanzibar_assets.analysis.wyckoff_rules import WyckoffParams
from zanzibar_assets.benchmarks.measure import Figure
from zanzibar_assets.vocabulary import US_PER_SECOND

WINDOW = 5
ROUNDS = 5
TICK = 0.25
TICKS = Grid(2, 25, 1)
STEPS_A_BAR = 12
MINUTE_US = 60 * US_PER_SECOND
PEER_SCRIPT = Path(__file__).with_name("structure_peers.py")
PEER_SECONDS = 1_200
SLOW_PEER_BARS = 100_000
"""More bars than this are too slow for a peer that grows faster than its input."""
SCALES = (4, 2, 1)
SWING = SwingParams(WINDOW, WINDOW)
BREAKS = BreakParams(SWING)
Say = Callable[[str], None]


def simulated_bars(count: int, seed: int) -> BarBlock:
    """A seeded walk on whole ticks: twelve steps a bar, calm and wild stretches, gaps at some opens."""
    rng = np.random.default_rng(seed)
    wild = 1 + (np.repeat(rng.random(count // 500 + 1), 500)[:count] < 0.3).astype(np.int64)
    steps = rng.integers(-2, 3, (count, STEPS_A_BAR), dtype=np.int64) * wild[:, None]
    steps[:, 0] += rng.integers(-3, 4, count) * (rng.random(count) < 0.1)
    path = 4 * 100_000 + np.cumsum(steps.ravel()).reshape(count, STEPS_A_BAR)
    ohlc = np.stack((path[:, 0], path.max(axis=1), path.min(axis=1), path[:, -1]))
    volume = np.round(rng.gamma(2.0, 50.0, count) * wild)
    return BarBlock(np.ascontiguousarray(ohlc), volume, np.zeros(count, np.int64))


def open_gaps(count: int) -> BarBlock:
    """The worst case of gaps: a trend that leaves one open on each bar, then a bar through them all."""
    base = 10 * np.arange(count, dtype=np.int64)
    ohlc = np.stack((base, base + 4, base, base + 4))
    ohlc[:, -1] = (base[-2], base[-2], -10, -5)
    return BarBlock(np.ascontiguousarray(ohlc), np.ones(count), np.zeros(count, np.int64))


def ours(block: BarBlock) -> dict[str, Callable[[], object]]:
    """What is timed of ours; structure is swings and their breaks, gaps have their whole life."""
    bars = BarInput(
        block,
        np.arange(len(block)) * MINUTE_US,
        np.arange(1, len(block) + 1) * MINUTE_US,
        60.0,
        TICKS,
        (),
    )

    def structure(*, blocks: bool) -> object:
        engine = StructureEngine(BREAKS, blocks=blocks)
        return engine.feed(BarTail(engine.lookback).join(block))

    def gaps() -> object:
        engine = GapEngine(FvgParams())
        return engine.feed(BarTail(engine.lookback).join(block))

    pools = StreamParams(BREAKS, pool=PoolParams(SWING), sweep=SweepParams())
    return {
        "structure": lambda: structure(blocks=False),
        "gaps": gaps,
        "blocks": lambda: structure(blocks=True),
        "liquidity": lambda: StructureStream(pools).feed(block),
        "wyckoff": lambda: WyckoffStream(WyckoffParams(n=20, w=2, abandon_atr=2.0)).feed(block),
        "frame": lambda: structure_frame(bars, SmcParams(BREAKS, FvgParams(), RangeParams()), None),
    }


def cpu_seconds(runs: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """CPU seconds of each round after an unmeasured one, the runs taking turns."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for measured in range(-1, rounds):
        for name, run in runs.items():
            began = time.process_time()
            run()
            if measured >= 0:
                found[name].append(time.process_time() - began)
    return found


@dataclass(frozen=True, slots=True)
class Peer:
    """A library in an interpreter of its own."""

    library: str
    python: Path | None

    def seconds(self, folder: Path, block: BarBlock, tasks: str, rounds: int) -> dict[str, float] | str:
        """Median CPU seconds of each task, or why there are none."""
        found = self._run(folder, block, tasks, rounds, "-")
        if isinstance(found, str):
            return found
        return {name: statistics.median(values) for name, values in found.items()}

    def events(self, folder: Path, block: BarBlock, out: Path) -> str | None:
        """Write the library's events to ``out``; why not, where it cannot."""
        found = self._run(folder, block, "-", 1, str(out))
        return found if isinstance(found, str) else None

    def _run(
        self, folder: Path, block: BarBlock, tasks: str, rounds: int, out: str
    ) -> dict[str, list[float]] | str:
        if self.python is None:
            return f"no interpreter with {self.library} was given (--peer-python)"
        file = folder / "bars.npz"
        sides = dict(zip(("open", "high", "low", "close"), block.ohlc * TICK, strict=True))
        np.savez(file, **sides, volume=block.volume)
        arguments = [str(file), self.library, str(WINDOW), str(rounds), tasks, out]
        try:
            done = subprocess.run(
                [str(self.python), str(PEER_SCRIPT), *arguments],
                capture_output=True, text=True, timeout=PEER_SECONDS, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{self.library} did not run: {error}"
        if done.returncode:
            return f"{self.library} failed: {done.stderr.strip()[-300:]}"
        found: dict[str, list[float]] = json.loads(done.stdout.strip().splitlines()[-1])
        return found


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Slope of log seconds over log size: 1 is linear."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def measure(
    folder: Path, bars: int, seed: int, peer_python: Path | None, say: Say, *, huge: bool = False
) -> tuple[list[Figure], list[str]]:
    """Figures over ``bars`` simulated bars, and notes on the peers.

    Ours run before and after each peer; CPU seconds, medians. The slow peer is timed on at most
    100,000 bars (``huge``: on all), with the growth of its time from half of that.
    """
    block = simulated_bars(bars, seed)
    runs = ours(block)
    say(f"{bars} simulated bars: ours")
    before = cpu_seconds(runs)
    say("pyvsmc")
    fast = Peer("pyvsmc", peer_python).seconds(folder, block, "structure,gaps", ROUNDS)
    after = cpu_seconds({name: runs[name] for name in ("structure", "gaps")})
    own = {name: statistics.median([*before[name], *after.get(name, [])]) for name in runs}
    figures = [
        _beside(f"{name}_{_short(bars)}_bars", own[name], "pyvsmc", fast, name, 10.0, None)
        for name in ("structure", "gaps")
    ]
    slow, notes = _slow_peer(folder, block, peer_python, say, len(block) if huge else SLOW_PEER_BARS)
    figures += slow
    figures += [
        Figure(f"{name}_{_short(bars)}_bars", own[name], "s CPU", note=note)
        for name, note in (
            ("blocks", "swings, breaks, order blocks and breakers"),
            ("liquidity", "swings, breaks, pools, sweeps of all of them"),
            ("wyckoff", "accumulation and distribution"),
            ("frame", "every smc kind as an ordered table with stamps, prices and definitions"),
        )
    ]
    say("growth with length")
    return [*figures, *_growth(bars, seed)], list(dict.fromkeys([*_reasons(fast), *notes]))


def _short(bars: int) -> str:
    if bars % 1_000_000 == 0:
        return f"{bars // 1_000_000}m"
    return f"{bars // 1_000}k" if bars % 1_000 == 0 else str(bars)


def _beside(
    what: str,
    own: float,
    library: str,
    found: dict[str, float] | str,
    task: str,
    wanted: float,
    note: str | None,
) -> Figure:
    if isinstance(found, str):
        return Figure(what, own, "s CPU", library, None, found, wanted)
    return Figure(what, own, "s CPU", library, found[task], note, wanted)


def _reasons(found: dict[str, float] | str) -> list[str]:
    return [found] if isinstance(found, str) else []


def _slow_peer(
    folder: Path, block: BarBlock, python: Path | None, say: Say, most: int
) -> tuple[list[Figure], list[str]]:
    """smartmoneyconcepts (all tasks) and pyvsmc's order blocks, on at most so many bars."""
    size = min(len(block), most)
    part = block.part(0, size)
    runs = {name: run for name, run in ours(part).items() if name in ("structure", "gaps", "blocks")}
    before = cpu_seconds(runs)
    figures, notes = [], []
    plan = (("smartmoneyconcepts", "structure,gaps,blocks", 100.0), ("pyvsmc", "blocks", 10.0))
    for library, tasks, wanted in plan:
        say(f"{library}, {size} bars: {tasks}")
        peer = Peer(library, python)
        half = peer.seconds(folder, block.part(0, size // 2), tasks, 1)
        whole = peer.seconds(folder, part, tasks, 1)
        own = {name: statistics.median(values) for name, values in before.items()}
        notes += _reasons(whole)
        for task in tasks.split(","):
            grows = None
            if not isinstance(half, str) and not isinstance(whole, str):
                power = math.log2(whole[task] / half[task]) if half[task] > 0 else math.nan
                grows = (
                    f"its time grows with the length to the power {power:.2f} from {_short(size // 2)} bars"
                )
            what = f"{task}_{_short(size)}_bars_{library}"
            figures.append(_beside(what, own[task], library, whole, task, wanted, grows))
    return figures, notes


def _growth(bars: int, seed: int) -> list[Figure]:
    """Exponents of our time over a quarter, a half and all of the bars; walk and worst case."""
    sizes = [bars // scale for scale in SCALES]
    seconds: dict[str, list[float]] = {"structure": [], "gaps": [], "open_gaps": []}
    for size in sizes:
        walk, worst = ours(simulated_bars(size, seed)), ours(open_gaps(size))
        runs = {"structure": walk["structure"], "gaps": walk["gaps"], "open_gaps": worst["gaps"]}
        for name, values in cpu_seconds(runs, 3).items():
            seconds[name].append(min(values))
    lengths = ", ".join(_short(size) for size in sizes)
    return [
        Figure(f"{name}_growth_exponent", exponent(sizes, values), "power", note=f"over {lengths} bars")
        for name, values in seconds.items()
    ]
