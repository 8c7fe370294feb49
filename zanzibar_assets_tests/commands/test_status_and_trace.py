"""`status` and `trace` on homes made by hand: they answer, exit rightly and leave no marks."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from zanzibar_assets.commands import status, trace
from zanzibar_assets.config import load_config
from zanzibar_assets.execution.halt import pull
from zanzibar_assets.execution.port import open_terminal
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.lake import Lake
from zanzibar_assets.store.manifest import Manifest
from zanzibar_assets.vocabulary import to_us
from zanzibar_assets_tests.reporting import frames

KEYS = {"verdict", "reasons", "account", "limits", "positions", "freshness"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ZANZIBAR_HOME", str(tmp_path))
    return tmp_path


def put(home, table, key, frame, inputs=(), last_us=None):
    lake, manifest = Lake(home / "lake"), Manifest(Database(home / "zanzibar.sqlite"))
    written = lake.write(table, PartitionKey.parse(key), 1, frame)
    from dataclasses import replace

    manifest.put(replace(frames.record(table, key, written.fingerprint, inputs=inputs), last_us=last_us))


def run(command, *arguments):
    return CliRunner().invoke(command, list(arguments))


def test_status_of_an_empty_home_answers_and_makes_nothing(home):
    result = run(status.command, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert set(document) >= KEYS
    assert (document["verdict"], document["account"], document["positions"]) == ("cannot_trade", None, [])
    assert list(home.iterdir()) == []


def test_status_says_account_limits_freshness_and_the_halt(home):
    (home / "zanzibar.yaml").write_text("instruments: [SIM_ES]\n", encoding="utf-8")
    config = load_config()
    open_terminal(config, [load_instruments()["SIM_ES"]]).shutdown()
    pull(config.halt_file, "news", "me", to_us(frames.at(0)))
    put(home, "account_state", "2025-01-06", frames.account_state())
    put(home, "signals", "2025-01-06", frames.signals())
    put(home, "validation_report", "SIM_ES", frames.validation())
    put(home, "clean_ticks", "SIM_ES|2025-01-06", frames.bars(), last_us=to_us(frames.at(6)))
    document, readiness, freshness = status.gather(config, to_us(frames.at(6.5)))
    assert document["account"]["balance"] == 100_000.0
    assert document["account"]["simulated"] is True
    assert document["limits"]["room_to_daily_limit"] == 3_020.0
    assert document["freshness"][0]["age_seconds"] == 30.0
    assert readiness.reasons == ("trading is halted: news (zanzibar resume)",)
    text = "\n".join(status.lines(document, readiness, freshness))
    assert text.startswith("IT CANNOT TRADE NOW")
    assert "SIMULATED SIM-1: balance 100,000.00 USD" in text
    config.halt_file.unlink()
    document, _, _ = status.gather(config, to_us(frames.at(6.5)))
    assert document["verdict"] == "can_trade"


def test_status_counts_only_signals_that_have_not_expired(home):
    (home / "zanzibar.yaml").write_text("instruments: [SIM_ES]\n", encoding="utf-8")
    config = load_config()
    open_terminal(config, [load_instruments()["SIM_ES"]]).shutdown()
    put(home, "signals", "2025-01-06", frames.signals())
    put(home, "clean_ticks", "SIM_ES|2025-01-06", frames.bars(), last_us=to_us(frames.at(60)))
    _, readiness, _ = status.gather(config, to_us(frames.at(60)))
    assert readiness.reasons == ("no kept signal of a running session waits",)


def test_status_fails_plainly_on_a_broken_configuration(home):
    (home / "zanzibar.yaml").write_text("instruments: [NOPE]\n", encoding="utf-8")
    result = run(status.command)
    assert result.exit_code != 0
    assert "NOPE" in str(result.exception)


def test_trace_prints_rows_partitions_and_bytes_and_verifies_them(home):
    sierra = home / "sierra"
    sierra.mkdir()
    (sierra / "ESH25-SIM.scid").write_bytes(bytes(200))
    (home / "zanzibar.yaml").write_text(f"sierra_dir: {sierra.as_posix()}\n", encoding="utf-8")
    from hashlib import blake2b

    good = blake2b(bytes(80), digest_size=16).hexdigest()
    source = ("source:ESH25-SIM.scid", "bytes 56-136", good)
    put(home, "raw_ticks", "SIM_ES|2025-01-06", frames.bars(), inputs=(source,))
    put(home, "signals", "2025-01-06", frames.signals(), inputs=(("raw_ticks", "SIM_ES|2025-01-06", "x"),))
    put(home, "orders", "2025-01-06", frames.orders())
    put(home, "fills", "2025-01-06", frames.fills())
    result = run(trace.command, "706", "--verify")
    assert result.exit_code == 0
    assert result.stdout.startswith("deal")
    assert "ESH25-SIM.scid bytes 56-136  [the same bytes now]" in result.stdout
    assert "rebuilt since" in result.stdout
    chain = json.loads(run(trace.command, "706", "--json").stdout)["chain"]
    assert all({"kind", "id", "fingerprint", "source"} <= set(link) for link in chain)
    assert chain[-1]["kind"] == "source"
    (sierra / "ESH25-SIM.scid").write_bytes(bytes(100))
    changed = run(trace.command, "706", "--verify", "--json")
    assert changed.exit_code == 1
    assert json.loads(changed.stdout)["chain"][-1]["state"].startswith("CHANGED")


def test_trace_of_an_empty_home_and_of_an_unknown_id(home):
    assert "holds nothing yet" in str(run(trace.command, "706").exception)
    put(home, "fills", "2025-01-06", frames.fills())
    assert "nothing carries" in str(run(trace.command, "999").exception)


def test_status_shows_the_alerts_of_the_last_week(home):
    from zanzibar_assets.store.workspace import Workspace
    from zanzibar_assets.vocabulary import from_us

    now_us = to_us(frames.at(0)) + 30 * 86_400_000_000
    day_us, recent = 86_400_000_000, "session_pipeline ES|2025-01-06: no source bytes"
    for age_days, detail in ((20, "long ago"), (2, recent)):
        raised_us = now_us - age_days * day_us
        Workspace(load_config(), lambda at=raised_us: at).raise_alert("failed_run", detail)
    document, readiness, freshness = status.gather(load_config(), now_us)
    assert [alert["detail"] for alert in document["alerts"]] == [recent]
    shown = "\n".join(status.lines(document, readiness, freshness))
    assert f"alert     {from_us(now_us - 2 * day_us):%Y-%m-%d %H:%M} UTC failed_run" in shown
    assert "long ago" not in shown
