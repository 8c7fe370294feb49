"""Returns (and scores) of a strategy from a CSV with a header; whatever cannot be one is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.errors import FormatError

Floats = NDArray[np.float64]
RETURN, SCORE = "return", "score"
MIN_ROWS = 8
SHOWN_COLUMNS = 12


@dataclass(frozen=True, slots=True)
class ReturnsFile:
    """Returns a period as fractions, and what predicted each of them where the file says so."""

    returns: Floats
    scores: Floats | None


def read_returns(path: Path) -> ReturnsFile:
    """Columns ``return`` and, where there is one, ``score`` of a comma-separated file.

    Raises FormatError for a file that is no CSV or has no header, a missing column, a value that is
    missing, not a number or not finite (with its line), or fewer than eight rows.
    """
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise FormatError(f"{path} is no CSV that can be read", got=str(error).split("\n", 1)[0]) from error
    frame = frame.rename({name: name.strip().strip("\ufeff") for name in frame.columns})
    if RETURN not in frame.columns:
        raise _no_column(path, frame.columns)
    returns = _numbers(path, frame[RETURN])
    scores = _numbers(path, frame[SCORE]) if SCORE in frame.columns else None
    if len(returns) < MIN_ROWS:
        raise FormatError(
            f"{path} has too few rows", expected=f">= {MIN_ROWS} returns", got=str(len(returns))
        )
    return ReturnsFile(returns, scores)


def _no_column(path: Path, columns: list[str]) -> FormatError:
    shown = ", ".join(repr(name) for name in columns[:SHOWN_COLUMNS])
    if columns and all(_is_number(name) for name in columns):
        return FormatError(
            f"{path} has no header",
            expected="a first line that names the columns, among them `return`",
            got=shown,
            action="add the line:  return",
        )
    return FormatError(
        f"{path} has no column `return`",
        expected="a comma-separated header with `return` and, if there are any, `score`",
        got=shown,
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(path: Path, column: pl.Series) -> Floats:
    text = column.str.strip_chars()
    values = text.cast(pl.Float64, strict=False)
    bad = (~values.fill_null(np.nan).is_finite()).arg_true()
    if len(bad):
        row = int(bad[0])
        raise FormatError(
            f"{path} line {row + 2}: {column.name} is no finite number",
            expected="a number such as 0.0012 (a fraction, not per cent)",
            got=repr(text[row]),
            action=f"mend or remove the {len(bad)} such line(s): a hole would hide a loss",
        )
    return values.to_numpy()
