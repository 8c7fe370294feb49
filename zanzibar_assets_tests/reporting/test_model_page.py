import re

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.ml.estimators import CANDIDATES
from zanzibar_assets.ml.explanation import explain_interactions, explain_model
from zanzibar_assets.ml.stability import importance_stability
from zanzibar_assets.ml.training import train_model
from zanzibar_assets.ml.trials import MemoryTrialLog
from zanzibar_assets.ml.validation import validate_model
from zanzibar_assets.reporting import explanation_plots, plots
from zanzibar_assets.reporting.index_page import render_index
from zanzibar_assets.reporting.model_page import model_report, page_name, render_model_page, sentence
from zanzibar_assets.reporting.model_record import ModelFrames, explained, posteriors, record_of
from zanzibar_assets_tests.ml import worlds

SMALL = worlds.config(min_rows=300, cv_groups=4)


@pytest.fixture(scope="module")
def made():
    features, labels = worlds.market_with_signal(0.6, seed=9, count=200)
    log = MemoryTrialLog()
    trained = train_model(features, labels, worlds.instrument(), SMALL, log, candidates=CANDIDATES[:2])
    trials = log.recorded("SIM_ES")
    frames = ModelFrames(
        trained.model,
        trained.oos,
        validate_model(trained.model, trained.oos, trials, SMALL),
        explain_model(trained.model, features, SMALL),
        explain_interactions(trained.model, features, SMALL),
        importance_stability(trained.model, features, labels, SMALL),
        features,
    )
    return frames, trials


@pytest.fixture(scope="module")
def page(made):
    return render_model_page(*made, "SIM_ES", SMALL, simulated=True)


def test_the_verdict_stands_first_then_the_gates(page, made):
    said = sentence(made[0].report)
    marks = (said.split(".")[0], "The gates</h2>", "Model card</h2>")
    first, gates, card = (page.index(text) for text in marks)
    assert first < gates < card
    assert "SIMULATED market data" in page
    for row in made[0].report.filter(pl.col("passed").is_not_null()).to_dicts():
        assert f"<td>{row['metric']}</td>" in page


def test_every_section_is_linked_and_every_picture_has_words_and_both_themes(page):
    linked, there = (set(re.findall(found, page)) for found in (r'href="#(\w+)"', r'section id="(\w+)"'))
    assert linked == there
    assert {"gates", "equity", "calibration", "trials", "posterior", "reasons", "stability", "card"} <= there
    images = re.findall(r"<img [^>]*>", page)
    assert len(images) == page.count("prefers-color-scheme: dark)\" srcset") == page.count("<figcaption>")
    assert all(re.search(r'alt="[^"]{10,}"', image) for image in images)


def test_what_is_drawn_is_what_validation_judged(made):
    frames, trials = made
    record = record_of(frames, trials, SMALL)
    figures = dict(frames.report.select("metric", "value").iter_rows())
    assert record.judged.sharpe == figures["sharpe_period"]
    assert record.hurdle == figures["expected_max_sharpe"]
    found = dict(posteriors(record))
    assert found["prior learnt from the trials"].probability_above(0.0) == pytest.approx(
        figures["bayes_prob_positive"]
    )


def test_the_report_row_counts_the_gates(made):
    frames, trials = made
    found = model_report(frames, trials)
    assert breaches("model_report", found) == []
    row = found.row(0, named=True)
    assert row["trials"] == 2
    assert row["failed"] <= row["gates"]
    assert row["finding"] == sentence(frames.report)


def test_a_model_that_was_never_trained_says_why_alone():
    features, labels = worlds.market_with_signal(0.6, seed=9, count=60, sessions=worlds.SESSIONS[:1])
    model = train_model(features, labels, worlds.instrument(), SMALL, MemoryTrialLog()).model
    report = validate_model(model, empty("model_oos"), [], SMALL)
    nothing = [empty(f"model_{name}") for name in ("explanation", "interactions")]
    frames = ModelFrames(
        model, empty("model_oos"), report, *nothing, empty("importance_stability"), features
    )
    page = render_model_page(frames, [], "SIM_ES", SMALL, simulated=False)
    assert "There is no model yet." in page
    assert "<figure>" not in page
    assert "SIMULATED" not in page
    assert breaches("model_report", model_report(frames, [])) == []


def test_a_record_without_trades_has_a_page(made):
    frames, trials = made
    timid = frames.oos.with_columns(pl.lit(0.5).alias("prediction"))
    quiet = ModelFrames(
        frames.model, timid, frames.report, frames.explanation, frames.interactions, frames.stability,
        frames.features,
    )  # fmt: skip
    page = render_model_page(quiet, trials, "SIM_ES", SMALL, simulated=True)
    assert "too few for a posterior" in page


def test_the_same_explanation_draws_the_same_bytes(made):
    frames, _ = made
    seen = explained(frames.model, frames.features, SMALL)
    for theme in (plots.LIGHT, plots.DARK):
        for draw in (explanation_plots.summary_chart, explanation_plots.dependence_chart):
            first, second = (draw(seen.values, seen.contributions, seen.names, theme) for _ in range(2))
            assert first == second
    assert explanation_plots.waterfall_chart(seen.strongest).startswith(b"\x89PNG")
    assert explanation_plots.importance_chart(frames.explanation).startswith(b"\x89PNG")
    assert seen.strongest["known_at"].n_unique() == 1


def test_features_that_add_nothing_are_not_drawn():
    shares = np.array([[0.0, 0.2, -0.1], [0.0, -0.2, 0.1]])
    assert explanation_plots.leading(shares, 15).tolist() == [1, 2]
    assert explanation_plots.leading(shares, 1).tolist() == [1]


def test_the_list_of_reports_links_the_models(tmp_path):
    (tmp_path / page_name("ES")).write_text("", encoding="utf-8")
    assert f'href="{page_name("ES")}"' in render_index(tmp_path)
