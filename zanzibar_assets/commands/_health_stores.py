"""Checks of `zanzibar doctor` on what Zanzibar keeps: stores, sources, terminal, switches, Dagster."""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from zanzibar_assets.commands._health import BUILD_FIRST, FAIL, OK, WARN, Item
from zanzibar_assets.commands._health_sample import extent, to_check
from zanzibar_assets.config import Config
from zanzibar_assets.errors import StoreError, ZanzibarError
from zanzibar_assets.execution.arming import read_arming
from zanzibar_assets.execution.halt import read_halt
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.store.manifest import PartitionRecord
from zanzibar_assets.store.partition_store import PartitionStore
from zanzibar_assets.vocabulary import Verdict, from_us


def partitions_item(records: Sequence[PartitionRecord]) -> Item:
    """No partition is failed or blocked."""
    verdicts = Counter(record.verdict for record in records)
    bad = [r for r in records if r.verdict is not Verdict.OK]
    counts = f"{verdicts[Verdict.OK]} usable partitions"
    if not bad:
        return Item("partitions", OK, counts)
    first = bad[0]
    why = "; ".join(first.reasons)
    detail = f"{counts}, {len(bad)} failed or blocked; first: {first.table} {first.key}: {why}"
    return Item("partitions", WARN, detail, "mend the cause, then build again")


def ledgers_item(lacking: Sequence[PartitionRecord]) -> Item:
    """Narratives, orders, fills and accounts stand in the ledgers that are asked in SQL."""
    if not lacking:
        return Item("ledgers", OK, "every narrative, order, fill and account is there")
    first = lacking[0]
    detail = f"{len(lacking)} partitions have no rows there; first: {first.table} {first.key}"
    return Item("ledgers", WARN, detail, "the next build fills them; one that cannot be read: build it again")


def lake_item(
    lake: PartitionStore, records: Sequence[PartitionRecord], seed: int = 0, *, full: bool = False
) -> Item:
    """Which store is in use, and its partitions still are what the manifest names.

    All are hashed when they are small enough together or ``full``, else a sample drawn with ``seed``.
    """
    try:
        kind = lake.describe()
    except ZanzibarError as error:
        return Item(
            "lake", FAIL, f"{error.message} ({error.got})" if error.got else error.message, error.action
        )
    stored = [r for r in records if r.fingerprint is not None]
    if not stored:
        return Item("lake", OK, f"{kind}: empty", BUILD_FIRST)
    chosen = to_check(stored, lambda record: record.bytes or 0, seed, full=full)
    for record in chosen:
        try:
            lake.read(record.table, record.key, record.schema_version, record.fingerprint or "")
        except StoreError as error:
            return Item("lake", FAIL, error.message, error.action)
    size = sum(record.bytes or 0 for record in stored) / (1 << 20)
    detail = f"{kind}: {size:.1f} MiB; {extent(len(chosen), len(stored), 'partitions')}, as written"
    return Item("lake", OK, detail)


def sources_item(config: Config, instruments: Sequence[Instrument]) -> Item:
    """The Sierra folder is there and holds files of the configured instruments."""
    from zanzibar_assets.ingestion.sources import find_sources

    if config.sierra_dir is None:
        action = "`zanzibar run --sierra-data DIR`, or sierra_dir in zanzibar.yaml"
        return Item("sierra_folder", WARN, "not configured", action)
    if not config.sierra_dir.is_dir():
        return Item(
            "sierra_folder", FAIL, f"{config.sierra_dir} is no folder", "mend sierra_dir in zanzibar.yaml"
        )
    try:
        files = find_sources(config.sierra_dir, instruments, config.depth_dir)
    except ZanzibarError as error:
        return Item("sierra_folder", FAIL, error.message, error.action or "look at the named file")
    without = sorted({i.id for i in instruments} - {f.instrument_id for f in files})
    detail = f"{config.sierra_dir}: {len(files)} files of {len(instruments) - len(without)} instruments"
    if without:
        action = "check the file names against instruments.yaml"
        return Item("sierra_folder", WARN, f"{detail}; none of {', '.join(without)}", action)
    return Item("sierra_folder", OK, detail)


