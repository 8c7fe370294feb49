"""``zanzibar demo``: the whole graph on simulated sessions and a simulated account."""

from __future__ import annotations

from pathlib import Path

import click

from zanzibar_assets.commands._output import json_option, remember
from zanzibar_assets.errors import UsageError

INSTRUMENTS = ("SIM_ES", "SIM_NQ")
TRADED_SESSIONS = 2


@click.command(name="demo", epilog="Example:  zanzibar demo --sessions 8 --seed 7")
@click.option(
    "--sessions", type=click.IntRange(3, 250), default=8, show_default=True, help="Simulated sessions."
)
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Seed of the simulation.")
@json_option
def command(sessions: int, seed: int, as_json: bool) -> None:
    """Make simulated sessions of two instruments, build the whole graph, trade a simulated account.

    Nothing is real: the market, the narratives and the account are simulated and marked so on every
    screen. Models that validation does not promote are traded too, marked UNAPPROVED, so that the
    whole way can be seen; on a live account that is never possible.
    """
    from zanzibar_assets.commands._graph import account_name, make_scope, run_scope
    from zanzibar_assets.config import load_config
    from zanzibar_assets.orchestration.resources import ZanzibarResource

    config = load_config()
    if config.execution.backend != "simulated":
        raise UsageError(
            f"`demo` trades on the simulated account only, and the backend is {config.execution.backend}",
            action="use another ZANZIBAR_HOME for the demo",
        )
    folder = config.home / "demo" / f"seed-{seed}"
    inbox = make_market(folder, sessions, seed)
    settings = {
        "sierra_dir": str(folder),
        "inbox_dir": str(inbox),
        "instruments": list(INSTRUMENTS),
        "model": {"search_trials": 0},  # a demo tries the declared candidates alone: it is to be quick
    }
    execution = {"account": account_name("DEMO", [seed, sessions]), "paper_unapproved": True}
    zanzibar = ZanzibarResource(home=str(config.home), overrides={**settings, "execution": execution})
    last = last_session(sessions)
    scope = make_scope(zanzibar.workspace(), None, last, TRADED_SESSIONS)
    remember(config, {**settings, "execution": execution})
    run_scope(zanzibar, scope, as_json=as_json)


def make_market(folder: Path, sessions: int, seed: int) -> Path:
    """Simulated Sierra files and narratives in ``folder``; returns the inbox."""
    from zanzibar_assets.instruments import load_instruments
    from zanzibar_assets.simulator.build import simulate

    known = load_instruments()
    click.echo(f"SIMULATED market: {sessions} sessions of {', '.join(INSTRUMENTS)} (seed {seed})", err=True)
    result = simulate(folder, [known[name] for name in INSTRUMENTS], sessions, seed)
    return result.narratives_path.parent


def last_session(sessions: int) -> str:
    """Last session key of a simulation of that many sessions."""
    from zanzibar_assets.instruments import load_instruments
    from zanzibar_assets.simulator.build import plan_sessions

    known = load_instruments()
    wanted, _ = plan_sessions([known[name] for name in INSTRUMENTS], sessions, None)
    return str(max(wanted))
