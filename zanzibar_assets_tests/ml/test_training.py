import json

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.estimators import ALGORITHMS, CANDIDATES, Candidate
from zanzibar_assets.ml.training import train_model
from zanzibar_assets.ml.trials import MemoryTrialLog
from zanzibar_assets_tests.ml import worlds

SMALL = worlds.config(min_rows=300)
QUICK = (CANDIDATES[0], CANDIDATES[2])


def train(market, log=None, settings=SMALL, **options):
    options.setdefault("candidates", QUICK)
    log = MemoryTrialLog() if log is None else log
    return train_model(*market, worlds.instrument(), settings, log, **options), log


@pytest.fixture(scope="module")
def market():
    return worlds.market_with_signal(0.5, seed=6, count=250)


@pytest.fixture(scope="module")
def trained(market):
    return train(market, candidates=CANDIDATES)


def test_a_model_and_its_out_of_sample_paths(market, trained):
    result, log = trained
    row = result.model.row(0, named=True)
    assert breaches("trained_model", result.model) == []
    assert breaches("model_oos", result.oos) == []
    assert (row["status"], row["sessions"], row["simulated"]) == ("trained", 5, True)
    assert row["trials"] == len(CANDIDATES)
    assert row["trained_through"] == worlds.SESSIONS[-1]
    assert breaches("model_walk_forward", result.walk) == []
    assert set(result.walk["session"]) == set(worlds.SESSIONS[SMALL.model.min_sessions :])
    assert result.oos.height == 5 * market[1].height == 5 * row["rows"]
    assert result.oos["path"].n_unique() == 5
    assert len(log.recorded("SIM_ES")) == len(CANDIDATES)


def test_the_champion_has_the_best_score(trained):
    result, log = trained
    best = max(log.recorded("SIM_ES"), key=lambda row: row.scores.score)
    assert result.model["algorithm"].item() == best.trial.algorithm
    assert result.model["parameters"].item() == best.trial.parameters
    assert best.scores.rank_ic > 0.2


def test_two_trainings_are_the_same_bits(market, trained):
    again, _ = train(market, candidates=CANDIDATES)
    assert again.model.equals(trained[0].model)
    assert again.oos.equals(trained[0].oos)
    assert again.walk.equals(trained[0].walk)


def test_another_seed_is_another_model(market):
    one, _ = train(market, settings=worlds.config(min_rows=300, seed=1), candidates=QUICK[:1])
    two, _ = train(market, settings=worlds.config(min_rows=300, seed=2), candidates=QUICK[:1])
    assert one.model["model_id"].item() != two.model["model_id"].item()


def test_sessions_after_through_change_nothing(market):
    features, labels = market
    cut = worlds.SESSIONS[3]
    kept = [frame.filter(pl.col("session") <= cut) for frame in market]
    whole, _ = train(market, through=cut)
    alone, _ = train(kept)
    assert whole.model.equals(alone.model)
    assert whole.oos.equals(alone.oos)
    assert features.height > kept[0].height
    assert labels.height > kept[1].height


def test_a_row_never_sees_its_own_label(market):
    """Turning the outcomes of the last sixth around moves no prediction of those rows, on no path."""
    features, labels = market
    block = labels.sort("event_ts")["event_ts"][-(labels.height // 6) :]
    turned = labels.with_columns(
        pl.when(pl.col("event_ts").is_in(block.implode()))
        .then(-pl.col("gross_return"))
        .otherwise(pl.col("gross_return"))
        .alias("gross_return")
    )
    for candidate in QUICK:
        one, _ = train((features, labels), candidates=[candidate])
        two, _ = train((features, turned), candidates=[candidate])
        own = pl.col("event_ts").is_in(block.implode())
        keys = ["event_ts", "path"]
        columns = [*keys, "prediction"]
        assert (
            one.oos.filter(own)
            .sort(keys)
            .select(columns)
            .equals(two.oos.filter(own).sort(keys).select(columns))
        )
        assert not one.oos.filter(~own).sort(keys).equals(two.oos.filter(~own).sort(keys))


def test_too_few_sessions_say_so_and_try_nothing(market):
    few = [frame.filter(pl.col("session") <= worlds.SESSIONS[1]) for frame in market]
    result, log = train(few)
    row = result.model.row(0, named=True)
    assert (row["status"], row["trials"], row["payload"]) == ("insufficient_history", 0, "")
    assert row["reason"] == "4 sessions with labels are needed, 2 there"
    assert result.oos.equals(empty("model_oos"))
    assert breaches("trained_model", result.model) == []
    assert log.recorded("SIM_ES") == []


def test_too_few_rows_say_so(market):
    result, _ = train(market, settings=worlds.config(min_rows=100_000))
    rows = result.model["rows"].item()
    assert result.model["reason"].item() == f"100000 labelled bars are needed, {rows} there"


def test_nothing_at_all_says_so(market):
    result, _ = train([frame.clear() for frame in market])
    assert result.model["reason"].item() == "4 sessions with labels are needed, 0 there"
    assert result.model["trained_through"].item() is None


def test_a_market_that_only_rises_is_too_little_to_learn_from(market):
    features, labels = market
    result, log = train((features, labels.with_columns(pl.col("gross_return").abs() + 1e-6)))
    assert result.model["status"].item() == "insufficient_history"
    assert "rising of" in result.model["reason"].item()
    assert log.recorded("SIM_ES") == []


def test_a_trial_is_written_before_its_fit_and_stays_when_it_fails(market):
    log = MemoryTrialLog()
    with pytest.raises(ModelError, match="unknown algorithm"):
        train(market, log, candidates=[Candidate("oracle", {"depth": 3})])
    (row,) = log.recorded("SIM_ES")
    assert row.status == "failed"
    assert row.trial.algorithm == "oracle"
    assert "unknown algorithm" in row.reason


def test_training_again_on_the_same_data_adds_no_trial(market):
    _, log = train(market)
    train(market, log)
    assert len(log.recorded("SIM_ES")) == len(QUICK)


def test_threads_make_no_new_trial(market):
    _, log = train(market)
    train(market, log, settings=worlds.config(min_rows=300, threads=1))
    assert len(log.recorded("SIM_ES")) == len(QUICK)
    train(market, log, settings=worlds.config(min_rows=300, trade_threshold=0.6))
    assert len(log.recorded("SIM_ES")) == 2 * len(QUICK)


def test_planted_signal_is_recovered_and_noise_is_not(trained):
    noise, _ = train(worlds.market_with_signal(0.0, seed=7, count=250))
    for result, low, high in ((trained[0], 0.2, 0.5), (noise, -0.25, 0.12)):
        path = result.oos.filter(pl.col("path") == 0)
        found = np.corrcoef(path["prediction"].to_numpy(), path["gross_return"].to_numpy())[0, 1]
        assert low < found < high


def test_parameters_tell_what_was_tried(trained):
    told = json.loads(trained[0].model["parameters"].item())
    assert told["instrument"] == "SIM_ES"
    assert told["model"]["horizon_bars"] == 30
    assert told["candidate"]["algorithm"] in ALGORITHMS
