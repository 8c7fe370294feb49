"""The model card: what a model is, what it learnt from, what it is worth and where it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.ml.calibration import brier, reliability

LIMITS = (
    "Probabilities hold for the instrument, bar length and horizon named here and for no others.",
    "Scores are of purged cross-validation on the period named; they say nothing of markets unlike it.",
    "Fills are assumed at the bar's close with the instrument's spread and commission; no market impact.",
)


def model_card(row: Mapping[str, Any], oos: pl.DataFrame, report: pl.DataFrame) -> dict[str, Any]:
    """Card of a trained TrainedModel row with its ModelOos and ValidationReport frames, ready for JSON."""
    parameters = json.loads(row["parameters"])
    sessions = sorted(oos["session"].unique().to_list())
    return {
        "model_id": row["model_id"],
        "instrument": parameters["instrument"],
        "simulated": bool(row["simulated"]),
        "algorithm": row["algorithm"],
        "parameters": parameters["candidate"]["parameters"],
        "settings": parameters["model"],
        "seed": row["seed"],
        "features": json.loads(row["features"]),
        "data": {
            "sessions": len(sessions),
            "first_session": sessions[0],
            "last_session": sessions[-1],
            "rows": row["rows"],
            "fingerprint": row["data_fingerprint"],
        },
        "trials_of_this_training": row["trials"],
        "verdict": report["verdict"][0],
        "verdict_reason": report["verdict_reason"][0],
        "scores": {name: value for name, value in report.select("metric", "value").iter_rows()},
        "calibration": {**json.loads(row["calibration"]), **_calibration(oos)},
        "limits": list(LIMITS),
    }


def _calibration(oos: pl.DataFrame) -> dict[str, Any]:
    """Brier score and reliability of the out-of-sample probabilities over all paths."""
    chance = oos["prediction"].to_numpy()
    up = (oos["gross_return"].to_numpy() > 0).astype(np.float64)
    curve = [[one.predicted, one.observed, one.rows] for one in reliability(chance, up)]
    base = np.full(len(up), up.mean())
    return {
        "brier": brier(chance, up, np.ones(len(up))),
        "brier_of_base_rate": brier(base, up, np.ones(len(up))),
        "reliability": curve,
    }


def card_text(card: Mapping[str, Any]) -> str:
    """The card as plain text."""
    data, calibration = card["data"], card["calibration"]
    market = "SIMULATED market" if card["simulated"] else "market"
    shown = [f"  {name:<26} {value:+.4f}" for name, value in card["scores"].items() if value is not None]
    curve = [
        f"  predicted {said:.3f}, rose {seen:.3f} of {rows}"
        for said, seen, rows in calibration["reliability"]
    ]
    return "\n".join(
        [
            f"Model {card['model_id']}: {card['algorithm']} for {card['instrument']} ({market})",
            f"Data: {data['rows']} bars of {data['sessions']} sessions, {data['first_session']} to "
            f"{data['last_session']}, fingerprint {data['fingerprint']}",
            f"Parameters: {json.dumps(card['parameters'], sort_keys=True)}, seed {card['seed']}",
            f"Features: {len(card['features'])} ({', '.join(card['features'][:6])}, ...)",
            f"Tried beside it: {card['trials_of_this_training']} configurations in this training",
            f"Verdict: {card['verdict']}: {card['verdict_reason']}",
            "Scores out of sample:",
            *shown,
            f"Calibration: {calibration['method']}; Brier {calibration['brier']:.4f}, "
            f"base rate {calibration['brier_of_base_rate']:.4f}",
            *curve,
            "Limits:",
            *(f"  {limit}" for limit in card["limits"]),
        ]
    )
