"""Volume profile: volume per tick price, point of control and value area.

Rules: the point of control (POC) is the price of the largest volume, on a tie the one nearest the
centre of the range, then the lower one. The value area starts at the POC and takes the larger of
the next two rows above and the next two below (ties go up) until it holds the wanted share. Bar
records carry no prices inside the bar: their volume stands at the typical price, rounded to the
tick, so a profile of such a source is coarser than one of trades. Zero-size prints are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, Ints, Records, load_records, stamps
from zanzibar_assets.analysis.profile_nodes import nodes, reach_of, smoothed
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import ContractError
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

TABLE = "volume_profile"
MAX_ROWS = 5_000_000
NO_TICKS = int(np.iinfo(np.int64).min)
"""Stands where no price is known."""


class ValueArea(NamedTuple):
    """POC, value area high and low as row numbers, the volume inside and in all."""

    poc: int
    vah: int
    val: int
    volume_inside: float
    volume_total: float


def value_area(volume: Floats, pct: float, rows: int = 2) -> ValueArea:
    """Value area of a profile given as volumes of consecutive tick prices, lowest first.

    ``pct`` per cent of the volume; ``rows`` prices are added at a time (2: the usual rule, 1: price
    by price). ``volume`` must hold a positive value.
    """
    last = len(volume) - 1
    order = sorted(range(len(volume)), key=lambda row: (-volume[row], abs(2 * row - last), row))
    poc = order[0]
    low = high = poc
    total, inside = float(volume.sum()), float(volume[poc])
    while inside * 100.0 < pct * total and (low > 0 or high < last):
        above = float(volume[high + 1 : high + 1 + rows].sum()) if high < last else -1.0
        below = float(volume[max(low - rows, 0) : low].sum()) if low > 0 else -1.0
        if above >= below:
            high, inside = min(high + rows, last), inside + above
        else:
            low, inside = max(low - rows, 0), inside + below
    return ValueArea(poc, high, low, inside, total)


def price_rows(records: Records) -> tuple[Ints, int]:
    """Row number of each record's price (typical prices rounded to the tick) and the lowest price.

    Raises ContractError when the prices span more than ``MAX_ROWS`` ticks.
    """
    prices: Ints = np.floor(records.price_ticks + 0.5).astype(np.int64)
    lowest = int(prices.min())
    span = int(prices.max()) - lowest + 1
    if span > MAX_ROWS:
        raise _too_wide(span)
    return prices - lowest, lowest


def _too_wide(span: int) -> ContractError:
    return ContractError(
        "the session's prices span too many ticks for a profile",
        expected=f"at most {MAX_ROWS} rows",
        got=str(span),
        action="check the instrument's tick size and the cleaning rules",
    )


def regular_session(records: Records) -> Records:
    """Records since the session's open; the pre-open is left out."""
    return records.where(~records.pre_open)


def developing_profile(records: Records, ends: Ints, pct: float, area_rows: int = 2) -> Ints:
    """POC, VAH and VAL in ticks as of the first ``ends[k]`` records, one row each.

    ``records`` with sizes above zero, ``ends`` ascending; the value area grows by ``area_rows`` prices at a
    time. Rows without a record hold the smallest int64.
    """
    return DevelopingProfile(pct, area_rows).feed(records, ends)


