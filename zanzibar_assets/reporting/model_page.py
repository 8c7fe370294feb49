"""The page of a model: the verdict in words, then the evidence, then what the model leans on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from string import Template

import numpy as np
import polars as pl

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.ml.model_card import card_text, model_card
from zanzibar_assets.ml.trials import RecordedTrial
from zanzibar_assets.reporting import explanation_plots, model_plots, plots
from zanzibar_assets.reporting.model_record import (
    ModelFrames,
    ModelRecord,
    explained,
    ic_parts,
    posteriors,
    record_of,
)
from zanzibar_assets.vocabulary import MODEL_GATES, ModelVerdict

TEMPLATE = Path(__file__).with_name("page.html")
NUMBER = re.compile(r"^[-+]?[\d.,]+(e[-+]?\d+)?%?$")
SAID = {
    ModelVerdict.PROMOTE.value: "Proved: every gate passes.",
    ModelVerdict.HOLD.value: "Not proved yet: the record is too short.",
    ModelVerdict.REJECT.value: "Rejected: it may not trade.",
    ModelVerdict.INSUFFICIENT.value: "There is no model yet.",
}
SECTIONS = (
    ("gates", "The gates"),
    ("equity", "Out-of-sample equity"),
    ("calibration", "Calibration"),
    ("ic", "Information coefficient"),
    ("trials", "Trials and luck"),
    ("posterior", "Bayesian Sharpe ratio"),
    ("reasons", "What the model leans on"),
    ("stability", "Does importance hold?"),
    ("card", "Model card"),
)


def page_name(instrument: str) -> str:
    """File name of an instrument's model page within the reports folder."""
    return f"model-{instrument}.html"


def sentence(report: pl.DataFrame) -> str:
    """The verdict of a ValidationReport in words."""
    verdict, reason = report["verdict"][0], report["verdict_reason"][0]
    return f"{SAID[verdict]} {_capital(reason)}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def model_report(frames: ModelFrames, trials: Sequence[RecordedTrial]) -> pl.DataFrame:
    """ModelReport row of a page."""
    report = frames.report
    judged = report.filter(pl.col("metric").is_in(MODEL_GATES))
    row = {
        "model_id": report["model_id"][0],
        "verdict": report["verdict"][0],
        "finding": sentence(report),
        "gates": judged["passed"].count(),
        "failed": judged.filter(~pl.col("passed")).height,
        "trials": len(trials),
        "reported_through": report["validated_through"][0],
    }
    return conform("model_report", pl.DataFrame([row]))


def render_model_page(
    frames: ModelFrames,
    trials: Sequence[RecordedTrial],
    instrument: str,
    config: Config,
    *,
    simulated: bool,
) -> str:
    """HTML page of an instrument's newest model; of one that was never trained it says why alone."""
    row = frames.model.row(0, named=True)
    why = escape(_capital(frames.report["verdict_reason"][0]))
    bodies = {"gates": f"<p>{why}.</p>{_gates(frames.report)}"}
    if row["status"] == "trained":
        record = record_of(frames, trials, config)
        bodies |= _record(frames, record) | _explanation(frames, config)
        bodies["card"] = (
            f"<pre class='wide'>{escape(card_text(model_card(row, frames.oos, frames.report)))}</pre>"
        )
    shown = [(key, title) for key, title in SECTIONS if bodies.get(key)]
    contents = " &middot; ".join(f'<a href="#{key}">{title}</a>' for key, title in shown)
    through = row["trained_through"] or "no session"
    label = '<span class="label">SIMULATED market data</span>' if simulated else ""
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=f"{escape(instrument)}: {escape(row['algorithm'])} model, trained through {escape(through)}",
        document="report of a model",
        verdict=escape(SAID[frames.report["verdict"][0]]),
        labels=label,
        contents=contents,
        sections="\n".join(
            f'<section id="{key}"><h2>{title}</h2>{bodies[key]}</section>' for key, title in shown
        ),
    )


def _record(frames: ModelFrames, record: ModelRecord) -> dict[str, str]:
    """Sections of the out-of-sample record."""
    oos, field, judged = frames.oos, record.field, record.judged
    chance = oos["prediction"].to_numpy()
    up = (oos["gross_return"].to_numpy() > 0).astype(np.float64)
    parts = ic_parts(frames.report, oos, judged.path)
    found = posteriors(record)
    luck = (
        f"{field.words}: without any skill the best of them would be expected at "
        f"{record.hurdle:+.4f} a period."
    )
    return {
        "equity": _figure(
            lambda theme: model_plots.equity_chart(record.paths, judged.path, theme),
            f"Net equity of {len(record.paths)} out-of-sample paths",
            "Each path is the whole period, predicted by models that were not trained on it; net of spread "
            "and commission. The path with the lower median Sharpe ratio is judged.",
        ),
        "calibration": _figure(
            lambda theme: model_plots.calibration_chart(chance, up, theme),
            "Reliability of the probabilities",
            "On the diagonal a probability means what it says. Each dot is a tenth of the out-of-sample "
            "predictions, its whisker two standard errors as if bars were independent.",
        ),
        "ic": _figure(
            lambda theme: model_plots.ic_chart(parts, theme),
            "Rank IC by horizon, regime, phase and session",
            "Rank correlation of predictions with what followed, on the judged path; the t-values stand with "
            "the figures below the gates.",
        ),
        "trials": _figure(
            lambda theme: model_plots.trials_chart(field.sharpes, judged.sharpe, record.hurdle, theme),
            "Sharpe ratios of all trials beside the deflated hurdle",
            _capital(luck),
        )
        if field.sharpes
        else "<p>No trial was scored.</p>",
        "posterior": _figure(
            lambda theme: model_plots.posterior_chart(found, record.hurdle, record.scale, theme),
            "Posterior of the annual Sharpe ratio",
            "What the judged path's net returns say of its Sharpe ratio under each prior; each curve is "
            "scaled to its own peak.",
        )
        if found
        else f"<p>The judged path made {len(judged.net)} trades: too few for a posterior.</p>",
    }


