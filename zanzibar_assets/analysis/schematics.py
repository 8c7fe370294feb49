"""The ``wyckoff_schematics`` table: which schematic it was, told when it is over.

Events and phases are published as they happen and never relabelled; what a range turned out to be is
another question, answered here in retrospect: one row a schematic, known at the close that ended it
(markup or markdown, a failure, or the climax that began the next one).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from zanzibar_assets.analysis.engine import Row
from zanzibar_assets.analysis.events import EventWriter, join_bars
from zanzibar_assets.analysis.wyckoff import SESSION_PARAMS
from zanzibar_assets.analysis.wyckoff_engine import wyckoff
from zanzibar_assets.analysis.wyckoff_rules import wyckoff_definitions
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

if TYPE_CHECKING:
    from zanzibar_assets.config import Config
    from zanzibar_assets.instruments import Instrument

TABLE = "wyckoff_schematics"
CLIMAXES: Final = ("sc", "bc")
PRELIMINARY: Final = ("ps", "psy")
TRENDS: Final = ("markup", "markdown")


@dataclass(slots=True)
class Schematic:
    """Rows of one schematic, from its first climax on.

    ``outcome``: trend (it ran its course), failed, or open while it runs.
    """

    rows: list[Row] = field(default_factory=list)
    climax: Row | None = None
    outcome: str = "open"

    def add(self, row: Row) -> None:
        """Take the next row, which may end it."""
        self.rows.append(row)
        if row.kind in CLIMAXES:
            self.climax = row
        if row.kind in TRENDS:
            self.outcome = "trend"
        elif row.attrs["phase"] is None:
            self.outcome = "failed"

    @property
    def path(self) -> str:
        """Kinds in their order."""
        return " ".join(row.kind for row in self.rows)

    def last(self, *kinds: str) -> Row | None:
        """Last row of some kinds."""
        return next((row for row in reversed(self.rows) if row.kind in kinds), None)


class SchematicFold:
    """Schematics of one machine's rows as they come; what is held is the one that still runs."""

    def __init__(self) -> None:
        self.now: Schematic | None = None

    def feed(self, rows: Iterable[Row]) -> list[Schematic]:
        """Schematics that new rows end, each in the order in which the machine gave them."""
        ended: list[Schematic] = []
        for row in rows:
            if row.kind in PRELIMINARY:
                continue
            if self.now is None and row.kind in CLIMAXES:
                self.now = Schematic()
            if self.now is None:
                continue  # the rows at hand begin in the middle of a schematic
            self.now.add(row)
            if self.now.outcome != "open":
                ended.append(self.now)
                self.now = None
        return ended

    def snapshot(self) -> list[dict[str, Any]]:
        """Rows of the schematic that runs, for JSON."""
        return [] if self.now is None else [asdict(row) for row in self.now.rows]

    def restore(self, saved: Iterable[Mapping[str, Any]]) -> SchematicFold:
        """This new fold, going on where a snapshot was taken."""
        self.feed(_row(row) for row in saved)
        return self


def _row(saved: Mapping[str, Any]) -> Row:
    return Row(**{**saved, "ref": None if saved["ref"] is None else _row(saved["ref"])})


def schematics(rows: Iterable[Row]) -> list[Schematic]:
    """Schematics of one machine's rows; the last is open where the rows end before it does."""
    fold = SchematicFold()
    ended = fold.feed(rows)
    return ended if fold.now is None else [*ended, fold.now]


def build_wyckoff_schematics(
    bars: pl.DataFrame, bars_history: pl.DataFrame, instrument: Instrument, config: Config
) -> pl.DataFrame:
    """WyckoffSchematics of the schematics that ended within the session, begun there or in the history.

    ``event_ts`` is the open of the climax bar, ``known_at`` the close that ended the schematic: not a
    bar earlier is any of the row known.
    """
    from zanzibar_assets.contracts.registry import conform, empty

    del config
    if not bars.height:
        return empty(TABLE)
    joined = join_bars(bars, bars_history)
    writer = EventWriter(joined, instrument, wyckoff_definitions(SESSION_PARAMS))
    rows = wyckoff(joined.series, SESSION_PARAMS)
    ended = [
        schematic
        for machine in ("accumulation", "distribution")
        for schematic in schematics(row for row in rows if row.attrs["schematic"] == machine)
        if schematic.outcome != "open" and schematic.rows[-1].known_idx >= joined.first
    ]
    if not ended:
        return empty(TABLE)
    frame = pl.DataFrame([_record(schematic, writer) for schematic in ended], infer_schema_length=None)
    stamped = frame.with_columns(pl.col(EVENT_TS, KNOWN_AT).cast(pl.Datetime("us", "UTC")))
    return conform(TABLE, stamped.sort(KNOWN_AT, EVENT_TS, "schematic"))


def _record(schematic: Schematic, writer: EventWriter) -> dict[str, Any]:
    climax, end = schematic.climax, schematic.rows[-1]
    assert climax is not None, "a schematic begins with its climax"
    rally, spring = schematic.last("ar"), schematic.last("spring", "utad")
    joined, definition = writer.joined, writer.definitions[climax.kind]
    return {
        EVENT_TS: writer.event_us(climax),
        KNOWN_AT: writer.known_us(end),
        "schematic": climax.attrs["schematic"],
        "outcome": schematic.outcome,
        "climax_ticks": climax.level,
        "rally_ticks": None if rally is None else rally.level,
        "end_ticks": end.level,
        "bars": end.known_idx - climax.event_idx + 1,
        "events": len(schematic.rows),
        "spring_type": None if spring is None else spring.attrs.get("spring_type"),
        "path": schematic.path,
        "first_id": writer.event_id(schematic.rows[0]),
        "last_id": writer.event_id(end),
        "timeframe_seconds": joined.seconds,
        "def_version": definition.version,
        "params_hash": definition.params_hash,
    }
