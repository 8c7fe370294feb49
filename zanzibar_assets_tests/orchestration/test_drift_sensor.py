"""Retraining on drift: asked for once a session, and not without drift."""

from __future__ import annotations

import pytest

from zanzibar_assets.orchestration.table_asset import THROUGH_TAG
from zanzibar_assets_tests.orchestration import home, ticks

pytestmark = pytest.mark.filterwarnings("ignore:Non-compliant tag keys:DeprecationWarning")


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "sierra").mkdir()
    (tmp_path / "inbox").mkdir()
    zanzibar = home.resource(tmp_path / "home", tmp_path / "sierra", tmp_path / "inbox", ("SIM_ES",))
    with ticks.desk(zanzibar) as opened:
        yield opened


def judged(desk, session, share):
    desk.note("feature_quality", f"SIM_ES|{session}", notes={"drift_share": share})


def test_drift_of_the_newest_session_asks_for_one_training_through_it(desk):
    judged(desk, "2025-01-08", 0.6)
    judged(desk, "2025-01-09", 0.5)
    (request,) = desk.sensor("retrain_on_drift")
    assert request.partition_key == "SIM_ES"
    assert request.tags[THROUGH_TAG] == "2025-01-09"
    assert "50% of the features drifted" in request.tags["zanzibar/drift"]
    assert "no instrument" in desk.sensor("retrain_on_drift")
    judged(desk, "2025-01-10", 0.5)
    (request,) = desk.sensor("retrain_on_drift")
    assert request.tags[THROUGH_TAG] == "2025-01-10"


@pytest.mark.parametrize("share", [0.3, 0.0, None])
def test_without_drift_nothing_is_asked_for(desk, share):
    judged(desk, "2025-01-08", 0.9)
    judged(desk, "2025-01-09", share)
    assert "no instrument" in desk.sensor("retrain_on_drift")


def test_nothing_judged_nothing_asked(desk):
    assert "no instrument" in desk.sensor("retrain_on_drift")