def _explanation(frames: ModelFrames, config: Config) -> dict[str, str]:
    """Sections of the explanation."""
    seen = explained(frames.model, frames.features, config)
    if seen is None:
        return {}
    if not np.any(seen.contributions):
        return {"reasons": "<p>The model leans on nothing: it says the base rate at every bar.</p>"}
    values, shares, names = seen.values, seen.contributions, seen.names
    when = seen.strongest["known_at"][0]
    chance = seen.strongest["prediction"][0]
    reasons = [
        _figure(
            lambda theme: explanation_plots.summary_chart(values, shares, names, theme),
            "Contributions of each feature over sampled bars",
            f"A dot is one of {len(values):,} bars of the training period, drawn by the seed. Colour runs "
            "from low to high values of the feature (blue, violet, red); missing ones are pale.",
        ),
        _figure(
            lambda theme: explanation_plots.dependence_chart(values, shares, names, theme),
            "Contribution against value of the leading features",
            "How much a value of the leading features adds to the log-odds of a rise.",
        ),
        _figure(
            lambda theme: explanation_plots.waterfall_chart(seen.strongest, theme),
            "Reasons of one prediction",
            f"The most confident of those bars, {when:%Y-%m-%d %H:%M} UTC: P(up) {chance:.3f} after "
            "calibration.",
        ),
        _pairs(frames.interactions),
    ]
    held = frames.stability
    stability = (
        _figure(
            lambda theme: model_plots.stability_chart(held, theme),
            "Stability of importance over folds and periods",
            "Folds: the configuration fitted again on each fold. Periods: the model asked in each third of "
            "its time. Left the importance that a part has in common with the others, right the order of "
            "its features; features that nobody uses count as agreement there.",
        )
        + _stability(held)
        if held["rank_correlation"].count()
        else ""
    )
    return {"reasons": "\n".join(reasons), "stability": stability}


def _figure(draw: Callable[[plots.Theme], bytes], alternative: str, caption: str) -> str:
    light, dark = (plots.data_address(draw(theme)) for theme in (plots.LIGHT, plots.DARK))
    return (
        f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{escape(alternative)}"></picture>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _gates(report: pl.DataFrame) -> str:
    """Table of the gates, then of every other figure."""
    gates = [row for row in report.to_dicts() if row["metric"] in MODEL_GATES or row["passed"] is not None]
    others = [row for row in report.to_dicts() if row not in gates]
    table = _table(("gate", "value", "threshold", "passed", "why"), [_gate(row) for row in gates])
    if not others:
        return table
    rest = _table(("figure", "value", "what it is"), [_other(row) for row in others])
    return f"{table}<details><summary>{len(others)} more figures</summary>{rest}</details>"


def _gate(row: dict[str, object]) -> tuple[str, ...]:
    passed = {True: "yes", False: "NO", None: "not judged"}[row["passed"]]  # type: ignore[index]
    return (str(row["metric"]), _number(row["value"]), _number(row["threshold"]), passed, str(row["detail"]))


def _other(row: dict[str, object]) -> tuple[str, ...]:
    return (str(row["metric"]), _number(row["value"]), str(row["detail"]))


def _pairs(interactions: pl.DataFrame) -> str:
    if interactions.is_empty():
        return "<p>Features do not act in pairs in this model.</p>"
    rows = [
        (row["feature_a"], row["feature_b"], f"{row['mean_abs_interaction']:.5f}", f"{row['share']:.1%}")
        for row in interactions.sort("rank").head(10).iter_rows(named=True)
    ]
    heads = ("feature", "with", "mean |interaction|", "share of all")
    return f"<h3>Pairs that act together</h3>{_table(heads, rows)}"


def _stability(stability: pl.DataFrame) -> str:
    rows = [
        (
            f"{row['kind']} {row['part']}", f"{row['rows']:,}",
            f"{row['first_session']} to {row['last_session']}",
            _number(row["rank_correlation"]), _number(row["lowest"]), f"{row['overlap']:.0%}",
            f"{row['shared_top']:.0%}",
        )
        for row in stability.sort("kind", "part").iter_rows(named=True)
    ]  # fmt: skip
    heads = ("part", "bars", "sessions", "rank correlation", "lowest", "in common", "top ten shared")
    return f"<details><summary>All {len(rows)} parts</summary>{_table(heads, rows)}</details>"


def _number(value: object) -> str:
    return "" if value is None else f"{value:,.4g}"


def _cell(text: str) -> str:
    kind = ' class="number"' if NUMBER.match(text) else ""
    return f"<td{kind}>{escape(text)}</td>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "\n".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
