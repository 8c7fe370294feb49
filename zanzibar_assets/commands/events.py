"""``zanzibar events``: causal structure events of one bar table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zanzibar_assets.commands._out_files import part_of, refuse_irregular
from zanzibar_assets.errors import FormatError, UsageError

if TYPE_CHECKING:
    import polars as pl

KINDS = ("smc", "wyckoff", "sweeps")
SHOWN_ROWS = 20


@click.command(
    name="events",
    epilog="Example:  zanzibar events bars.parquet --kind smc --params params.json --out events.parquet",
)
@click.argument("bars", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kind", type=click.Choice(KINDS), required=True, help="Which engine looks at the bars.")
@click.option(
    "--params",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON object of parameters by name; what is left out has its default.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the events to this Parquet file."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(bars: Path, kind: str, params: Path | None, out: Path | None, as_json: bool) -> None:
    """Find the events of a bar table, each with the bar at whose close it is first knowable.

    BARS has ts_utc (bar open, UTC), open, high, low, close and volume (volume only for wyckoff). smc:
    swings, breaks, gaps and their life, order blocks, premium and discount (Lw, Rw, mode, min_ticks,
    min_atr, body_atr, e, timeframes; with tol or tol_atr also pools). sweeps: pools, and what became of
    them and of swings, or of one given level (Lw, Rw, tol, tol_atr, min_pen, K; level, side,
    known_idx). wyckoff: accumulation and distribution (n, trend_n, trend_k, ps_rv, sc_rv, sc_rs,
    ar_min, K, spring_max, sos_rv, w, abandon_atr). All: tick, bar_seconds.

    Tick and bar length: without tick nothing is counted in ticks (pools of equal prices unless tol is
    given, a sweep any price beyond, no columns in ticks; min_pen above 1 and min_ticks need it). Without
    bar_seconds the commonest step between stamps is the bar length; 20 equal steps in a row of another
    length are bars of a second length and are refused.
    """
    import polars as pl

    from zanzibar_assets.analysis.event_runs import run_events

    given = _read_params(params)
    _refuse_unsafe(out, bars)
    try:
        frame = pl.read_parquet(bars)
    except pl.exceptions.PolarsError as error:
        raise FormatError(f"{bars} is no Parquet file that can be read", got=str(error)) from error
    run = run_events(frame, kind, given)
    for note in run.notes:
        click.echo(f"note: {note}", err=True)
    if out is not None:
        _write(run.frame, out)
    result: dict[str, Any] = {
        "events": run.frame.height,
        "kinds": _counts(run.frame),
        "bars": frame.height,
        "bar_seconds": run.bar_seconds,
        "tick": run.grid.tick,
        "notes": list(run.notes),
    }
    click.echo(json.dumps(result) if as_json else _table(result, run.frame))


def _read_params(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no JSON", got=str(error)) from error
    if not isinstance(found, dict):
        raise UsageError(
            f"{path} holds no JSON object", expected='{"Lw": 5, "Rw": 5}', got=type(found).__name__
        )
    return found


def _refuse_unsafe(out: Path | None, bars: Path) -> None:
    if out is None:
        return
    if out.exists() and out.samefile(bars):
        raise UsageError(f"--out {out} is the file that is read", action="name another file")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out} cannot be written", expected="a file in a folder that exists")
    refuse_irregular(out)


def _write(frame: pl.DataFrame, out: Path) -> None:
    """The whole file or none: it takes its name when it is complete."""
    part = part_of(out)
    try:
        frame.write_parquet(part)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _counts(frame: pl.DataFrame) -> dict[str, int]:
    import polars as pl

    counted = frame.group_by(pl.col("kind").cast(pl.String)).len().sort("kind")
    return {kind: int(count) for kind, count in counted.iter_rows()}


def _table(result: dict[str, Any], frame: pl.DataFrame) -> str:
    counts = ", ".join(f"{count} {kind}" for kind, count in result["kinds"].items())
    lines = [f"{result['events']} events on {result['bars']} bars: {counts or 'none'}"]
    for row in frame.tail(SHOWN_ROWS).iter_rows(named=True):
        price = row["level"] if row["level"] is not None else f"{row['lo']} to {row['hi']}"
        lines.append(f"  {row['known_at']:%Y-%m-%d %H:%M:%S}  {row['kind']:<14} {row['dir']:>2}  {price}")
    return "\n".join(lines)