def inbox_item(inbox: Path) -> Item:
    """The narrative inbox can be read."""
    if not inbox.exists():
        return Item("inbox", OK, f"{inbox} is not there: no narratives are read")
    if not inbox.is_dir() or not os.access(inbox, os.R_OK | os.X_OK):
        return Item("inbox", FAIL, f"{inbox} cannot be read", "make it a readable folder")
    return Item("inbox", OK, f"{inbox}: {sum(1 for p in inbox.iterdir() if p.is_file())} files")


def terminal_item(config: Config) -> Item:
    """The configured terminal can be used from here."""
    backend = config.execution.backend
    if backend == "simulated":
        state = "kept" if config.terminal_file.exists() else "made on the first order"
        return Item("terminal", OK, f"simulated account {config.execution.account} ({state})")
    if backend != "mt5":
        return Item("terminal", FAIL, f"unknown backend {backend!r}", "execution.backend: simulated or mt5")
    if importlib.util.find_spec("MetaTrader5") is None:
        action = "use Windows with a MetaTrader 5 terminal, or execution.backend: simulated"
        return Item("terminal", FAIL, "the MetaTrader5 package is not installed here", action)
    return _live_terminal(config)


def _live_terminal(config: Config) -> Item:
    from zanzibar_assets.execution.port import open_terminal

    try:
        terminal = open_terminal(config, [])
    except ZanzibarError as error:
        return Item("terminal", FAIL, error.message, error.action)
    try:
        account = terminal.account_info()
    finally:
        terminal.shutdown()
    if account is None:
        return Item("terminal", FAIL, "the terminal does not report its account", "log in to the terminal")
    wanted = config.execution.expected_login
    if wanted != account.login:
        action = "set execution.expected_login to the account that may be traded"
        return Item("terminal", FAIL, f"logged in to {account.login}, expected {wanted or 'not set'}", action)
    return Item("terminal", OK, f"LIVE account {account.login} on {account.server}")


def switch_items(config: Config, now_us: int) -> Iterator[Item]:
    """The kill switch and the live arming."""
    halt = read_halt(config.halt_file)
    if halt is None:
        yield Item("kill_switch", OK, "not pulled")
    else:
        yield Item(
            "kill_switch", WARN, f"trading is halted since {halt.since}: {halt.reason}", "zanzibar resume"
        )
    arming = read_arming(config.arming_file)
    if arming is None and config.arming_file.exists():
        yield Item(
            "arming", WARN, "ARMED.json cannot be read: it counts as disarmed", "zanzibar arm --disarm"
        )
    elif arming is None:
        yield Item("arming", OK, "the live backend is disarmed")
    elif now_us >= arming.expires_us:
        yield Item("arming", OK, f"an arming for {arming.session} has expired: disarmed")
    else:
        until = from_us(arming.expires_us).isoformat(timespec="seconds")
        text = f"LIVE trading is armed: account {arming.login}, session {arming.session}, until {until}"
        yield Item("arming", WARN, text, "zanzibar arm --disarm when that is not meant")


def dagster_items(config: Config, environment: dict[str, str]) -> Iterator[Item]:
    """Dagster's instance of this home, and that it reports to nobody."""
    file = config.dagster_dir / "dagster.yaml"
    elsewhere = environment.get("DAGSTER_HOME")
    if elsewhere and Path(elsewhere).resolve() != config.dagster_dir.resolve():
        text = f"DAGSTER_HOME is {elsewhere}, not this home's {config.dagster_dir}"
        yield Item("dagster", WARN, text, "unset DAGSTER_HOME: the zanzibar command sets its own")
    elif not file.exists():
        yield Item("dagster", OK, "no instance yet", BUILD_FIRST)
        return
    else:
        yield Item("dagster", OK, f"instance in {config.dagster_dir}")
    yield _telemetry(file, environment)


def _telemetry(file: Path, environment: dict[str, str]) -> Item:
    if environment.get("DAGSTER_DISABLE_TELEMETRY"):
        return Item("telemetry", OK, "off (DAGSTER_DISABLE_TELEMETRY)")
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (OSError, yaml.YAMLError) as error:
        return Item("telemetry", FAIL, f"{file} cannot be read: {error}", "remove it: it is written anew")
    if isinstance(settings, dict) and settings.get("telemetry", {}).get("enabled") is False:
        return Item("telemetry", OK, "off in dagster.yaml")
    return Item("telemetry", WARN, "Dagster's telemetry is on", f"`telemetry: {{enabled: false}}` in {file}")
