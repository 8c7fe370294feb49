"""Drift of predictions: stored ones beside what their model said of rows that it had not seen."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.ml.feature_quality import stability_index
from zanzibar_assets.store.drift import LEAST_ROWS, drift_of
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.models import Evidence
from zanzibar_assets.store.serving import registry_of
from zanzibar_assets_tests.reporting.frames import record

SESSION = "2025-01-09"


class Desk:
    """Stored predictions of a session and the out-of-sample record of their model."""

    def __init__(self, workspace):
        self.workspace = workspace
        self.put("feature_quality", f"SIM_ES|{SESSION}", pl.DataFrame({"x": [1.0]}))

    def put(self, table, key, frame):
        written = self.workspace.lake.write(table, PartitionKey.parse(key), 1, frame)
        from dataclasses import replace

        self.workspace.manifest.put(replace(record(table, key, written.fingerprint), rows=frame.height))
        return written.fingerprint

    def model(self, name, unseen):
        stamps = pl.Series(np.arange(len(unseen)), dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
        frame = pl.DataFrame({"event_ts": stamps, "known_at": stamps, "prediction": unseen}).with_columns(
            session=pl.lit("2025-01-08"), path=0, label=1, gross_return=0.0, net_return=0.0
        )
        print_ = self.put("model_oos", "SIM_ES", conform("model_oos", frame))
        row = {"model_id": name, "trained_through": "2025-01-08", "simulated": True}
        extra = {"model_oos": print_}
        registry_of(self.workspace).register("SIM_ES", row, Evidence("hold", "", "f"), extra)

    def said(self, name, values):
        stamps = pl.Series(np.arange(len(values)), dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
        frame = pl.DataFrame({"event_ts": stamps, "known_at": stamps, "prediction": values})
        frame = conform("predictions", frame.with_columns(model_id=pl.lit(name)))
        self.put("predictions", f"SIM_ES|{SESSION}", frame)

    def drift(self):
        return drift_of(self.workspace, "SIM_ES", stability_index)


@pytest.fixture
def desk(workspace):
    return Desk(workspace)


def chances(seed, count=400, centre=0.5):
    return np.clip(np.random.default_rng(seed).normal(centre, 0.05, count), 0.0, 1.0)


def test_predictions_that_moved_ask_for_a_training_with_the_figure(desk):
    desk.model("m", chances(1))
    desk.said("m", chances(2, centre=0.6))
    found = desk.drift()
    assert (found.instrument, found.session, found.feature_share) == ("SIM_ES", SESSION, None)
    assert found.prediction_psi == stability_index(chances(2, centre=0.6), chances(1)) > 1.0
    assert found.reasons == (f"predictions' stability index {found.prediction_psi:.2f} (limit 0.25)",)


def test_predictions_like_those_before_ask_for_nothing(desk):
    desk.model("m", chances(1))
    desk.said("m", chances(2))
    found = desk.drift()
    assert 0.0 < found.prediction_psi < 0.25
    assert found.reasons == ()


def test_each_model_is_held_against_its_own_record_also_when_another_was_trained_since(desk):
    desk.model("then", chances(1, centre=0.6))
    desk.model("newest", chances(1, centre=0.4))
    desk.said("then", chances(2, centre=0.6))
    assert desk.drift().reasons == ()
    desk.said("newest", chances(2, centre=0.6))
    assert len(desk.drift().reasons) == 1


@pytest.mark.parametrize(("said", "unseen"), [(LEAST_ROWS - 1, 400), (400, LEAST_ROWS - 1)])
def test_too_few_rows_on_either_side_say_nothing(desk, said, unseen):
    desk.model("m", chances(1, unseen))
    desk.said("m", chances(2, said, centre=0.7))
    assert desk.drift().prediction_psi is None


def test_a_model_that_nobody_registered_says_nothing(desk):
    desk.said("stranger", chances(2))
    assert desk.drift().prediction_psi is None
