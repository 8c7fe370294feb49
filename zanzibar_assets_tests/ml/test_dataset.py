import numpy as np
import polars as pl
import pytest

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.catalogue import FEATURE_NAMES
from zanzibar_assets.ml.dataset import assemble, feature_array
from zanzibar_assets_tests.ml import worlds

SESSIONS = worlds.SESSIONS[:2]


@pytest.fixture(scope="module")
def market():
    return worlds.market_with_signal(0.0, seed=4, count=120, sessions=SESSIONS)


def test_each_label_meets_the_features_of_its_entry_bar(market):
    features, labels = market
    data = assemble(features, labels, None)
    assert data.rows == labels.height
    row = labels.row(7, named=True)
    bar = features.filter(pl.col("known_at") == row["event_ts"])
    at = int(np.flatnonzero(data.frame["entry"] == row["event_ts"])[0])
    np.testing.assert_array_equal(data.x[at], bar.select(FEATURE_NAMES).to_numpy()[0])
    assert data.up[at] == float(row["gross_return"] > 0)
    assert data.weight[at] == row["weight"]
    assert (np.diff(data.start_us) >= 0).all()


def test_later_sessions_stay_out(market):
    data = assemble(*market, through=SESSIONS[0])
    assert data.sessions == [SESSIONS[0]]
    alone = [frame.filter(pl.col("session") == SESSIONS[0]) for frame in market]
    assert data.fingerprint == assemble(*alone, None).fingerprint


def test_fingerprint_follows_the_values_not_the_order_of_rows(market):
    features, labels = market
    known = assemble(features, labels, None).fingerprint
    assert assemble(features.reverse(), labels.reverse(), None).fingerprint == known
    touched = features.with_columns(pl.col("rsi_14") + 1e-12)
    assert assemble(touched, labels, None).fingerprint != known
    heavier = labels.with_columns(pl.col("weight") * 0.5)
    assert assemble(features, heavier, None).fingerprint != known


def test_a_bar_given_twice_is_refused(market):
    features, labels = market
    with pytest.raises(ModelError, match="two rows for one bar"):
        assemble(pl.concat([features, features.head(1)]), labels, None)
    with pytest.raises(ModelError, match="two rows for one bar"):
        assemble(features, pl.concat([labels, labels.head(1)]), None)


def test_missing_features_are_named():
    with pytest.raises(ModelError, match="no rsi_14"):
        feature_array(pl.DataFrame({"ret_1": [1.0]}), ("ret_1", "rsi_14"))


def test_nulls_become_one_canonical_nan():
    values = feature_array(pl.DataFrame({"a": [None, 1.0, float("nan")]}), ("a",))
    assert values.view(np.uint64)[0] == values.view(np.uint64)[2]
