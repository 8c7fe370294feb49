"""Does the gate promote luck, and what does it cost skill? Trials with a known truth, put through it.

Run:  python -m zanzibar_assets_tests.benchmarks.null_experiments [--runs 200] [--seed 11]

Each run draws one market and fifty trials whose scores know nothing of it (or one of which knows just
enough for a given true Sharpe ratio), writes every trial into the registry in the metadata database,
picks the one with the best Sharpe ratio and asks the real validation for its verdict, once with the
registry as it is and once with only the chosen trial in it.
Everything is simulated; a seed gives the same figures.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from zanzibar_assets.config import Config, GateConfig, ModelConfig
from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.ml.evidence import Market
from zanzibar_assets.ml.stored_trials import StoredTrials
from zanzibar_assets.ml.strategy import PathResult, path_result
from zanzibar_assets.ml.trials import RecordedTrial, Trial, TrialScores
from zanzibar_assets.ml.validation import gate_results, validate_model
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.trials import TrialRows
from zanzibar_assets.vocabulary import MODEL_GATES

TRIALS, SESSIONS, SPANS = 50, 1_000, 2
SPAN_US, DAY_US = 3_600_000_000, 86_400_000_000
SIGMA, COST = 1e-3, 1e-6
THRESHOLD = 0.55
TRADED = math.log(THRESHOLD / (1 - THRESHOLD))
"""Scores beyond this are traded."""
YEAR = 252
SERIES_SPANS = 250


def config() -> Config:
    model = ModelConfig(horizon_bars=1, trade_threshold=THRESHOLD)
    return Config(home=Path("unused"), model=model, gate=GateConfig(horizons=(1,)))


def edge_of(annual_sharpe: float, spans: int = SPANS) -> float:
    """Correlation of score and outcome that gives a true net Sharpe ratio a year.

    A score s of unit variance earns sigma times edge times |s| where |s| passes the threshold and pays
    the cost there.
    """
    density = math.exp(-(TRADED**2) / 2) / math.sqrt(2 * math.pi)
    traded = math.erfc(TRADED / math.sqrt(2))
    per_period = annual_sharpe / math.sqrt(YEAR * spans)
    return (per_period * math.sqrt(traded) + COST / SIGMA * traded) / (2 * density)


@dataclass
class World:
    """One market: outcomes of each span, and the frames that go with them."""

    rng: np.random.Generator
    sessions: int
    starts: np.ndarray = field(init=False)
    outcome: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        day, span = np.divmod(np.arange(self.sessions * SPANS), SPANS)
        self.starts = day * DAY_US + span * SPAN_US
        self.outcome = self.rng.normal(0, SIGMA, len(self.starts))

    def names(self) -> list[str]:
        return [f"{day:05d}" for day in np.arange(len(self.starts)) // SPANS]

    def oos(self, edge: float) -> pl.DataFrame:
        """ModelOos of one trial."""
        noise = self.rng.normal(size=len(self.starts))
        score = edge * self.outcome / SIGMA + math.sqrt(1 - edge**2) * noise
        stamps = pl.col("event_ts", "known_at").cast(pl.Datetime("us", "UTC"))
        frame = pl.DataFrame(
            {
                "event_ts": self.starts, "known_at": self.starts + SPAN_US, "session": self.names(),
                "prediction": 1 / (1 + np.exp(-score)), "gross_return": self.outcome,
                "net_return": self.outcome - COST,
            }
        ).with_columns(stamps, path=pl.lit(0), label=pl.lit(0))  # fmt: skip
        return conform("model_oos", frame)

    def market(self, instrument: str) -> Market:
        """Bars whose closes move by the outcomes, and regimes that come and go."""
        level = 4_000 * np.exp(np.cumsum(self.outcome))
        opens = np.concatenate(([4_000.0], level[:-1]))[::SPANS]
        known = np.concatenate((self.starts[::SPANS], self.starts + SPAN_US))
        utc = pl.col("event_ts", "known_at").cast(pl.Datetime("us", "UTC"))
        frame = pl.DataFrame(
            {
                "session": [*self.names()[::SPANS], *self.names()], "event_ts": known - SPAN_US,
                "known_at": known, "close": np.concatenate((opens, level)), "volume": 50_000.0,
                "bar_seconds": SPAN_US // 1_000_000, "session_state": "open",
            }
        ).with_columns(utc).sort("known_at")  # fmt: skip
        states = (pl.int_range(pl.len()) // 30 % 3).cast(pl.Int8).alias("vol_state")
        return Market(instrument, frame, frame.select("session", "known_at", states))


def scores_of(world: World, result: PathResult) -> TrialScores:
    """What the training would write of the trial."""
    parts = np.array_split(np.arange(len(result.periods)), min(SERIES_SPANS, len(result.periods)))
    return TrialScores(
        0.0, result.sharpe, len(result.periods), 0.0,
        starts_us=tuple(int(world.starts[part[0]]) for part in parts),
        returns=tuple(float(result.periods[part].sum()) for part in parts),
    )  # fmt: skip


def model_row(instrument: str, trials: int, sessions: int) -> pl.DataFrame:
    row = {
        "model_id": f"{instrument}-1", "status": "trained", "reason": None, "algorithm": "logistic",
        "trained_through": f"{sessions - 1:05d}", "sessions": sessions, "rows": sessions * SPANS, "seed": 7,
        "parameters": json.dumps({"instrument": instrument}), "features": "[]", "payload": "{}",
        "calibration": "{}", "data_fingerprint": "simulated", "trials": trials, "simulated": True,
    }  # fmt: skip
    return conform("trained_model", pl.DataFrame([row]))


@dataclass(frozen=True)
class Outcome:
    """One run: gates passed, verdicts with all trials and with only the chosen one, and its rank IC."""

    passed: dict[str, bool]
    verdict: str
    hidden_verdict: str
    rank_ic: float
    skilled: bool


def one_run(folder: Path, seed: int, annual_sharpe: float | None, sessions: int = SESSIONS) -> Outcome:
    """Fifty trials through registry, checks and verdict; the first has skill where a Sharpe is given."""
    world = World(np.random.default_rng(seed), sessions)
    database = Path(tempfile.mkdtemp(dir=folder)) / "trials.sqlite"
    log = StoredTrials(TrialRows(Database(database), lambda: seed))
    edges = [0.0] * TRIALS
    edges[0] = 0.0 if annual_sharpe is None else edge_of(annual_sharpe)
    name, best = f"NULL-{seed}", (-math.inf, 0, world.oos(0.0))
    for number, edge in enumerate(edges):
        oos = world.oos(edge)
        trial = Trial(name, "logistic", f"noise {number}", (), seed, "simulated", "0")
        trial_id = log.register(trial)
        result = path_result(oos, THRESHOLD)
        log.score(trial_id, scores_of(world, result))
        best = max(best, (result.sharpe, number, oos), key=lambda found: found[0])
    _, chosen, oos = best
    recorded, settings, market = log.recorded(name), config(), world.market(name)
    report = validate_model(model_row(name, TRIALS, sessions), oos, recorded, settings, market)
    hidden = [row for row in recorded if row.trial.parameters == f"noise {chosen}"]
    fooled = validate_model(model_row(name, 1, sessions), oos, hidden, settings, market)
    values = {row["metric"]: row["value"] for row in report.iter_rows(named=True)}
    return Outcome(
        {gate: passed for gate, passed, _ in gate_results(report)},
        report["verdict"][0],
        fooled["verdict"][0],
        values["rank_ic"],
        chosen == 0 and annual_sharpe is not None,
    )


def summary(runs: list[Outcome]) -> dict[str, float]:
    """Shares of runs, in per cent."""
    share = lambda hits: round(100.0 * sum(hits) / len(runs), 1)  # noqa: E731
    found = {gate: share(run.passed[gate] for run in runs) for gate in MODEL_GATES}
    return {
        **found,
        "promoted": share(run.verdict == "promote" for run in runs),
        "promoted, trials hidden": share(run.hidden_verdict == "promote" for run in runs),
        "skilled one chosen": share(run.skilled for run in runs),
        "skilled one promoted": share(run.skilled and run.verdict == "promote" for run in runs),
    }


def planted(edge: float, seed: int, sessions: int = SESSIONS) -> dict[str, float]:
    """Rank IC that validation reports of one trial of known correlation, and its bound of four errors."""
    world = World(np.random.default_rng(seed), sessions)
    trial = Trial("PLANT", "logistic", "planted", (), seed, "simulated", "0")
    oos = world.oos(edge)
    recorded = [RecordedTrial("1", trial, "scored", scores_of(world, path_result(oos, THRESHOLD)))]
    report = validate_model(model_row("PLANT", 1, sessions), oos, recorded, config())
    values = dict(zip(report["metric"], report["value"], strict=True))
    true = 6 / math.pi * math.asin(edge / 2)
    return {"true": true, "reported": values["rank_ic"], "bound": 4 / math.sqrt(sessions * SPANS)}


def fits(count: int, seed: int) -> list[str]:
    """Verdicts of noise trained for real, end to end."""
    from zanzibar_assets.ml.training import train_model
    from zanzibar_assets.ml.trials import MemoryTrialLog
    from zanzibar_assets_tests.ml import worlds

    settings, verdicts = worlds.config(min_rows=300), []
    for run in range(count):
        log = MemoryTrialLog()
        noise = worlds.market_with_signal(0.0, seed=seed + run, count=200)
        trained = train_model(*noise, worlds.instrument(), settings, log)
        report = validate_model(trained.model, trained.oos, log.recorded("SIM_ES"), settings)
        verdicts.append(str(report["verdict"][0]))
    return verdicts


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=200, help="runs without skill")
    parser.add_argument("--power-runs", type=int, default=100, help="runs at each true Sharpe ratio")
    parser.add_argument("--fits", type=int, default=5, help="runs of noise with real fits")
    parser.add_argument("--seed", type=int, default=11)
    asked = parser.parse_args(arguments)
    began = time.perf_counter()
    report: dict[str, object] = {"simulated": True, "seed": asked.seed, "trials": TRIALS}
    plan = {"none": (None, asked.runs), **{f"{s:g}": (float(s), asked.power_runs) for s in (1, 2, 3)}}
    with tempfile.TemporaryDirectory(prefix="zanzibar-null-") as folder:
        for number, (name, (sharpe, count)) in enumerate(plan.items()):
            first = asked.seed * 1_000_000 + number * 100_000
            runs = [one_run(Path(folder), first + run, sharpe) for run in range(count)]
            report[f"true Sharpe {name}"] = {"runs": count, **(summary(runs) if runs else {})}
            sys.stderr.write(f"true Sharpe {name}: done after {time.perf_counter() - began:.0f} s\n")
    report["planted"] = [planted(edge, asked.seed + 7) for edge in (0.0, 0.02, 0.05, 0.1)]
    report["noise with real fits"] = fits(asked.fits, asked.seed)
    report["seconds"] = round(time.perf_counter() - began, 1)
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
