"""From every kind of identifier the rows lead to the same signal, its bar and the bar's bytes."""

from __future__ import annotations

import json
from dataclasses import replace

import polars as pl
import pytest

from zanzibar_assets.errors import StoreError
from zanzibar_assets.reporting.trace_links import Found, row_link
from zanzibar_assets.reporting.trace_rows import trace
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.lake import Lake
from zanzibar_assets.store.manifest import InputRecord, Manifest, PartitionRecord
from zanzibar_assets.vocabulary import Verdict
from zanzibar_assets_tests.reporting import frames

DAY, SESSION = "SIM_ES|2025-01-06", "2025-01-06"


class Home:
    """A lake and a manifest with the partitions that a test puts there."""

    def __init__(self, folder):
        self.lake, self.manifest = Lake(folder / "lake"), Manifest(Database(folder / "m.sqlite"))

    def put(self, table, key, frame, inputs=(), **notes):
        key = PartitionKey.parse(key)
        written = self.lake.write(table, key, 1, frame)
        found = tuple(InputRecord(t, k, self.manifest.state_of(t, k)) for t, k in inputs)
        self.manifest.put(replace(_record(table, key, written, found), notes=notes))
        return written.fingerprint

    def trace(self, identifier):
        return trace(
            identifier,
            self.manifest,
            lambda r: self.lake.read(r.table, r.key, r.schema_version, r.fingerprint),
            lambda name: f"/in/{name}",
        )


def _record(table, key, written, inputs):
    return PartitionRecord(
        table=table, key=key, verdict=Verdict.OK, fingerprint=written.fingerprint, bytes=written.bytes,
        rows=written.rows, first_us=None, last_us=None, schema_version=1, code_version="c", config_hash="h",
        inputs=inputs, simulated=True,
    )  # fmt: skip


def ticks() -> pl.DataFrame:
    """Two trades a minute; ``seq`` counts from 100."""
    rows = [
        {
            "event_ts": frames.at(i / 2), "known_at": frames.at(i / 2), "seq": 100 + i, "contract": "H25",
            "kind": "trade", "price_ticks": 18_800, "price": 4700.0, "size": 1.0, "side": 1,
            "sign_source": "flag", "bid_ticks": 18_799, "ask_ticks": 18_800, "outside_quote": False,
            "trade_id": None, "open_ticks": None, "high_ticks": None, "low_ticks": None, "trades": 1,
            "bid_volume": 0.0, "ask_volume": 1.0, "session_state": "open",
            "late_us": 0, "flag": None,
        }
        for i in range(60)
    ]  # fmt: skip
    return frames.sound("clean_ticks", rows)


def raw_signal(number: int, source: str = "poi") -> dict:
    kept = frames.signal(number, source=source)
    facts = {"poi_id": "poi-1"} if source == "poi" else {"model_id": "model-1"}
    names = (
        "event_ts", "known_at", "signal_id", "instrument", "source", "dir", "entry", "stop_distance_ticks",
        "target_distance_ticks", "score", "model_id", "simulated",
    )  # fmt: skip
    return {**{name: kept[name] for name in names}, "entry_ticks": 18_808, "evidence": json.dumps(facts)}


@pytest.fixture
def home(tmp_path) -> Home:
    found = Home(tmp_path)
    source = InputRecord("source:ESH25-SIM.scid", "bytes 4056-6456", "hash")
    key = PartitionKey.parse(DAY)
    written = found.lake.write("raw_ticks", key, 1, pl.DataFrame({"seq": [100]}))
    found.manifest.put(_record("raw_ticks", key, written, (source,)))
    found.put("clean_ticks", DAY, ticks(), [("raw_ticks", DAY)])
    found.put("bars", DAY, frames.bars(), [("clean_ticks", DAY)])
    found.put("points_of_interest", DAY, frames.points_of_interest(), [("bars", DAY)])
    predicted = {"event_ts": frames.at(9), "known_at": frames.at(9), "model_id": "model-1", "prediction": 0.6}
    found.put("predictions", DAY, frames.sound("predictions", [predicted]), [("bars", DAY)])
    raw = frames.sound("raw_signals", [raw_signal(6), raw_signal(9, "model")])
    found.put("raw_signals", DAY, raw, [("bars", DAY), ("points_of_interest", DAY), ("predictions", DAY)])
    found.put("signals", SESSION, frames.signals(), [("raw_signals", DAY)])
    found.put("orders", SESSION, frames.orders(), [("signals", SESSION)])
    found.put("fills", SESSION, frames.fills(), [("signals", SESSION)])
    return found


def kinds(found):
    return [link.kind for link in found.chain if link.kind != "table"]