class DevelopingProfile:
    """A profile that grows with blocks of records; what it holds is the volume by price."""

    def __init__(self, pct: float, area_rows: int) -> None:
        self.pct, self.area_rows = pct, area_rows
        self.lowest, self.volume = 0, np.empty(0)
        self.seen, self.total = np.zeros(6, np.int64), np.zeros(1)

    def feed(self, records: Records, ends: Ints) -> Ints:
        """POC, VAH and VAL in ticks as of the first ``ends[k]`` of these records, after all before them."""
        from zanzibar_assets.analysis._profile_kernels import developing

        out = np.full((len(ends), 3), NO_TICKS)
        rows = np.empty(0, np.int64)
        if len(records):
            rows, lowest = price_rows(records)
            rows = self._make_room(rows, lowest)
        rule = self.pct, self.area_rows
        developing(rows, records.size, ends, self.volume, *rule, self.seen, self.total, out)
        out[out[:, 0] != NO_TICKS] += self.lowest
        return out

    def _make_room(self, rows: Ints, lowest: int) -> Ints:
        """Widen the volumes to prices from ``lowest`` up; the rows counted from the lowest of all."""
        held = len(self.volume)
        if held == 0:
            self.lowest = lowest
        below = max(self.lowest - lowest, 0)
        rows = rows + (lowest - (self.lowest - below))
        span = max(held + below, int(rows.max()) + 1)
        if span > max(held, MAX_ROWS):
            raise _too_wide(span)
        if span > held:
            self.volume = np.concatenate((np.zeros(below), self.volume, np.zeros(span - held - below)))
            self.lowest -= below
            self.seen[1:] += below if self.seen[0] else 0
        return rows

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        return {
            "lowest": self.lowest,
            "volume": self.volume.tolist(),
            "seen": self.seen.tolist(),
            "total": self.total.tolist(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.lowest, self.volume = int(saved["lowest"]), np.array(saved["volume"], np.float64)
        self.seen, self.total = np.array(saved["seen"], np.int64), np.array(saved["total"], np.float64)


def build_volume_profile(clean_ticks: pl.DataFrame, instrument: Instrument, config: Config) -> pl.DataFrame:
    """Final profile of the session since its open, one row a tick price, empty prices kept.

    ``event_ts`` is the first and ``known_at`` the last trade's time. Empty without volume.
    """
    stage = ProfileStage(instrument, config)
    stage.feed(load_records(clean_ticks))
    return stage.frame()


class ProfileStage:
    """Profile of the trades so far; only at the session's end is it the table."""

    def __init__(self, instrument: Instrument, config: Config) -> None:
        self.instrument = instrument
        rule = config.analysis.value_area_pct, config.analysis.value_area_rows
        self.profile = DevelopingProfile(*rule)
        self.area = (0, 0, 0)
        self.sold, self.bought = np.empty(0), np.empty(0)
        self.lowest, self.first_us, self.known_us = 0, 0, 0

    def feed(self, records: Records) -> None:
        """Take new trades along in order; volume adds up one by one: blocks leave no trace in the bits."""
        records = regular_session(records.traded())
        if len(records) == 0:
            return
        if len(self.sold) == 0:
            self.first_us, self.known_us = int(records.ts_us[0]), int(records.known_us[0])
        self.known_us = max(self.known_us, int(records.known_us.max()))
        area = self.profile.feed(records, np.array([len(records)]))[0].tolist()
        self.area = (area[0], area[1], area[2])
        self.sold, self.bought = self._widened(self.sold), self._widened(self.bought)
        self.lowest = self.profile.lowest
        row = np.floor(records.price_ticks + 0.5).astype(np.int64) - self.lowest
        np.add.at(self.sold, row, records.sell)
        np.add.at(self.bought, row, records.buy)

    def _widened(self, volume: Floats) -> Floats:
        wide: Floats = np.zeros(len(self.profile.volume))
        below = self.lowest - self.profile.lowest if len(volume) else 0
        wide[below : below + len(volume)] = volume
        return wide

    def frame(self) -> pl.DataFrame:
        """VolumeProfile of the trades so far."""
        volume, count = self.profile.volume, len(self.profile.volume)
        if count == 0:
            return empty(TABLE)
        poc, vah, val = self.area
        smooth = smoothed(volume, reach_of(count))
        node = np.full(count, None, dtype=object)
        for name, at in zip(("hvn", "lvn"), nodes(smooth), strict=True):
            node[at] = name
        prices = self.lowest + np.arange(count)
        frame = pl.DataFrame(
            {
                "price_ticks": prices,
                "price": prices * self.instrument.tick_size,
                "volume": volume,
                "bid_volume": self.sold,
                "ask_volume": self.bought,
                "is_poc": prices == poc,
                "in_value_area": (prices >= val) & (prices <= vah),
                "smoothed": smooth,
                "node": pl.Series(node.tolist(), dtype=pl.String),
            }
        ).with_columns(
            stamps(np.full(count, self.first_us)).alias(EVENT_TS),
            stamps(np.full(count, self.known_us)).alias(KNOWN_AT),
        )
        return conform(TABLE, frame)

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        return {
            "profile": self.profile.snapshot(),
            "area": list(self.area),
            "sold": self.sold.tolist(),
            "bought": self.bought.tolist(),
            "stamps": [self.lowest, self.first_us, self.known_us],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.profile.restore(saved["profile"])
        poc, vah, val = saved["area"]
        self.area = (poc, vah, val)
        self.sold, self.bought = (np.array(saved[name], np.float64) for name in ("sold", "bought"))
        self.lowest, self.first_us, self.known_us = (int(value) for value in saved["stamps"])
