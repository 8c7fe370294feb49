"""``zanzibar models reproduce``: stored predictions again, bit for bit, through corrections, until pruned."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from zanzibar_assets.commands import models as module
from zanzibar_assets.config import load_config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import MissingInput
from zanzibar_assets.ml.catalogue import FEATURE_NAMES
from zanzibar_assets.ml.estimators import CANDIDATES
from zanzibar_assets.ml.training import train_model
from zanzibar_assets.ml.trials import MemoryTrialLog
from zanzibar_assets.orchestration.graph import all_assets
from zanzibar_assets.orchestration.table_asset import SPECS
from zanzibar_assets.store.builder import build_partition
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.models import Evidence
from zanzibar_assets.store.serving import registry_of
from zanzibar_assets.store.specs import TableSpec
from zanzibar_assets.store.versions import History, forget, releasable
from zanzibar_assets.store.workspace import Workspace
from zanzibar_assets_tests.ml import worlds

EARLIER, SESSION = worlds.SESSIONS[3], "2024-03-11"
KEY = f"SIM_ES|{SESSION}"


@pytest.fixture(scope="module")
def models():
    """Two small models, trained through the third session."""
    market = worlds.market_with_signal(0.6, seed=9, count=200)
    settings = worlds.config(min_rows=300, min_sessions=3)
    options = dict(through=worlds.SESSIONS[2])
    log = MemoryTrialLog()
    return [
        train_model(*market, worlds.instrument(), settings, log, candidates=[chosen], **options).model
        for chosen in (CANDIDATES[0], CANDIDATES[4])
    ]


class Home:
    """Bars that can be corrected, features of them and of the bars before, and the real predictions."""

    def __init__(self, folder, models):
        all_assets()
        self.now_us, self.added, self.models = 1_736_000_000_000_000, 0, models
        self.workspace = Workspace(load_config(folder, instruments=["SIM_ES"]), lambda: self.now_us, "run-1")
        sides = ("model_oos", "model_walk_forward")
        self.specs = {
            "bars": TableSpec("bars", self._bars, ("analysis.bars",)),
            "feature_matrix": TableSpec("feature_matrix", self._features, ("analysis.bars",)),
            "trained_model": TableSpec("trained_model", self._trained, ("ml.training",), side_tables=sides),
            "predictions": SPECS["predictions"],
        }

    def _bars(self, inputs):
        made = worlds.bars(inputs.session, seed=3, count=150)
        return made.with_columns(pl.col("volume") + self.added)

    def _features(self, inputs):
        bars, before = inputs.read("bars"), inputs.history("bars", 2)
        base = bars["volume"].to_numpy() + before.height
        columns = {name: np.sin(base * (number + 1)) for number, name in enumerate(FEATURE_NAMES)}
        return conform("feature_matrix", pl.DataFrame(columns).with_columns(bars["event_ts", "known_at"]))

    def _trained(self, inputs):
        inputs.notes["through"] = worlds.SESSIONS[2]
        return {"trained_model": self.models[0], **{t: empty(t) for t in ("model_oos", "model_walk_forward")}}

    def build(self, table, key=KEY):
        self.now_us += 1
        built = build_partition(self.workspace, self.specs[table], PartitionKey.parse(key), force=True)
        assert built.status.value == "built", built.record.reasons
        return built.record.fingerprint

    def register(self):
        registry = registry_of(self.workspace)
        for model in self.models:
            registry.register("SIM_ES", model.row(0, named=True), Evidence("hold", "short", "f"), {})
        return registry

    def correct(self):
        """Other source bytes: bars, features and predictions are built again."""
        self.added += 5
        return [self.build(table) for table in ("bars", "feature_matrix", "predictions")][-1]


@pytest.fixture
def home(tmp_path, monkeypatch, models):
    monkeypatch.setenv("ZANZIBAR_HOME", str(tmp_path))
    found = Home(tmp_path, models)
    monkeypatch.setitem(SPECS, "feature_matrix", found.specs["feature_matrix"])
    found.build("bars", f"SIM_ES|{worlds.SESSIONS[4]}")
    for table in ("bars", "feature_matrix"):
        found.build(table)
    found.build("trained_model", "SIM_ES")
    found.register()
    yield found
    found.workspace.database.close()


def run(*arguments):
    return CliRunner().invoke(module.command, ["reproduce", *arguments], catch_exceptions=False)


def reproduced(*arguments):
    found = json.loads(run(*arguments, "--json").stdout)
    return [(one["table"], one["fingerprint"], one["rows"], one["differences"]) for one in found]


def test_predictions_come_again_after_their_source_was_corrected(home):
    first = home.build("predictions")
    shown = run(KEY)
    assert shown.output.count("150 rows, the same bits again") == 2
    second = home.correct()
    assert first != second
    for wanted, arguments in ((second, ()), (first, ("--at", first))):
        features, predictions = reproduced(KEY, *arguments)
        assert features[0] == "feature_matrix"
        assert features[2:] == predictions[2:] == (150, [])
        assert predictions[:2] == ("predictions", wanted)


def test_a_session_that_was_absent_then_stays_absent(home):
    """The features were built without the session before last; it is there now."""
    home.build("predictions")
    home.build("bars", f"SIM_ES|{EARLIER}")
    assert [one[3] for one in reproduced(KEY)] == [[], []]


def test_the_model_that_spoke_then_speaks_again_under_another_champion(home, models):
    first = home.build("predictions")
    other = models[1]["model_id"].item()
    registry_of(home.workspace).promote(other, "ann", "paper", paper=True)
    second = home.build("predictions")
    spoke = [
        home.workspace.lake.read("predictions", PartitionKey.parse(KEY), 1, f)["model_id"].unique().to_list()
        for f in (first, second)
    ]
    assert spoke == [[models[0]["model_id"].item()], [other]]
    for fingerprint in (first, second):
        assert [one[3] for one in reproduced(KEY, "--at", fingerprint)] == [[], []]


def test_what_was_pruned_is_named_plainly(home):
    first = home.build("predictions")
    matrix = home.workspace.manifest.get("feature_matrix", PartitionKey.parse(KEY))
    home.correct()
    history = History.of(home.workspace.manifest)
    freed = forget(home.workspace.lake, releasable(history, home.now_us + 1, lambda r: False))
    assert {f.version.record.table for f in freed} >= {"bars", "feature_matrix", "predictions"}
    with pytest.raises(MissingInput, match="pruned") as caught:
        run(KEY, "--at", first)
    assert str(matrix.fingerprint) in str(caught.value)
    assert [one[3] for one in reproduced(KEY)] == [[], []], "the current one can still be computed again"


def test_a_difference_has_exit_code_one(home, monkeypatch):
    home.build("predictions")
    monkeypatch.setitem(SPECS, "feature_matrix", TableSpec("feature_matrix", _other, ("analysis.bars",)))
    shown = CliRunner().invoke(module.command, ["reproduce", KEY], standalone_mode=False)
    assert "feature_matrix SIM_ES|2024-03-11" in shown.output
    assert "DIFFERS" in shown.output
    assert shown.return_value == 1


def _other(inputs):
    bars = inputs.read("bars")
    ones = pl.DataFrame({name: np.ones(bars.height) for name in FEATURE_NAMES})
    return conform("feature_matrix", ones.with_columns(bars["event_ts", "known_at"]))


def test_what_was_never_predicted_is_refused(home):
    with pytest.raises(MissingInput, match="is not stored"):
        run("SIM_ES|2024-03-12")
    with pytest.raises(MissingInput, match="at f00d is not stored"):
        run(KEY, "--at", "f00d")
