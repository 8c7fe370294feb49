"""``zanzibar bench structure``: speed, or which events the peers find on the same bars."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zanzibar_assets.errors import UsageError

if TYPE_CHECKING:
    from zanzibar_assets.analysis.windows import BarBlock
    from zanzibar_assets.benchmarks.measure import Figure

BARS_OF_RECORDS = 5
OVERLAP_BARS = 50_000


def measure_structure(
    folder: Path,
    records: int,
    seed: int,
    peer_python: Path | None,
    bars: Path | None,
    say: Callable[[str], None],
    *,
    overlap: bool,
    huge: bool,
) -> tuple[list[Figure], list[str], dict[str, Any]]:
    """Figures, notes, and what else the report holds; a fifth as many bars as ``records``."""
    from zanzibar_assets.benchmarks import structure, structure_overlap

    count = records // BARS_OF_RECORDS
    if not overlap:
        if bars is not None:
            raise UsageError("--bars goes with --overlap", action="speed is measured on simulated bars")
        figures, notes = structure.measure(folder, count, seed, peer_python, say, huge=huge)
        return figures, notes, {}
    block = structure.simulated_bars(min(count, OVERLAP_BARS), seed) if bars is None else _read(bars)
    rows, notes = structure_overlap.overlap(folder, block, peer_python, say)
    found = {"simulated": bars is None, "bars": len(block), "overlap": [row.as_dict() for row in rows]}
    return [], notes, found


def overlap_table(rows: list[dict[str, Any]]) -> list[str]:
    """Lines for people."""
    lines = (
        [f"{'kind':<14} {'library':<20} {'both':>8} {'only ours':>10} {'only theirs':>12}"] if rows else []
    )
    for row in rows:
        counts = f"{row['matched']:>8} {row['only_ours']:>10} {row['only_theirs']:>12}"
        lines.append(f"{row['kind']:<14} {row['library']:<20} {counts}")
    return lines


def _read(path: Path) -> BarBlock:
    import polars as pl

    from zanzibar_assets.analysis.bar_input import read_bars

    return read_bars(pl.read_parquet(path), tick=None, bar_seconds=None, volume=True).block
