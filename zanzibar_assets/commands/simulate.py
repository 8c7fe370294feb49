"""``zanzibar simulate``: Sierra files of a simulated market."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import click


@click.command(
    "simulate",
    epilog="Example:  zanzibar simulate --out /tmp/sim --sessions 5 --instruments SIM_ES,SIM_BTC --seed 7",
)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="folder to fill")
@click.option(
    "--sessions", default=3, show_default=True, type=click.IntRange(min=1), help="how many sessions"
)
@click.option("--instruments", default="SIM_ES,SIM_NQ", show_default=True, help="ids, separated by commas")
@click.option("--seed", default=7, show_default=True, type=int, help="same seed, same bytes")
@click.option("--first", default=None, metavar="D", help="first session date (default 2025-01-06)")
@click.option("--trades-per-session", default=None, type=int, help="about so many .scid records a session")
@click.option("--signal-strength", default=None, type=float, help="predictable part of the market, 0 = none")
@click.option("--text-zone", default=None, metavar="ZONE", help="also write text exports in this zone's time")
@click.option("--live", is_flag=True, help="append the last session in flushes, as a running chart does")
@click.option(
    "--speed",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0.0, min_open=True),
    help="with --live: market seconds a second",
)
@click.option("--json", "as_json", is_flag=True, help="print one JSON document on standard output")
def command(
    out: Path,
    sessions: int,
    instruments: str,
    seed: int,
    first: str | None,
    trades_per_session: int | None,
    signal_strength: float | None,
    text_zone: str | None,
    live: bool,
    speed: float,
    as_json: bool,
) -> None:
    """Write .scid, .depth and narratives of a simulated market; all of it is labelled simulated."""
    from zanzibar_assets.instruments import load_instruments
    from zanzibar_assets.simulator.build import simulate
    from zanzibar_assets.simulator.options import SimulatorOptions
    from zanzibar_assets.simulator.stream_session import simulate_live

    given = {
        "trades_per_session": trades_per_session,
        "signal_strength": signal_strength,
        "text_export_zone": text_zone,
    }
    options = SimulatorOptions(**{key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]
    known = load_instruments()
    chosen = [known[name.strip()] for name in instruments.split(",") if name.strip()]

    def say(line: str) -> None:
        click.echo(line, err=True)

    if live:
        result = simulate_live(
            out, chosen, sessions, seed, options, first_session=first, pace=_pacer(speed), progress=say
        )
    else:
        result = simulate(out, chosen, sessions, seed, options, first_session=first, progress=say)
    if as_json:
        files = [{"path": str(file.path), "records": file.records} for file in result.files]
        click.echo(json.dumps({"simulated": True, "files": files, "sessions": list(result.sessions)}))
    else:
        for file in result.files:
            click.echo(f"{file.records:>10}  {file.path}")
        click.echo(f"simulated market, seed {seed}: {len(result.sessions)} sessions in {out}")


def _pacer(speed: float) -> Callable[[int], None]:
    """Sleeps so that market time runs at ``speed`` times the clock on the wall."""
    begun: list[tuple[int, float]] = []

    def pace(now_us: int) -> None:
        if not begun:
            begun.append((now_us, time.monotonic()))
        market_us, wall = begun[0]
        due = wall + (now_us - market_us) / 1e6 / speed
        time.sleep(max(0.0, due - time.monotonic()))

    return pace
