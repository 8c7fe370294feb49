"""Up to date, stale, blocked, failed: what a build does in each case. A chain of real tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import empty, polars_schema
from zanzibar_assets.errors import ZanzibarError
from zanzibar_assets.store.builder import Status, build_partition
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.specs import TableSpec
from zanzibar_assets.vocabulary import Verdict

DAY = PartitionKey("SIM_ES", "2025-01-06")
NEXT = PartitionKey("SIM_ES", "2025-01-07")


def bars_frame(rows=3, close=20_000, session="2025-01-06"):
    """A valid Bars frame of the session's first minutes."""
    start = datetime.fromisoformat(session).replace(tzinfo=UTC)
    data = []
    for i in range(rows):
        opened = start + timedelta(minutes=i)
        row = dict.fromkeys(polars_schema("bars"), 0)
        prices = {f"{n}_ticks": close for n in ("open", "high", "low", "close")}
        prices |= {n: close * 0.25 for n in ("open", "high", "low", "close", "vwap")}
        row |= prices | {"event_ts": opened, "known_at": opened + timedelta(minutes=1), "bar_seconds": 60}
        data.append(row | {"session_state": "open", "basis": "ticks", "volume": 1.0, "trades": 1})
    return pl.DataFrame(data, schema=polars_schema("bars"), strict=False) if data else empty("bars")


class Chain:
    """bars (made up here) -> labels (reads bars and one earlier session)."""

    def __init__(self):
        self.frames = {}
        self.built = []

    def bars(self, inputs):
        self.built.append(("bars", str(inputs.key)))
        return self.frames.get(str(inputs.key), bars_frame(session=inputs.session))

    def labels(self, inputs):
        self.built.append(("labels", str(inputs.key)))
        inputs.read("bars")
        inputs.history("bars", 1)
        return empty("labels")

    @property
    def bars_spec(self):
        return TableSpec("bars", self.bars, ("analysis.bars",))

    @property
    def labels_spec(self):
        return TableSpec("labels", self.labels, ("ml.labels",), ("model",))


@pytest.fixture
def workspace(either_workspace):
    """Each case with everything in files, then with everything in PostgreSQL."""
    return either_workspace


@pytest.fixture
def chain():
    return Chain()


def test_built_once_then_up_to_date(workspace, chain):
    first = build_partition(workspace, chain.bars_spec, DAY)
    again = build_partition(workspace, chain.bars_spec, DAY)
    assert (first.status, again.status) == (Status.BUILT, Status.UP_TO_DATE)
    assert again.record.fingerprint == first.record.fingerprint
    assert chain.built == [("bars", "SIM_ES|2025-01-06")]
    assert first.record.simulated


def test_the_manifest_says_what_a_partition_was_made_from(workspace, chain):
    bars = build_partition(workspace, chain.bars_spec, DAY)
    labels = build_partition(workspace, chain.labels_spec, DAY)
    made_from = {(i.table, i.key): i.fingerprint for i in labels.record.inputs}
    assert made_from["bars", "SIM_ES|2025-01-06"] == bars.record.fingerprint
    assert made_from["bars", "SIM_ES|2025-01-03"] == "absent"
    assert labels.record.code_version == chain.labels_spec.code_version


def test_a_changed_input_makes_what_was_computed_from_it_out_of_date(workspace, chain):
    build_partition(workspace, chain.bars_spec, DAY)
    build_partition(workspace, chain.labels_spec, DAY)
    chain.frames[str(DAY)] = bars_frame(close=20_001)
    build_partition(workspace, chain.bars_spec, DAY, force=True)
    assert build_partition(workspace, chain.labels_spec, DAY).status is Status.BUILT


def test_history_that_appears_later_makes_the_partition_out_of_date(workspace, chain):
    build_partition(workspace, chain.bars_spec, NEXT)
    build_partition(workspace, chain.labels_spec, NEXT)
    build_partition(workspace, chain.bars_spec, DAY)
    assert build_partition(workspace, chain.labels_spec, NEXT).status is Status.BUILT


def test_code_and_configuration_are_part_of_what_a_partition_is(workspace, chain):
    build_partition(workspace, chain.bars_spec, DAY)
    build_partition(workspace, chain.labels_spec, DAY)
    other_code = replace(chain.labels_spec, modules=("analysis.vwap",))
    assert build_partition(workspace, other_code, DAY).status is Status.BUILT
    build_partition(workspace, chain.labels_spec, DAY)
    model = workspace.config.model.model_copy(update={"horizon_bars": 31})
    workspace.config = workspace.config.model_copy(update={"model": model})
    assert build_partition(workspace, chain.labels_spec, DAY).status is Status.BUILT


def test_a_missing_input_blocks_and_says_what_to_do(workspace, chain):
    outcome = build_partition(workspace, chain.labels_spec, DAY)
    assert outcome.status is Status.BLOCKED
    assert "bars SIM_ES|2025-01-06 was never built" in outcome.record.reasons[0]
    assert "materialize bars" in outcome.record.reasons[0]


