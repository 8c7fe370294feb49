"""A writer that does to Sierra files all that a chart program, a crash or a vendor may do, from one seed.

It appends in flushes of random size, leaves records torn, rewrites the forming bar in place, cuts
files and writes them again with corrected records, and puts another file under the same name.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zanzibar_assets.ingestion import formats
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.simulator.build import plan_sessions, simulate_sessions
from zanzibar_assets.simulator.options import SimulatorOptions
from zanzibar_assets.vocabulary import US_PER_SECOND

TICKS, BARS = "SIM_BTC", "SIM_BARS"
BAR_SYMBOL = "BTC-5M-SIM"
FIRST_SESSION, SESSIONS = "2025-01-08", 2
BAR_US = 300 * US_PER_SECOND
FIRST_SHARE = 0.2
"""Share of the two sessions that lies in the files before the writer starts."""
STEPS = 80


@dataclass
class Feed:
    """One file that grows: the bytes that it shall hold in the end and how many are there now."""

    path: Path
    header: bytes
    records: np.ndarray
    written: int = 0
    bars: bool = False

    @property
    def stamps_us(self) -> np.ndarray:
        return formats.unix_stamps(self.records["stamp"])[0]

    @property
    def payload(self) -> bytes:
        return self.header + self.records.tobytes()

    @property
    def size(self) -> int:
        return len(self.header) + self.records.nbytes

    def end_of(self, records: int) -> int:
        return len(self.header) + records * self.records.dtype.itemsize

    @property
    def whole(self) -> int:
        """Records that are whole in the file now."""
        return max(0, self.written - len(self.header)) // self.records.dtype.itemsize


def bars_of(ticks: np.ndarray, span_us: int = BAR_US) -> np.ndarray:
    """Bar records of tick records."""
    slot = ticks["stamp"] // span_us
    starts = np.flatnonzero(np.concatenate(([True], slot[1:] != slot[:-1])))
    bars = np.zeros(len(starts), dtype=formats.SCID_DTYPE)
    bars["stamp"] = slot[starts] * span_us
    bars["open"] = ticks["close"][starts]
    bars["high"] = np.maximum.reduceat(ticks["close"], starts)
    bars["low"] = np.minimum.reduceat(ticks["close"], starts)
    bars["close"] = ticks["close"][np.append(starts[1:], len(ticks)) - 1]
    for name in ("trades", "volume", "bid_volume", "ask_volume"):
        bars[name] = np.add.reduceat(ticks[name], starts)
    return bars


def make_feeds(folder: Path, seed: int, trades: int) -> list[Feed]:
    """Tick, bar and depth files of two simulated sessions; nothing is written yet."""
    instrument = load_instruments()[TICKS]
    wanted, first = plan_sessions([instrument], SESSIONS, FIRST_SESSION)
    made = list(
        simulate_sessions(instrument, wanted, first, seed, SimulatorOptions(trades_per_session=trades))
    )
    parts: dict[Path, list[Any]] = {}
    for session in made:
        for part in session.records.parts:
            parts.setdefault(folder / part.path, []).append(part)
    feeds = [
        Feed(path, group[0].header, np.concatenate([part.records for part in group]))
        for path, group in sorted(parts.items())
    ]
    ticks = next(feed for feed in feeds if feed.path.suffix == ".scid")
    feeds.append(Feed(folder / f"{BAR_SYMBOL}.scid", ticks.header, bars_of(ticks.records), bars=True))
    return feeds


@dataclass
class Writer:
    """Grows the feeds step by step; ``counts`` says what it did to them."""

    feeds: list[Feed]
    clock: Path
    rng: np.random.Generator
    hostile: bool
    now_us: int = 0
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("flushes", "torn", "bars_rewritten", "truncations", "corrections", "rotations"), 0
        )
    )

    def prepare(self) -> None:
        """The beginning of the first session, as it lies there when the reader is started."""
        self._pass(FIRST_SHARE)
        for feed in self.feeds:
            self._flush(feed, torn=False)
        self._tell()

    def run(self, pause: float) -> None:
        """All steps, then the rest of every file, then a clock that has passed the last session."""
        for step in range(STEPS):
            self._pass(FIRST_SHARE + (1 - FIRST_SHARE) * step / STEPS)
            for feed in self.feeds:
                self._step(feed)
            self._tell()
            time.sleep(pause)
        self._pass(1.0)
        for feed in self.feeds:
            self._flush(feed, torn=False)
        self._tell()
        time.sleep(pause)
        self.now_us += 86_400 * US_PER_SECOND
        self._tell()

    def _pass(self, share: float) -> None:
        """Market time goes on to a share of the two sessions."""
        first = min(int(feed.stamps_us[0]) for feed in self.feeds)
        last = max(int(feed.stamps_us[-1]) for feed in self.feeds)
        self.now_us = first + int((last - first) * share)

    def _step(self, feed: Feed) -> None:
        drawn = self.rng.random()
        if self.hostile and drawn < 0.02 and feed.written > len(feed.header):
            self._truncate(feed)
        elif self.hostile and drawn < 0.035 and feed.written > len(feed.header):
            self._replace(feed)
        elif feed.bars or drawn < 0.8:
            self._flush(feed, torn=self.rng.random() < 0.4)
        if feed.bars and self.rng.random() < 0.7:
            self._rewrite_last_bar(feed)

    def _flush(self, feed: Feed, *, torn: bool) -> None:
        ready = int(np.searchsorted(feed.stamps_us, self.now_us, side="right"))
        if torn and ready - feed.whole > 1:
            ready -= int(self.rng.integers(0, ready - feed.whole))
        if not ready:
            return
        feed.path.parent.mkdir(parents=True, exist_ok=True)
        until = feed.end_of(ready)
        if torn and until < feed.size:
            until += int(self.rng.integers(1, feed.records.dtype.itemsize))
        if until <= feed.written:
            return
        torn = (until - len(feed.header)) % feed.records.dtype.itemsize != 0
        self.counts["flushes"] += 1
        self.counts["torn"] += int(torn)
        content = feed.payload
        start = feed.written
        if feed.bars and feed.whole:
            start = feed.end_of(feed.whole - 1)  # the bar that was forming is complete now
        with feed.path.open("r+b" if feed.path.exists() else "wb") as file:
            file.seek(start)
            file.write(content[start:until])
        feed.written = until

    def _rewrite_last_bar(self, feed: Feed) -> None:
        """The last whole record as it looked while its bar was forming."""
        if not feed.whole or feed.written != feed.end_of(feed.whole) or feed.written == feed.size:
            return
        if int(feed.stamps_us[feed.whole - 1]) + BAR_US <= self.now_us:
            return  # no chart program keeps the last bar of a closed session from its file for minutes
        last = feed.records[feed.whole - 1 : feed.whole].copy()
        last["volume"] = max(1, int(last["volume"][0] * self.rng.random()))
        last["close"] = last["open"]
        with feed.path.open("r+b") as file:
            file.seek(feed.end_of(feed.whole - 1))
            file.write(last.tobytes())
        self.counts["bars_rewritten"] += 1

    def _correct(self, feed: Feed, first: int) -> None:
        """Change the volume of a few records from ``first`` on: a vendor's correction."""
        stop = feed.whole
        if stop > first and self.rng.random() < 0.7:
            chosen = self.rng.integers(first, stop, size=3)
            feed.records["volume" if "volume" in feed.records.dtype.names else "quantity"][chosen] += 1
            self.counts["corrections"] += 1

    def _truncate(self, feed: Feed) -> None:
        """Cut the file in place, at times to nothing or inside its header; flushes write it again."""
        cut = int(self.rng.choice([0, 20, int(self.rng.integers(0, feed.written + 1))]))
        kept = max(0, cut - len(feed.header)) // feed.records.dtype.itemsize
        self._correct(feed, kept + int(cut > feed.end_of(kept)))
        with feed.path.open("r+b") as file:
            file.truncate(cut)
            if self.rng.random() < 0.5:  # a download that is faster than any look
                file.seek(cut)
                file.write(feed.payload[cut : feed.written])
                cut = feed.written
        feed.written = cut
        self.counts["truncations"] += 1

    def _replace(self, feed: Feed) -> None:
        """Move the file away and put another one under its name, in one step or in two."""
        self._correct(feed, 0)
        until = feed.end_of(int(self.rng.integers(0, feed.whole + 1)))
        fresh = feed.path.with_suffix(".new")
        fresh.write_bytes(feed.payload[:until])
        if self.rng.random() < 0.5:
            feed.path.replace(feed.path.with_suffix(".old"))
            time.sleep(0.002)
        fresh.replace(feed.path)
        feed.written = until
        self.counts["rotations"] += 1

    def _tell(self) -> None:
        """Publish the market's time."""
        temporary = self.clock.with_suffix(".tmp")
        temporary.write_text(str(self.now_us), encoding="utf-8")
        temporary.replace(self.clock)


def write(folder: Path, clock: Path, done: Path, seed: int, trades: int, pause: float, hostile: bool) -> None:
    """Process: grow the files to their end, then say what was done and what they hold."""
    writer = Writer(make_feeds(folder, seed, trades), clock, np.random.default_rng(seed), hostile)
    writer.prepare()
    writer.run(pause)
    records = {feed.path.name: len(feed.records) for feed in writer.feeds}
    temporary = done.with_suffix(".tmp")
    temporary.write_text(json.dumps({"counts": writer.counts, "records": records}), encoding="utf-8")
    temporary.replace(done)
