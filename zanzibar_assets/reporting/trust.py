"""Can the data be trusted: one sentence an instrument, the verdict first, then the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


def trust_lines(completeness: Mapping[str, pl.DataFrame]) -> Iterator[tuple[str, str, str]]:
    """(section, instrument, sentence) of each instrument's SessionCompleteness row."""
    for instrument in sorted(completeness):
        frame = completeness[instrument]
        if frame.is_empty():
            yield ("trust", instrument, "nothing is known of its data: no event in this session.")
            continue
        row = frame.row(0, named=True)
        yield ("trust", instrument, f"{trust_words(row)} {_numbers(row)}")


def trust_words(row: Mapping[str, Any]) -> str:
    """The verdict in words: what is missing, or that nothing is."""
    if not row["volume_reconciles"]:
        return "Do not trust: the volume of the bars is not that of the trades."
    faults = []
    if row["minutes_to_close"]:
        faults.append("the session has not ended or its end is missing")
    if row["silent_gaps"]:
        faults.append("the feed was silent for longer than it should be")
    if faults:
        return f"Usable with care: {'; '.join(faults)}."
    if row["gaps"] or row["seen_minutes"] < row["expected_minutes"]:
        return "Complete: the feed was never silent for long, though some minutes saw no trade."
    return "Complete: every minute that the calendar let expect holds a trade."


def _numbers(row: Mapping[str, Any]) -> str:
    gaps = (
        f"{row['gaps']} gaps, the longest {row['longest_gap_minutes']:.1f} minutes"
        if row["gaps"]
        else "no gap"
    )
    parts = [
        f"{row['seen_minutes']} of {row['expected_minutes']} open minutes hold a trade",
        gaps,
        f"{row['minutes_to_close']} open minutes lie after the last event" if row["minutes_to_close"] else "",
        f"volume {row['tick_volume']:,.10g} in trades and {row['bar_volume']:,.10g} in bars",
        f"{row['quarantined_rows']} rows put aside" if row["quarantined_rows"] else "no row put aside",
        _percent(row["outside_book_pct"], "of trades lie outside the book before them"),
        _percent(row["vanished_pct"], "of the traded volume vanished from the book where it traded"),
    ]
    return ", ".join(part for part in parts if part) + "."


def _percent(value: float | None, words: str) -> str:
    return "" if value is None else f"{value:.1f} % {words}"
