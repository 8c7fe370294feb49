"""Entry point: simulate sessions of instruments into a folder of Sierra files and narratives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from zanzibar_assets.calendars import parse_session, sessions_between, union_sessions
from zanzibar_assets.errors import UsageError
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.simulator.book import trade_session
from zanzibar_assets.simulator.contracts import symbol_of
from zanzibar_assets.simulator.encode import FilePart, SessionRecords, encode_session
from zanzibar_assets.simulator.live import NARRATIVES, narrative_line
from zanzibar_assets.simulator.manifest import MANIFEST, SimulatedFile, claim_folder, write_manifest
from zanzibar_assets.simulator.narratives import Narrative, write_narratives
from zanzibar_assets.simulator.options import DEFAULT_FIRST_SESSION, SimulatorOptions, shape_of
from zanzibar_assets.simulator.overlap import with_next_contract
from zanzibar_assets.simulator.path import FairPath, chain
from zanzibar_assets.simulator.preopen import quote_before_open

NARRATIVES_TRUTH: Final = "narratives_truth.jsonl"
MARKET_TRUTH: Final = "market_truth.jsonl"
LAST_SESSION: Final = "2037-12-31"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SessionTruth:
    """What the generator knows of one instrument's session."""

    instrument: str
    session: str
    symbol: str
    contract: str | None
    day_sigma: float
    news: dict[str, Any] | None
    regimes: tuple[dict[str, Any], ...]
    stop_runs: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class SimulatedSession:
    """One instrument's session before it is written."""

    records: SessionRecords
    narratives: tuple[Narrative, ...]
    truth: SessionTruth


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """What a simulation wrote; paths are absolute, ``records`` excludes headers."""

    files: tuple[SimulatedFile, ...]
    sessions: tuple[str, ...]
    narratives_path: Path
    truth: tuple[SessionTruth, ...]


def simulate(
    out_dir: Path,
    instruments: Sequence[Instrument],
    sessions: int | Sequence[str],
    seed: int,
    options: SimulatorOptions | None = None,
    *,
    first_session: str | None = None,
    progress: Progress | None = None,
) -> SimulationResult:
    """Write ``.scid``, ``.depth``, narratives, truth and ``SIMULATED.json`` into ``out_dir``.

    ``sessions`` is a count from ``first_session`` on (of the union of the calendars; an instrument
    sits out what is no session of its own) or a list of keys. The bytes depend on seed, options,
    first session and the session alone: more sessions only append. Raises UsageError for real
    instruments, for no sessions, or when the folder holds files of another origin.
    """
    chosen = options or SimulatorOptions()
    wanted, first = plan_sessions(instruments, sessions, first_session)
    claim_folder(out_dir)
    made: list[SimulatedSession] = []
    for instrument in instruments:
        for item in simulate_sessions(instrument, wanted, first, seed, chosen):
            for part in item.records.parts:
                append_part(out_dir, part)
            made.append(_light(item))
            if progress is not None:
                progress(f"{instrument.id} {item.records.session}: {len(item.records.ticks.records)} trades")
    if chosen.text_export_zone is not None:
        _export_texts(out_dir, instruments, made, chosen.text_export_zone)
    write_side_files(out_dir, made)
    files = write_manifest(out_dir, instruments, wanted, first, seed, chosen)
    return SimulationResult(files, tuple(wanted), out_dir / NARRATIVES, tuple(item.truth for item in made))


def plan_sessions(
    instruments: Sequence[Instrument], sessions: int | Sequence[str], first_session: str | None
) -> tuple[list[str], str]:
    """Session keys to make, sorted, and the session on which every price starts."""
    for instrument in instruments:
        shape_of(instrument.id, instrument.simulated)
    if not instruments:
        raise UsageError("no instruments to simulate", action="name at least one")
    first = parse_session(first_session) if first_session is not None else None
    if isinstance(sessions, int):
        if sessions < 1:
            raise UsageError("no sessions to simulate", expected="1 or more", got=str(sessions))
        first = first or DEFAULT_FIRST_SESSION
        return union_sessions(instruments, first, LAST_SESSION)[:sessions], first
    keys = sorted({parse_session(key) for key in sessions})
    if not keys:
        raise UsageError("no sessions to simulate", action="name at least one")
    first = first or min(keys[0], DEFAULT_FIRST_SESSION)
    known = set(union_sessions(instruments, first, keys[-1]))
    strangers = [key for key in keys if key not in known]
    if strangers:
        raise UsageError(
            "not sessions of these instruments",
            expected=f"sessions from {first} on",
            got=", ".join(strangers),
        )
    return keys, first


