"""``zanzibar export``: levels, zones and signals for Sierra Chart and Bookmap."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from zanzibar_assets.commands._output import json_option
from zanzibar_assets.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from zanzibar_assets.commands._export_tables import Stored

KINDS = ("levels", "zones", "signals")
SHOWN_ROWS = 20


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is written: marks known at ``as_of``, under which symbol, in which zone."""

    stored: Stored
    marks: pl.DataFrame
    as_of: datetime
    symbol: str
    zone: ZoneInfo
    chosen: tuple[str, ...]

    def vwap(self) -> pl.DataFrame:
        """Rows of the vwap table known by then."""
        frame = self.stored.tables["vwap"]
        return frame.filter(frame["known_at"] <= self.as_of)


@click.command(
    name="export",
    epilog="Example:  zanzibar export --to bookmap --instrument SIM_ES --session 2025-01-06 "
    "--symbol ESH25.CME@RITHMIC --out notes.csv",
)
@click.option("--to", "target", type=click.Choice(["sierra", "bookmap"]), required=True, help="Who reads it.")
@click.option("--instrument", required=True, help="Instrument id, or a Sierra symbol of it.")
@click.option("--session", required=True, help="Session as YYYY-MM-DD.")
@click.option("--what", default=",".join(KINDS), show_default=True, help="Which marks, by commas.")
@click.option("--as-of", help="Only what was known then (ISO time with zone); else at the session's end.")
@click.option("--symbol", help="Symbol as the program shows it; else the Sierra symbol of the ticks.")
@click.option("--tz", "zone", default="UTC", show_default=True, help="Chart zone of Sierra's series files.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="bookmap: file to write; sierra: folder to write into."
)
@json_option
def command(
    target: str,
    instrument: str,
    session: str,
    what: str,
    as_of: str | None,
    symbol: str | None,
    zone: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Write a session's levels, zones and signals in a form that Sierra Chart or Bookmap reads.

    bookmap: one Cloud Notes CSV. sierra: a marks file with the study that draws it, and VWAP and
    developing profile in Sierra's text format. What was not known at --as-of is not in them: no
    later level, and no later end of a zone. Without --out nothing is written. Steps: docs/exports.md.
    """
    from zanzibar_assets.commands._export_tables import looked_from, read_session
    from zanzibar_assets.reporting.exports.marks import session_marks
    from zanzibar_assets.reporting.exports.text import checked_symbol

    chosen, clock = _chosen(what), _zone(zone)
    stored = read_session(instrument, session)
    moment = looked_from(stored, as_of)
    named = checked_symbol(symbol or stored.symbol or stored.instrument.id)
    marks = session_marks(stored.tables, stored.instrument, moment, chosen)
    wanted = _Wanted(stored, marks, moment, named, clock, chosen)
    files = _WRITERS[target](wanted, out) if out is not None else []
    for note in stored.notes:
        click.echo(f"note: {note}", err=True)
    result: dict[str, Any] = {
        "to": target,
        "instrument": stored.instrument.id,
        "session": stored.session,
        "as_of": moment.isoformat(),
        "symbol": named,
        "simulated": stored.instrument.simulated,
        "marks": {kind: marks.filter(marks["what"] == kind).height for kind in chosen},
        "files": [str(path) for path in files],
        "notes": list(stored.notes),
    }
    click.echo(json.dumps(result) if as_json else _table(result, marks))


def _chosen(what: str) -> tuple[str, ...]:
    named = [part.strip() for part in what.split(",") if part.strip()]
    if not named or set(named) - set(KINDS):
        raise UsageError(f"--what {what!r} is not known", expected=f"some of {', '.join(KINDS)}, by commas")
    return tuple(kind for kind in KINDS if kind in named)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise UsageError(
            f"{name!r} is no time zone", expected="an IANA name such as America/Chicago"
        ) from None


def _to_bookmap(wanted: _Wanted, out: Path) -> list[Path]:
    from zanzibar_assets.commands._export_files import write_file
    from zanzibar_assets.reporting.exports.bookmap import cloud_notes

    return write_file(out, cloud_notes(wanted.marks, wanted.symbol, wanted.stored.instrument))


def _to_sierra(wanted: _Wanted, out: Path) -> list[Path]:
    from zanzibar_assets.commands._export_files import write_folder
    from zanzibar_assets.reporting.exports.sierra import STUDY, marks_file, series_files, study_source

    stored, multiplier = wanted.stored, wanted.stored.price_multiplier
    stem = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in wanted.symbol)
    texts = {
        f"{stem}-{stored.session}-marks.csv": marks_file(wanted.marks, stored.instrument, multiplier),
        STUDY.name: study_source(),
    }
    if "levels" in wanted.chosen:
        series = series_files(wanted.vwap(), stored.instrument, multiplier, wanted.zone)
        texts |= {f"{stem}-{name}.txt": text for name, text in series.items()}
    return write_folder(out, texts)


_WRITERS = {"bookmap": _to_bookmap, "sierra": _to_sierra}


def _table(result: dict[str, Any], marks: pl.DataFrame) -> str:
    counts = ", ".join(f"{count} {kind}" for kind, count in result["marks"].items())
    label = "SIMULATED " if result["simulated"] else ""
    lines = [f"{label}{result['symbol']} {result['session']}: {counts}, known at {result['as_of']}"]
    for row in marks.tail(SHOWN_ROWS).iter_rows(named=True):
        ends = dict.fromkeys((row["lo"], row["hi"]))
        price = " to ".join(f"{end:.10g}" for end in ends)
        ended = f"  ended {row['until']:%H:%M:%S}" if row["until"] is not None else ""
        lines.append(f"  {row['known_at']:%Y-%m-%d %H:%M:%S}  {row['text']}  {price}{ended}")
    lines += [f"wrote {path}" for path in result["files"]] or ["nothing was written (--out writes)"]
    return "\n".join(lines)
