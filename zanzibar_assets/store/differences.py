"""The first place where two frames of one table differ, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from zanzibar_assets.vocabulary import KNOWN_AT, US_PER_SECOND

if TYPE_CHECKING:
    import polars as pl

ROW = "(the whole row)"
ABSENT = "no row"


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the whole table says something else than what could be known at the cut."""

    column: str
    known_us: int
    whole: str
    part: str
    table: str = ""
    cut_us: int = 0
    variant: str = ""

    def of(self, table: str, cut_us: int, variant: str) -> Difference:
        """The same difference with the table and the cut at which it showed."""
        return replace(self, table=table, cut_us=cut_us, variant=variant)

    def __str__(self) -> str:
        """In plain words: what, where, both values, what to do."""
        later = {"truncated": "taken away", "perturbed": "replaced by other values"}[self.variant]
        return (
            f"{self.table} looks ahead: {self.column} of the row known at {utc(self.known_us)} is "
            f"{self.whole} in the table and {self.part} when everything known after {utc(self.cut_us)} is "
            f"{later}; what to do: find what of that row is computed from later data, delay its known_at "
            f"or use earlier data only, then build it again "
            f"(zanzibar prove --table {self.table} shows whether it holds)"
        )


def utc(stamp_us: int) -> str:
    """An instant as people read it, to the microsecond."""
    whole, rest = divmod(stamp_us, US_PER_SECOND)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%d %H:%M:%S}.{rest:06d} UTC"


def first_difference(whole: pl.DataFrame, part: pl.DataFrame) -> Difference | None:
    """First row, and in it the first column, in which two frames of one contract differ; None when equal.

    Both are ordered by ``known_at``. A missing or additional row is a difference of the whole row.
    """
    common = min(whole.height, part.height)
    rows = {name: _first(whole[name][:common], part[name][:common]) for name in whole.columns}
    differing = {name: row for name, row in rows.items() if row is not None}
    if differing:
        column = min(differing, key=lambda name: differing[name])
        row = differing[column]
        if whole[KNOWN_AT][row] != part[KNOWN_AT][row]:
            return _row_only(whole, part, row)
        return Difference(column, _known(whole, row), _text(whole[column][row]), _text(part[column][row]))
    return _row_only(whole, part, common) if whole.height != part.height else None


def _row_only(whole: pl.DataFrame, part: pl.DataFrame, row: int) -> Difference:
    """The row that only one of the frames has: the one that became known earlier."""
    mine = _known(whole, row) if row < whole.height else None
    theirs = _known(part, row) if row < part.height else None
    if theirs is None or (mine is not None and mine < theirs):
        assert mine is not None
        return Difference(ROW, mine, _text(whole.row(row, named=True)), ABSENT)
    return Difference(ROW, theirs, ABSENT, _text(part.row(row, named=True)))


def _known(frame: pl.DataFrame, row: int) -> int:
    return int(frame[KNOWN_AT].dt.epoch("us")[row])


def _first(mine: pl.Series, theirs: pl.Series) -> int | None:
    """Index of the first value that is not the same; of floats the same bits."""
    same = mine.eq_missing(theirs)
    if mine.dtype.is_float():
        same &= _signs(mine).eq_missing(_signs(theirs))
    return None if bool(same.all()) else int((~same).arg_max() or 0)


def _signs(column: pl.Series) -> pl.Series:
    """True for values with the sign bit, so that -0.0 is not 0.0."""
    import numpy as np
    import polars as pl

    values = column.fill_null(0.0).to_numpy()
    return pl.Series(np.signbit(values) & ~np.isnan(values))


def _text(value: Any) -> str:
    """A value or a whole row as people read it: times as ISO text."""
    if isinstance(value, dict):
        text = ", ".join(f"{name} {_text(of)}" for name, of in value.items())
    elif isinstance(value, datetime):
        text = value.isoformat()
    else:
        text = "null" if value is None else repr(value) if isinstance(value, (float, str)) else str(value)
    return text if len(text) <= 240 else f"{text[:240]}..."
