import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.config import QualityConfig
from zanzibar_assets.contracts.registry import breaches, conform
from zanzibar_assets.ml.catalogue import FEATURE_NAMES
from zanzibar_assets.ml.feature_quality import (
    BY_CALENDAR,
    CALENDAR_REASON,
    FEW_ROWS,
    NO_HISTORY,
    build_feature_quality,
    drift_share,
    judge,
    largest_distance,
    stability_index,
)
from zanzibar_assets_tests.ml import worlds

LIMITS = QualityConfig()


def matrix(session, seed, rows=400, **columns):
    """Normal features, but for the columns given."""
    rng = np.random.default_rng(seed)
    traded = worlds.bars(session, seed, count=rows)
    values = {name: columns.get(name, rng.normal(size=rows)) for name in FEATURE_NAMES}
    return conform("feature_matrix", traded.select("event_ts", "known_at").with_columns(**{
        name: pl.Series(v, dtype=pl.Float64, nan_to_null=True) for name, v in values.items()
    }))  # fmt: skip


def past(*frames):
    sessions = worlds.SESSIONS[: len(frames)]
    return pl.concat([f.with_columns(session=pl.lit(s)) for f, s in zip(frames, sessions, strict=True)])


HISTORY = past(matrix("2024-03-04", 1), matrix("2024-03-05", 2))
NOW = "2024-03-06"


def verdicts(found):
    return {finding.name: finding.passed for finding in judge(found, LIMITS)}


def row(found, name):
    return found.row(by_predicate=pl.col("feature") == name, named=True)


def test_features_like_before_raise_no_warning():
    found = build_feature_quality(matrix(NOW, 3), HISTORY)
    assert breaches("feature_quality", found) == []
    assert found["feature"].to_list() == list(FEATURE_NAMES)
    assert all(verdicts(found).values())
    assert drift_share(found, LIMITS) == 0.0
    assert set(found["reference_sessions"]) == {2}
    assert set(found["reference_through"]) == {"2024-03-05"}


def test_a_shifted_feature_has_drifted_and_half_of_all_is_too_much():
    moved = np.random.default_rng(9).normal(1.5, 1.0, 400)
    found = build_feature_quality(matrix(NOW, 3, rsi_14=moved), HISTORY)
    assert row(found, "rsi_14")["psi"] > 1.0
    assert row(found, "rsi_14")["ks"] > 0.4
    assert drift_share(found, LIMITS) == pytest.approx(1 / (len(FEATURE_NAMES) - len(BY_CALENDAR)))
    assert verdicts(found)["features_are_stable"]
    most = {name: moved for name in FEATURE_NAMES[:80]}
    found = build_feature_quality(matrix(NOW, 3, **most), HISTORY)
    assert not verdicts(found)["features_are_stable"]
    detail = {finding.name: finding.detail for finding in judge(found, LIMITS)}
    assert "drifted; 80 past the limit" in detail["features_are_stable"]


def test_what_is_missing_or_stands_still_is_named_unless_it_always_was():
    gone, still = np.full(400, np.nan), np.full(400, 3.0)
    found = build_feature_quality(matrix(NOW, 3, vpin=gone, adx_14=still), HISTORY)
    said = {finding.name: finding for finding in judge(found, LIMITS)}
    assert not said["features_are_present"].passed
    assert "vpin" in said["features_are_present"].detail
    assert not said["features_vary"].passed
    assert "adx_14" in said["features_vary"].detail
    assert (row(found, "vpin")["null_share"], row(found, "vpin")["reason"]) == (1.0, FEW_ROWS)
    always = past(matrix("2024-03-04", 1, vpin=gone, adx_14=still))
    assert all(verdicts(build_feature_quality(matrix(NOW, 3, vpin=gone, adx_14=still), always)).values())


def test_the_calendar_does_not_drift():
    weekday = dict.fromkeys(BY_CALENDAR, np.full(400, 0.5))
    found = build_feature_quality(matrix(NOW, 3, **weekday), HISTORY)
    assert all(verdicts(found).values())
    assert {row(found, name)["reason"] for name in BY_CALENDAR} == {CALENDAR_REASON}


def test_without_history_the_reason_is_said():
    found = build_feature_quality(matrix(NOW, 3), HISTORY.clear())
    assert breaches("feature_quality", found) == []
    assert set(found["reason"]) == {NO_HISTORY}
    assert drift_share(found, LIMITS) is None
    assert all(verdicts(found).values())
    assert build_feature_quality(matrix(NOW, 3).clear(), HISTORY).is_empty()
    nothing = build_feature_quality(matrix(NOW, 3).clear(), HISTORY)
    assert all(verdicts(nothing).values())


def test_stability_index_by_hand():
    reference = np.repeat([0.0, 1.0], 50)  # deciles tie: two bins, half each
    values = np.repeat([0.0, 1.0], [80, 20])
    p, q = [80.5 / 101, 20.5 / 101], [0.5, 0.5]
    expected = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert stability_index(values, reference) == pytest.approx(expected)
    assert stability_index(reference, reference) == pytest.approx(0.0, abs=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40, derandomize=True)
def test_distance_is_scipys(seed):
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(seed)
    one, two = rng.integers(0, 12, 60).astype(float), rng.integers(0, 9, 90).astype(float)
    assert largest_distance(one, two) == pytest.approx(ks_2samp(one, two).statistic, abs=1e-12)
    assert stability_index(one, two) >= 0.0
