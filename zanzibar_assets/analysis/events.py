"""From event rows in bar indices to the events contract: stamps, prices, ids.

An id is a hash of what the event is (instrument, kind, direction, times, prices, definition,
parameters, and the id of the event it updates), never of where it stands in a table: the same event
found again from another window of history has the same id, so rows of one session can refer to
events of an earlier one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from zanzibar_assets.analysis.engine import BarSeries, Row
from zanzibar_assets.config import stable_hash
from zanzibar_assets.errors import ContractError
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from zanzibar_assets.instruments import Instrument

PRICES = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")


@dataclass(frozen=True, slots=True)
class Definition:
    """Version and parameters of the engine that made a row."""

    version: int
    params_hash: str

    @classmethod
    def of(
        cls, engine: str, params: DataclassInstance, version: int = 1, timeframe_seconds: int | None = None
    ) -> Definition:
        """Definition of an engine with its parameters, on bars of a higher timeframe where one is given."""
        higher = {} if timeframe_seconds is None else {"timeframe_seconds": timeframe_seconds}
        return cls(version, stable_hash({"engine": engine, **asdict(params), **higher}))


@dataclass(frozen=True, slots=True)
class JoinedBars:
    """History and session bars in one line; the session's bars start at index ``first``.

    ``event_us``/``known_us`` are the bars' open and close stamps, ``sessions`` a number per bar that
    changes where the session does.
    """

    series: BarSeries
    event_us: list[int]
    known_us: list[int]
    sessions: list[int]
    first: int
    seconds: int

    def __len__(self) -> int:
        return len(self.event_us)


def join_bars(bars: pl.DataFrame, history: pl.DataFrame) -> JoinedBars:
    """Bars of earlier sessions followed by the session's own.

    ``history`` is a bars frame with a ``session`` column, oldest first, possibly empty. Raises
    ContractError when the two overlap in time or the bars differ in length.
    """
    columns = [EVENT_TS, KNOWN_AT, *PRICES, "volume", "bar_seconds"]
    parts = [bars.select(columns)]
    numbers: list[int] = []
    if history.height:
        parts.insert(0, history.select(columns))
        numbers = history["session"].rle_id().to_list()
    _check_order(bars, history)
    joined = pl.concat(parts)
    if joined["bar_seconds"].n_unique() > 1:
        raise ContractError(
            "bars of several lengths in one run",
            expected="one bar_seconds",
            got=str(sorted(joined["bar_seconds"].unique().to_list())),
            action="build the earlier sessions' bars again with the instrument's present bar length",
        )
    current = numbers[-1] + 1 if numbers else 0
    series = BarSeries(*(joined[name].to_list() for name in (*PRICES, "volume")))
    stamps = [joined[name].dt.epoch("us").to_list() for name in (EVENT_TS, KNOWN_AT)]
    seconds = int(joined["bar_seconds"][0]) if joined.height else 0
    sessions = [*numbers, *[current] * bars.height]
    return JoinedBars(series, stamps[0], stamps[1], sessions, history.height, seconds)


def _check_order(bars: pl.DataFrame, history: pl.DataFrame) -> None:
    if not (bars.height and history.height):
        return
    last, first = history[KNOWN_AT][-1], bars[EVENT_TS][0]
    if last > first:
        raise ContractError(
            "history reaches into the session",
            expected=f"history known by {first}",
            got=f"history known at {last}",
            action="pass only earlier sessions as history",
        )


class EventWriter:
    """Turns rows into event frames; remembers ids, so that rows refer to each other by id."""

    def __init__(
        self, joined: JoinedBars, instrument: Instrument, definitions: Mapping[str, Definition]
    ) -> None:
        self.joined = joined
        self.instrument = instrument
        self.definitions = definitions
        # The row is kept beside its id: an object's address is unique only while the object lives.
        self._ids: dict[int, tuple[Row, str]] = {}

    def event_us(self, row: Row) -> int:
        """When the row's event happened."""
        return self.joined.event_us[row.event_idx] if row.event_us is None else row.event_us

    def known_us(self, row: Row) -> int:
        """When the row became known."""
        return self.joined.known_us[row.known_idx] if row.known_us is None else row.known_us

    def event_id(self, row: Row) -> str:
        """Deterministic id of the row's event."""
        known = self._ids.get(id(row))
        if known is not None:
            return known[1]
        definition = self.definitions[row.kind]
        parts = (
            self.instrument.id,
            row.kind,
            row.dir,
            self.event_us(row),
            self.known_us(row),
            row.level,
            row.lo,
            row.hi,
            definition.version,
            definition.params_hash,
            None if row.ref is None else self.event_id(row.ref),
            row.attrs.get("name"),
        )
        found = digest(*parts)
        self._ids[id(row)] = (row, found)
        return found

    def frame(self, rows: Iterable[Row], table: str) -> pl.DataFrame:
        """Conforming event frame of rows, ordered by known_at, event_ts, kind."""
        from zanzibar_assets.contracts.registry import conform, empty

        records = [self._record(row) for row in rows]
        if not records:
            return empty(table)
        frame = pl.DataFrame(records, infer_schema_length=None).with_columns(
            pl.col(EVENT_TS, KNOWN_AT).cast(pl.Datetime("us", "UTC"))
        )
        order = [KNOWN_AT, EVENT_TS, "kind", "dir", "level_ticks", "lo_ticks", "hi_ticks", "event_id"]
        return conform(table, frame.sort(order, nulls_last=False))

    def _record(self, row: Row) -> dict[str, Any]:
        tick = self.instrument.tick_size
        definition = self.definitions[row.kind]
        ticks = {"level": row.level, "lo": row.lo, "hi": row.hi}
        return {
            EVENT_TS: self.event_us(row),
            KNOWN_AT: self.known_us(row),
            "event_id": self.event_id(row),
            "kind": row.kind,
            "dir": row.dir,
            **{f"{name}_ticks": value for name, value in ticks.items()},
            **{name: None if value is None else value * tick for name, value in ticks.items()},
            "ref_id": None if row.ref is None else self.event_id(row.ref),
            "timeframe_seconds": self.joined.seconds,
            "def_version": definition.version,
            "params_hash": definition.params_hash,
            "attrs": json.dumps(dict(row.attrs), sort_keys=True, separators=(",", ":")),
        }


def digest(*parts: object) -> str:
    """Hex blake2b of the parts, 16 bytes."""
    text = "|".join(map(str, parts))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