@pytest.mark.parametrize(
    ("identifier", "rows"),
    [
        ("706", ["deal", "order", "signal", "raw_signal"]),
        ("707", ["deal", "deal", "order", "signal", "raw_signal"]),
        ("506", ["order", "signal", "raw_signal"]),
        ("order:506", ["order", "signal", "raw_signal"]),
        ("int-6", ["order", "signal", "raw_signal"]),
        ("sig-6", ["signal", "raw_signal"]),
    ],
)
def test_every_identifier_leads_to_the_same_bytes(home, identifier, rows):
    found = home.trace(identifier)
    assert kinds(found) == [*rows, "evidence", "bar", "source", "source"]
    (of_bar, of_session) = [link for link in found.chain if link.kind == "source"]
    # The bar known at minute 6 holds the ticks of minute 5: the 10th and 11th, records 110 and 111.
    assert of_bar.source == f"/in/ESH25-SIM.scid bytes {56 + 110 * 40}-{56 + 112 * 40}"
    assert of_session.source == "/in/ESH25-SIM.scid bytes 4056-6456"
    assert of_session.fingerprint == "hash"


def test_rows_name_the_partition_that_holds_them_and_its_fingerprint(home):
    deal, order, *_ = home.trace("706").chain
    assert (deal.kind, deal.id, deal.source) == ("deal", "706", "fills 2025-01-06")
    assert deal.fingerprint == home.manifest.get("fills", PartitionKey(session=SESSION)).fingerprint
    assert (order.id, order.source) == ("int-6", "orders 2025-01-06")
    assert "SIMULATED" in deal.detail
    assert "SIMULATED" in order.detail


def test_a_blocked_order_from_an_unapproved_model_shows_its_prediction(home):
    found = home.trace("int-9")
    assert kinds(found)[:5] == ["order", "signal", "raw_signal", "evidence", "prediction"]
    by_kind = {link.kind: link for link in found.chain}
    assert "UNAPPROVED" in by_kind["order"].detail
    assert by_kind["evidence"].id == "model-1"
    assert "P(up) 0.6000 by model model-1" in by_kind["prediction"].detail


def model_row(model_id: str) -> pl.DataFrame:
    return pl.DataFrame({"model_id": [model_id]})


@pytest.mark.parametrize("noted", [True, False])
def test_a_champions_prediction_leads_to_its_own_training_and_not_to_the_newest(home, noted):
    learnt = "SIM_ES|2025-01-03"
    data = home.put("feature_matrix", learnt, pl.DataFrame({"x": [1.0]}))
    notes = {"model_id": "model-1"} if noted else {}
    reads = [("feature_matrix", learnt)]
    champion = home.put("trained_model", "SIM_ES", model_row("model-1"), reads, through="2025-01-03", **notes)
    home.put("feature_matrix", learnt, pl.DataFrame({"x": [2.0]}))  # corrected since
    notes = {"model_id": "model-2"} if noted else {}
    newest = home.put("trained_model", "SIM_ES", model_row("model-2"), reads, through="2025-01-03", **notes)
    found = home.trace("int-9").chain
    (model,) = [link for link in found if link.kind == "model"]
    assert (model.id, model.fingerprint, model.source) == ("model-1", champion, "trained_model SIM_ES")
    assert "trained through 2025-01-03" in model.detail
    prints = {link.fingerprint for link in found if link.kind == "table"}
    assert {champion, data} <= prints
    assert newest not in prints


def test_a_model_whose_training_is_not_known_says_so(home):
    (model,) = [link for link in home.trace("int-9").chain if link.kind == "model"]
    assert (model.id, model.fingerprint) == ("model-1", None)
    assert "no training of it is known" in model.detail


def test_steps_never_fall_along_the_partitions(home):
    steps = [link.steps for link in home.trace("706").chain if link.kind == "table"]
    assert steps == sorted(steps)


def test_an_identifier_in_two_sessions_takes_the_newest_and_says_so(home):
    home.put("fills", "2025-01-07", frames.fills())
    found = home.trace("706")
    assert found.chain[0].source == "fills 2025-01-07"
    assert found.notes == ("deal 706 also stands in fills 2025-01-06",)


@pytest.mark.parametrize("identifier", ["999", "nothing", "order:706", "deal:int-6", "", "deal:", "٣"])
def test_what_nothing_carries_is_refused_with_what_is_expected(home, identifier):
    with pytest.raises(StoreError, match="a deal or order ticket"):
        home.trace(identifier)


def test_a_signal_says_its_status_once():
    kept = {**frames.signal(6), "reason": "kept: approved model"}
    link = row_link(Found("signal", frames.record("signals", "2025-01-06"), kept), 0)
    assert "kept: approved model" in link.detail
    assert "kept: kept" not in link.detail
