"""A simulation whose last session is appended while it "happens"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from zanzibar_assets.errors import UsageError
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.simulator.build import (
    Progress,
    SimulatedSession,
    SimulationResult,
    append_part,
    plan_sessions,
    simulate_sessions,
    write_side_files,
)
from zanzibar_assets.simulator.live import NARRATIVES, Appended, LiveWriter
from zanzibar_assets.simulator.manifest import claim_folder, write_manifest
from zanzibar_assets.simulator.options import SimulatorOptions


def simulate_live(
    out_dir: Path,
    instruments: Sequence[Instrument],
    sessions: int | Sequence[str],
    seed: int,
    options: SimulatorOptions | None = None,
    *,
    first_session: str | None = None,
    pace: Callable[[int], None],
    progress: Progress | None = None,
) -> SimulationResult:
    """Like ``simulate``, but the last session is appended in flushes as market time goes by.

    ``pace(now_us)`` is called before each flush and may wait. The finished folder holds the bytes
    that ``simulate`` writes. Text exports are refused: the chart program writes them afterwards.
    """
    chosen = options or SimulatorOptions()
    if chosen.text_export_zone is not None:
        raise UsageError("a live session has no text export", action="leave the text zone out")
    wanted, first = plan_sessions(instruments, sessions, first_session)
    claim_folder(out_dir)
    made = [
        item
        for instrument in instruments
        for item in simulate_sessions(instrument, wanted, first, seed, chosen)
    ]
    past = [item for item in made if item.records.session != wanted[-1]]
    running = [item for item in made if item.records.session == wanted[-1]]
    for item in past:
        for part in item.records.parts:
            append_part(out_dir, part)
    write_side_files(out_dir, past)
    _run(out_dir, running, seed, pace, progress)
    write_side_files(out_dir, made)
    files = write_manifest(out_dir, instruments, wanted, first, seed, chosen)
    return SimulationResult(files, tuple(wanted), out_dir / NARRATIVES, tuple(item.truth for item in made))


def _run(
    out_dir: Path,
    running: Sequence[SimulatedSession],
    seed: int,
    pace: Callable[[int], None],
    progress: Progress | None,
) -> None:
    told = [item for session in running for item in session.narratives]
    writer = LiveWriter(out_dir, [item.records for item in running], seed, told)

    def report(flushes: list[Appended]) -> None:
        if progress is not None and flushes:
            torn = sum(flush.torn for flush in flushes)
            progress(f"{sum(flush.bytes for flush in flushes)} bytes to {len(flushes)} files, {torn} torn")

    writer.run(pace, report)
