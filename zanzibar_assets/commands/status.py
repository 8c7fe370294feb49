"""``zanzibar status``: can it trade now, and why not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from zanzibar_assets.config import Config, load_config
from zanzibar_assets.errors import ZanzibarError
from zanzibar_assets.execution.arming import arming_refusal
from zanzibar_assets.execution.halt import read_halt
from zanzibar_assets.reporting.readiness import (
    YES,
    Freshness,
    Readiness,
    Situation,
    assess,
    freshness_of,
    limits_of,
    open_first,
)
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.vocabulary import US_PER_SECOND, Verdict, from_us, to_us

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.workspace import Workspace

SHOWN_REASONS = 8
SHOWN_ALERTS = 3
ALERT_AGE_US = 7 * 86_400 * US_PER_SECOND
"""Alerts of the last week are shown."""
ACCOUNT_FIELDS = ("login", "server", "currency", "balance", "equity", "margin_free")


@click.command(name="status", epilog="Example:  zanzibar status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def command(as_json: bool) -> None:
    """Say whether it could trade now, and every reason why not.

    Only looks: nothing is built, sent or changed. Exits 0 whatever the answer is, and 1 when the
    state cannot be read.
    """
    config = load_config()
    now_us = to_us(datetime.now(UTC))
    document, readiness, freshness = gather(config, now_us)
    if as_json:
        click.echo(json.dumps(document, indent=2, default=str))
    else:
        click.echo("\n".join(lines(document, readiness, freshness)))


def gather(config: Config, now_us: int) -> tuple[dict[str, Any], Readiness, list[Freshness]]:
    """The JSON document, the verdict and the freshness of a home at an instant."""
    from zanzibar_assets.store.opening import metadata_place
    from zanzibar_assets.store.workspace import Workspace

    workspace = Workspace(config, lambda: now_us) if metadata_place(config).exists() else None
    account, positions, problem = terminal_state(config)
    freshness = open_first(_freshness(config, workspace, now_us))
    situation = Situation(
        backend=config.execution.backend,
        halted=halt.reason if (halt := read_halt(config.halt_file)) else None,
        arming_refusal=_arming(config, freshness, account, now_us),
        terminal_problem=problem,
        account=account,
        unresolved=_unresolved(config),
        kept_signals=_waiting_signals(workspace, freshness, now_us) if workspace else 0,
        stopped_partitions=_stopped(workspace) if workspace else 0,
        freshness=tuple(freshness),
        max_age_seconds=float(config.execution.max_tick_age_seconds),
        models=_models(workspace) if workspace else {},
        paper_unapproved=config.execution.paper_unapproved,
    )
    readiness = assess(situation)
    room = _room(workspace, config.execution.account) if workspace else None
    document = {
        "verdict": readiness.verdict,
        "reasons": list(readiness.reasons),
        "notes": list(readiness.notes),
        "account": account,
        "limits": limits_of(config.execution, config.risk, room),
        "positions": positions,
        "freshness": [fresh.to_json() for fresh in freshness],
        "alerts": _alerts(workspace, now_us) if workspace else [],
        "stale_partitions": _stale(workspace) if workspace else 0,
        "as_of": from_us(now_us).isoformat(),
    }
    return document, readiness, freshness


def lines(document: dict[str, Any], readiness: Readiness, freshness: list[Freshness]) -> list[str]:
    """The answer for people: the verdict in words, the reasons, then account and data."""
    found = ["IT CAN TRADE NOW" if readiness.verdict == YES else "IT CANNOT TRADE NOW", ""]
    found += [f"  because {reason}" for reason in readiness.reasons[:SHOWN_REASONS]]
    left = len(readiness.reasons) - SHOWN_REASONS
    found += [f"  ... and {left} more reasons (--json)"] if left > 0 else []
    found += [f"  note: {note}" for note in readiness.notes]
    account, limits = document["account"], document["limits"]
    if account is not None:
        label = "SIMULATED" if account["simulated"] else "LIVE"
        found.append(
            f"\naccount   {label} {account['name']}: balance {account['balance']:,.2f} "
            f"{account['currency']}, equity {account['equity']:,.2f}, "
            f"{len(document['positions'])} positions open"
        )
    room = limits["room_to_daily_limit"]
    left_text = "" if room is None else f", room left at the last session's end {room:,.2f}"
    found.append(f"limits    daily loss {limits['max_daily_loss_pct']:g} %{left_text}")
    found.append(
        f"          risk a trade {limits['max_risk_per_trade_pct']:g} %, {limits['max_positions']} "
        f"positions, {limits['max_lots']:g} lots"
    )
    for fresh in freshness:
        newest = (
            "no data" if fresh.newest_us is None else f"data to {from_us(fresh.newest_us):%Y-%m-%d %H:%M} UTC"
        )
        found.append(f"data      {fresh.instrument}: {newest}; its session is {fresh.session_state} now")
    if document["stale_partitions"]:
        found.append(
            f"stale     {document['stale_partitions']} partitions were made from what was replaced since"
            " (zanzibar versions --stale)"
        )
    for alert in document["alerts"][:SHOWN_ALERTS]:
        found.append(f"alert     {alert['raised']:%Y-%m-%d %H:%M} UTC {alert['kind']}: {alert['detail']}")
    more = len(document["alerts"]) - SHOWN_ALERTS
    return found + ([f"          ... and {more} more alerts of the last week (--json)"] if more > 0 else [])


def _alerts(workspace: Workspace, now_us: int) -> list[dict[str, Any]]:
    """Alerts of the last week, newest first."""
    found = workspace.alerts_since(now_us - ALERT_AGE_US)
    return [{"raised": from_us(stamp), "kind": kind, "detail": detail} for stamp, kind, detail in found]


def terminal_state(config: Config) -> tuple[dict[str, Any] | None, list[dict[str, Any]], str | None]:
    """Account and positions as the terminal reports them, or why it does not.

    A simulated account that does not exist yet is not made by looking at it.
    """
    from zanzibar_assets.execution.port import open_terminal
    from zanzibar_assets.instruments import load_instruments

    if config.execution.backend == "simulated" and not config.terminal_file.exists():
        return None, [], None
    try:
        known = load_instruments(config.instruments_file)
        terminal = open_terminal(config, [known[name] for name in config.instruments])
    except ZanzibarError as error:
        return None, [], str(error)
    try:
        info, status = terminal.account_info(), terminal.terminal_info()
        positions = terminal.positions_get() or ()
    finally:
        terminal.shutdown()
    if info is None or status is None:
        return None, [], "the terminal does not report its account"
    account = {name: getattr(info, name) for name in ACCOUNT_FIELDS}
    account["name"] = config.execution.account if terminal.simulated else str(info.login)
    account["trade_allowed"] = bool(info.trade_allowed and status.trade_allowed)
    account["simulated"] = terminal.simulated
    return account, [dict(position._asdict()) for position in positions], None


def _freshness(config: Config, workspace: Workspace | None, now_us: int) -> list[Freshness]:
    from zanzibar_assets.instruments import load_instruments

    known = load_instruments(config.instruments_file)
    found = []
    for name in config.instruments:
        records = [
            r
            for r in (workspace.manifest.of_table("clean_ticks", name) if workspace else [])
            if r.verdict is Verdict.OK and r.last_us is not None
        ]
        newest = max(records, key=lambda r: r.last_us or 0, default=None)
        session, last = (newest.key.session, newest.last_us) if newest else (None, None)
        found.append(freshness_of(known[name], session, last, now_us))
    return found


def _arming(
    config: Config, freshness: list[Freshness], account: dict[str, Any] | None, now_us: int
) -> str | None:
    session = next((f.running_session for f in freshness if f.running_session), "")
    login = int(account["login"]) if account else config.execution.expected_login
    return arming_refusal(config.arming_file, session, login, now_us)


def _unresolved(config: Config) -> int:
    from zanzibar_assets.execution.journal import IntentJournal

    if not config.database.exists():
        return 0
    return len(IntentJournal(config.database).unresolved(config.execution.account))


def _stopped(workspace: Workspace) -> int:
    return sum(record.verdict is not Verdict.OK for record in workspace.manifest.all())


def _stale(workspace: Workspace) -> int:
    from zanzibar_assets.store.versions import History, stale

    return len(stale(History(workspace.manifest.all(), ())))


def _waiting_signals(workspace: Workspace, freshness: list[Freshness], now_us: int) -> int:
    """Kept signals of the running sessions that have not expired."""
    sessions = sorted({f.running_session for f in freshness if f.running_session})
    waiting = 0
    for session in sessions:
        frame = _stored(workspace, "signals", PartitionKey(session=session))
        alive = frame.filter((frame["status"] == "kept") & (frame["expires_at"] >= from_us(now_us)))
        waiting += alive.height
    return waiting


def _models(workspace: Workspace) -> dict[str, str]:
    found = {}
    for instrument in workspace.active_instruments():
        frame = _stored(workspace, "validation_report", PartitionKey(instrument=instrument.id))
        if frame.height:
            found[instrument.id] = str(frame["verdict"][0])
    return found


def _room(workspace: Workspace, account: str) -> float | None:
    """Room to the daily limit at the end of the account's last session."""
    for record in reversed(workspace.manifest.of_table("account_state")):
        frame = _stored(workspace, "account_state", record.key)
        own = frame.filter(frame["account"] == account)
        if own.height:
            return float(own["room_to_daily_limit"][-1])
    return None


def _stored(workspace: Workspace, table: str, key: PartitionKey) -> pl.DataFrame:
    from zanzibar_assets.contracts.registry import empty

    record = workspace.manifest.get(table, key)
    if record is None or record.verdict is not Verdict.OK or record.fingerprint is None:
        return empty(table)
    return workspace.lake.read(table, key, record.schema_version, record.fingerprint)