def simulate_sessions(
    instrument: Instrument, wanted: Sequence[str], first: str, seed: int, options: SimulatorOptions
) -> Iterator[SimulatedSession]:
    """The wanted sessions of one instrument, oldest first; the latent chain runs from ``first``."""
    chosen = set(wanted)
    for path in chain(instrument, sessions_between(instrument, first, max(wanted)), seed, options):
        if path.session in chosen:
            yield _simulate_session(instrument, path, seed, options)


def _simulate_session(
    instrument: Instrument, path: FairPath, seed: int, options: SimulatorOptions
) -> SimulatedSession:
    import numpy as np

    symbol = symbol_of(instrument, path.contract)
    tape = trade_session(instrument, path, seed, options)
    depth = np.concatenate([quote_before_open(instrument, path, seed), tape.depth])
    records = encode_session(instrument, path.session, symbol, tape.trades, depth)
    records = with_next_contract(records, tape.trades, instrument, options)
    narratives = write_narratives(instrument, path, tape.trades, seed, options)
    news = path.clock.news
    truth = SessionTruth(
        instrument.id,
        path.session,
        symbol,
        path.contract,
        path.day_sigma,
        asdict(news) if news is not None else None,
        tuple(asdict(regime) for regime in path.regimes),
        tuple(asdict(run) for run in path.stop_runs),
    )
    return SimulatedSession(records, tuple(narratives), truth)


def append_part(out_dir: Path, part: FilePart) -> None:
    """Append a session's records to their file, which begins with its header."""
    path = out_dir / part.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        if file.tell() == 0:
            file.write(part.header)
        file.write(part.records.tobytes())


def write_side_files(out_dir: Path, made: Sequence[SimulatedSession]) -> None:
    """Narratives into the inbox, truths beside it, in order of session, receipt and instrument."""
    told = sorted(
        (item for session in made for item in session.narratives),
        key=lambda item: (item.session, item.received_us, item.line["id"]),
    )
    path = out_dir / NARRATIVES
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(narrative_line(item) for item in told))
    _write_lines(out_dir / NARRATIVES_TRUTH, [item.truth for item in told])
    truths = sorted((item.truth for item in made), key=lambda truth: (truth.session, truth.instrument))
    _write_lines(out_dir / MARKET_TRUTH, [{**asdict(truth), "simulated": True} for truth in truths])


def _write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def _light(item: SimulatedSession) -> SimulatedSession:
    """The session without its records, which are on disk by now."""
    ticks = FilePart(item.records.ticks.path, item.records.ticks.header, item.records.ticks.records[:0])
    records = SessionRecords(item.records.instrument, item.records.session, item.records.symbol, ticks, ())
    return SimulatedSession(records, item.narratives, item.truth)


def _export_texts(
    out_dir: Path, instruments: Sequence[Instrument], made: Sequence[SimulatedSession], zone: str
) -> None:
    from zanzibar_assets.ingestion.formats import map_records, read_header
    from zanzibar_assets.simulator.text_export import export_text

    by_id = {instrument.id: instrument for instrument in instruments}
    for name, owner in sorted({(item.truth.symbol, item.truth.instrument) for item in made}):
        path = out_dir / f"{name}.scid"
        target = out_dir / f"{name}.scid_BarData.txt"
        export_text(target, map_records(path, read_header(path)), by_id[owner], zone)


__all__ = ["MANIFEST", "SessionTruth", "SimulatedSession", "SimulationResult", "simulate"]
