"""The doctor finds each fault, says what to do, and changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import polars as pl
import pytest
from click.testing import CliRunner

from zanzibar_assets.commands import _health as health
from zanzibar_assets.commands import _health_sample as sample
from zanzibar_assets.commands import _health_stores as stores
from zanzibar_assets.commands.doctor import command
from zanzibar_assets.config import load_config
from zanzibar_assets.execution.arming import Arming, write_arming
from zanzibar_assets.execution.halt import pull
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.lake import Lake
from zanzibar_assets.store.manifest import Manifest
from zanzibar_assets.vocabulary import Verdict
from zanzibar_assets_tests.reporting.frames import record

NOW = 1_767_000_000_000_000  # 2025-12-29
GIB = 1 << 30


def doctor(home, monkeypatch, **environment):
    monkeypatch.setenv("ZANZIBAR_HOME", str(home))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(command, ["--json"])
    items = {item["name"]: item for item in json.loads(result.stdout)["items"]}
    return result.exit_code, items


def store(home, **changes):
    """One stored partition in a home."""
    lake, manifest = Lake(home / "lake"), Manifest(Database(home / "zanzibar.sqlite"))
    key = PartitionKey.parse("SIM_ES|2025-01-06")
    written = lake.write("bars", key, 1, pl.DataFrame({"close": [1.0, 2.0]}))
    manifest.put(replace(record("bars", str(key), written.fingerprint), **changes))
    return lake.path("bars", key, 1)


def test_an_empty_home_fails_nothing_and_is_not_made(tmp_path, monkeypatch):
    home = tmp_path / "home"
    code, items = doctor(home, monkeypatch)
    assert code == 0
    assert not [item for item in items.values() if item["status"] == "fail"]
    assert not home.exists()
    assert list(items) == [
        "python", "packages", "pins", "configuration", "home", "disk", "database", "partitions", "lake",
        "instruments", "calendars", "sierra_folder", "clock", "inbox", "terminal", "kill_switch", "arming",
        "dagster", "telemetry",
    ][: len(items)]  # fmt: skip


def test_every_warning_and_failure_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "zanzibar.yaml").write_text("instruments: [SIM_ES]\nsierra_dir: gone\n", encoding="utf-8")
    code, items = doctor(tmp_path, monkeypatch)
    assert code == 1
    assert items["sierra_folder"]["status"] == "fail"
    assert all(item["action"] for item in items.values() if item["status"] != "ok")


def test_a_broken_configuration_fails_and_names_the_key(tmp_path, monkeypatch):
    (tmp_path / "zanzibar.yaml").write_text("risk: {max_daily_loss_pct: many}\n", encoding="utf-8")
    code, items = doctor(tmp_path, monkeypatch)
    assert code == 1
    assert "risk.max_daily_loss_pct" in items["configuration"]["detail"]


def test_an_unknown_instrument_fails(tmp_path, monkeypatch):
    (tmp_path / "zanzibar.yaml").write_text("instruments: [NOPE]\n", encoding="utf-8")
    code, items = doctor(tmp_path, monkeypatch)
    assert (code, items["instruments"]["status"]) == (1, "fail")
    assert "NOPE" in items["instruments"]["detail"]


def test_stored_partitions_are_hashed_again(tmp_path, monkeypatch):
    path = store(tmp_path)
    code, items = doctor(tmp_path, monkeypatch)
    assert (code, items["lake"]["status"]) == (0, "ok")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    code, items = doctor(tmp_path, monkeypatch)
    assert (code, items["lake"]["status"]) == (1, "fail")
    assert "materialize bars SIM_ES|2025-01-06 again" in items["lake"]["action"]
    path.unlink()
    assert doctor(tmp_path, monkeypatch)[1]["lake"]["status"] == "fail"


def test_every_partition_is_hashed_when_they_are_small_and_a_sample_is_called_one(tmp_path, monkeypatch):
    lake, records = Lake(tmp_path / "lake"), []
    for day in range(1, 42):
        key = PartitionKey.parse(
            f"SIM_ES|2025-01-{day:02d}" if day < 32 else f"SIM_ES|2025-02-{day - 31:02d}"
        )
        written = lake.write("bars", key, 1, pl.DataFrame({"close": [float(day)]}))
        records.append(replace(record("bars", str(key), written.fingerprint), bytes=1_000))
    assert "all 41 partitions hashed again, as written" in stores.lake_item(lake, records).detail
    path = lake.path("bars", PartitionKey.parse("SIM_ES|2025-01-18"), 1)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert stores.lake_item(lake, records).status == "fail"
    monkeypatch.setattr(sample, "CHECKED_BYTES", 20_000)
    found = [stores.lake_item(lake, records, seed) for seed in range(12)]
    assert {item.status for item in found} == {"ok", "fail"}
    told = [item.detail for item in found if item.status == "ok"]
    assert all(
        "20 of 41 partitions hashed again (a sample, another each time; --full" in text for text in told
    )
    assert stores.lake_item(lake, records, 1, full=True).status == "fail"


def test_the_doctor_takes_full(tmp_path, monkeypatch):
    path = store(tmp_path, bytes=1_000)
    monkeypatch.setattr(sample, "CHECKED_BYTES", 1)
    monkeypatch.setenv("ZANZIBAR_HOME", str(tmp_path))
    assert CliRunner().invoke(command, ["--full"]).exit_code == 0
    path.write_bytes(b"no Parquet")
    assert CliRunner().invoke(command, ["--full"]).exit_code == 1


def test_blocked_partitions_and_a_clock_before_the_last_write(tmp_path, monkeypatch):
    store(tmp_path, verdict=Verdict.BLOCKED, reasons=("no ticks",), written_us=2_500_000_000_000_000)
    code, items = doctor(tmp_path, monkeypatch)
    assert items["partitions"]["status"] == "warn"
    assert "no ticks" in items["partitions"]["detail"]
    assert (code, items["clock"]["status"]) == (1, "fail")


def test_switches_and_telemetry(tmp_path, monkeypatch):
    config = load_config(tmp_path)
    assert [i.status for i in stores.switch_items(config, NOW)] == ["ok", "ok"]
    pull(config.halt_file, "news", "me", NOW)
    write_arming(config.arming_file, Arming("2025-12-29", 5, NOW - 10, NOW + 10))
    halt, armed = stores.switch_items(config, NOW)
    assert (halt.status, armed.status) == ("warn", "warn")
    assert "news" in halt.detail
    assert "account 5" in armed.detail
    assert list(stores.switch_items(config, NOW + 10))[1].status == "ok"
    config.arming_file.write_text("{", encoding="utf-8")
    assert list(stores.switch_items(config, NOW))[1].status == "warn"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("telemetry: {enabled: false}", "ok"),
        ("telemetry: {enabled: true}", "warn"),
        ("storage: {}", "warn"),
        ("a: [", "fail"),
    ],
)
def test_telemetry_is_read_from_the_instance(tmp_path, text, status):
    config = load_config(tmp_path)
    config.dagster_dir.mkdir()
    (config.dagster_dir / "dagster.yaml").write_text(text, encoding="utf-8")
    assert list(stores.dagster_items(config, {}))[-1].status == status
    assert list(stores.dagster_items(config, {"DAGSTER_DISABLE_TELEMETRY": "1"}))[-1].status == "ok"


def test_another_dagster_home_is_a_warning(tmp_path):
    found = list(stores.dagster_items(load_config(tmp_path), {"DAGSTER_HOME": str(tmp_path / "other")}))
    assert (found[0].name, found[0].status) == ("dagster", "warn")


@pytest.mark.parametrize(
    ("version", "status"), [((3, 10), "fail"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "warn")]
)
def test_python_versions(version, status):
    assert health.python_item(version).status == status


@pytest.mark.parametrize(
    ("free", "status"), [(GIB - 1, "fail"), (GIB, "warn"), (5 * GIB - 1, "warn"), (5 * GIB, "ok")]
)
def test_free_room_on_the_disk(tmp_path, free, status):
    assert list(health.home_items(tmp_path, free))[-1].status == status


def test_missing_and_old_packages_fail_and_other_platforms_do_not_count():
    found = health.required_items(
        ["click>=999", "no-such-package-here>=1", "MetaTrader5; platform_system == 'Nowhere'", "rich"]
    )
    assert found.status == "fail"
    assert "click>=999" in found.detail
    assert "no-such-package-here>=1 (installed: no)" in found.detail
    assert "MetaTrader5" not in found.detail
    assert health.required_items(["click>=8"]).status == "ok"


def test_pins_compare_what_is_installed(tmp_path):
    file = tmp_path / "constraints.txt"
    version = health.installed_version("click")
    file.write_text(f"# note\n\nclick=={version}\nno-such-package-here==1\n", encoding="utf-8")
    assert health.pins_item(file).status == "ok"
    file.write_text("click==0.1\nrich==0.1; sys_platform == 'nowhere'\n", encoding="utf-8")
    assert health.pins_item(file).detail == f"click {version} instead of 0.1"
    assert health.pins_item(tmp_path / "gone").status == "warn"


def test_calendars_must_cover_the_month_ahead():
    instruments = [load_instruments()["ES"], load_instruments()["BTCUSDT"]]
    assert health.calendars_item(instruments, NOW).status == "ok"
    assert health.calendars_item(instruments, 2_145_000_000_000_000).status == "fail"


def test_clock_against_the_file_system():
    assert health.clock_item(NOW, None, NOW - 4_000_000).status == "ok"
    assert health.clock_item(NOW, None, NOW - 6_000_000).status == "warn"
    assert health.clock_item(NOW, NOW + 1, NOW).status == "fail"


def test_an_unknown_or_unreachable_terminal_fails(tmp_path):
    wrong = load_config(tmp_path, execution={"backend": "telepathy"})
    assert stores.terminal_item(wrong).status == "fail"
    assert stores.terminal_item(load_config(tmp_path)).status == "ok"


def test_text_answer_starts_with_the_verdict(tmp_path, monkeypatch):
    monkeypatch.setenv("ZANZIBAR_HOME", str(tmp_path))
    result = CliRunner().invoke(command, [])
    assert result.stdout.startswith("READY")
    (tmp_path / "zanzibar.yaml").write_text("nonsense: 1\n", encoding="utf-8")
    result = CliRunner().invoke(command, [])
    assert result.stdout.startswith("NOT READY: 1 of")
    assert result.exit_code == 1
