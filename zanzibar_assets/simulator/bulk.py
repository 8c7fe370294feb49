"""Long Sierra files for measuring: one simulated session's records repeated on later days."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from zanzibar_assets.ingestion.formats import US_PER_DAY
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.simulator.build import plan_sessions, simulate_sessions
from zanzibar_assets.simulator.encode import FilePart
from zanzibar_assets.simulator.options import SimulatorOptions


class BulkFiles(NamedTuple):
    """Paths of one long ``.scid`` and one long ``.depth`` file."""

    ticks: Path
    depth: Path


def write_bulk(
    out_dir: Path, instrument: Instrument, records: int, seed: int, trades_per_session: int
) -> BulkFiles:
    """Write ``records`` trade records and as many depth records of a simulated instrument.

    The depth file repeats the session's longest UTC day, which begins with a full snapshot, so that
    each copy stands alone. Raises UsageError for a real instrument.
    """
    options = SimulatorOptions(trades_per_session=trades_per_session)
    sessions, first = plan_sessions([instrument], 1, None)
    (session,) = simulate_sessions(instrument, sessions, first, seed, options)
    parts = session.records
    return BulkFiles(
        _repeat(out_dir, parts.ticks, records),
        _repeat(out_dir, max(parts.depth, key=lambda part: len(part.records)), records),
    )


def _repeat(out_dir: Path, part: FilePart, records: int) -> Path:
    path = out_dir / part.path.name
    path.parent.mkdir(parents=True, exist_ok=True)
    days = int(np.ptp(part.records["stamp"])) // US_PER_DAY + 1
    with path.open("wb") as file:
        file.write(part.header)
        for start in range(0, records, len(part.records)):
            copy = part.records[: records - start].copy()
            copy["stamp"] += start // len(part.records) * days * US_PER_DAY
            file.write(copy.tobytes())
    return path