def test_a_broken_contract_fails_the_partition_and_blocks_what_depends_on_it(workspace, chain):
    broken = bars_frame().with_columns(high_ticks=pl.lit(1, pl.Int64))
    chain.frames[str(DAY)] = broken
    failed = build_partition(workspace, chain.bars_spec, DAY)
    assert failed.status is Status.FAILED
    assert "low..high" in failed.record.reasons[0]
    blocked = build_partition(workspace, chain.labels_spec, DAY)
    assert blocked.status is Status.BLOCKED
    # the next day uses the failed one as history only: it is left out and said so
    build_partition(workspace, chain.bars_spec, NEXT)
    following = build_partition(workspace, chain.labels_spec, NEXT)
    assert following.status is Status.BUILT
    assert ("bars", str(DAY), "failed") in [(i.table, i.key, i.fingerprint) for i in following.record.inputs]


def test_once_mended_everything_builds(workspace, chain):
    chain.frames[str(DAY)] = bars_frame().with_columns(high_ticks=pl.lit(1, pl.Int64))
    build_partition(workspace, chain.bars_spec, DAY)
    build_partition(workspace, chain.labels_spec, DAY)
    del chain.frames[str(DAY)]
    assert build_partition(workspace, chain.bars_spec, DAY).status is Status.BUILT
    assert build_partition(workspace, chain.labels_spec, DAY).status is Status.BUILT


def test_inputs_that_do_not_belong_together_are_refused(workspace, chain):
    def reads_both(inputs):
        inputs.read("bars")
        inputs.read("labels")
        return empty("technical_factors")

    build_partition(workspace, chain.bars_spec, DAY)
    build_partition(workspace, chain.labels_spec, DAY)
    chain.frames[str(DAY)] = bars_frame(close=20_001)
    build_partition(workspace, chain.bars_spec, DAY, force=True)
    spec = TableSpec("technical_factors", reads_both, ("analysis.technical",))
    outcome = build_partition(workspace, spec, DAY)
    assert outcome.status is Status.BLOCKED
    assert "labels SIM_ES|2025-01-06 was computed from another bars" in outcome.record.reasons[0]
    assert "materialize labels" in outcome.record.reasons[0]


def test_a_closed_day_is_a_typed_empty_partition(workspace, chain):
    saturday = PartitionKey("SIM_ES", "2025-01-11")
    outcome = build_partition(workspace, chain.bars_spec, saturday)
    assert outcome.status is Status.BUILT
    assert outcome.record.rows == 0
    assert "CMES is closed" in outcome.record.notes["closed_day"]
    stored = workspace.lake.read("bars", saturday, 1, outcome.record.fingerprint)
    assert stored.schema == empty("bars").schema
    assert chain.built == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)  # damaged rows: see test_postgres
def test_damaged_bytes_are_never_served(workspace, chain):
    build_partition(workspace, chain.bars_spec, DAY)
    path = workspace.lake.path("bars", DAY, 1)
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    with pytest.raises(ZanzibarError, match="not what was written"):
        build_partition(workspace, chain.labels_spec, DAY)


def test_an_estimate_of_the_future_is_not_there_for_the_past(workspace, chain):
    def model(inputs):
        inputs.through_session("bars")
        return empty("volatility_forecast")

    def reader(inputs):
        inputs.read("bars")
        seen.append(inputs.optional("volatility_forecast").height)
        return empty("raw_signals")

    seen = []
    risk = TableSpec("volatility_forecast", model, ("risk.volatility",))
    signals = TableSpec("raw_signals", reader, ("signals.raw",))
    for key in (DAY, NEXT):
        build_partition(workspace, chain.bars_spec, key)
    build_partition(workspace, risk, PartitionKey("SIM_ES"), through="2025-01-06")
    early = build_partition(workspace, signals, DAY)
    late = build_partition(workspace, signals, NEXT)
    states = {i.table: i.fingerprint for i in early.record.inputs}
    assert states["volatility_forecast"] == "known_later"
    assert {i.table: i.fingerprint for i in late.record.inputs}["volatility_forecast"] != "known_later"
    # a later fit does not overtake what was computed before it
    build_partition(workspace, risk, PartitionKey("SIM_ES"), through="2025-01-07")
    assert build_partition(workspace, signals, NEXT).status is Status.UP_TO_DATE


def test_metadata_is_equal_between_two_homes_but_for_run_and_time(tmp_path, chain):
    from zanzibar_assets.config import load_config
    from zanzibar_assets.store.workspace import Workspace

    records = []
    for number, home in enumerate(("a", "b")):
        config = load_config(tmp_path / home, instruments=["SIM_ES"])
        opened = Workspace(config, lambda n=number: 10 + n, f"run-{number}")
        for spec in (chain.bars_spec, chain.labels_spec):
            build_partition(opened, spec, DAY)
        records.append([replace(r, run_id="", written_us=0) for r in opened.manifest.all()])
        opened.database.close()
    assert records[0] == records[1]
    assert all(r.verdict is Verdict.OK for r in records[0])
