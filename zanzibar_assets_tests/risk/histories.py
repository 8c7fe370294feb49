"""Bars histories and model results made by hand or from a seed for the tests of risk."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from zanzibar_assets.contracts.registry import conform, empty

UTC = UTC
BARS_A_SESSION = 4


def bars_of(sessions: dict[str, list[tuple[float, float]]]) -> pl.DataFrame:
    """Bars with a session column from (open, close) pairs a session."""
    rows = []
    for key, bars in sessions.items():
        start = datetime.fromisoformat(key).replace(tzinfo=UTC, hour=10)
        for number, (opened, closed) in enumerate(bars):
            moment = start + timedelta(minutes=number)
            rows.append((key, moment, moment + timedelta(minutes=1), opened, closed))
    schema = {
        "session": pl.String,
        "event_ts": pl.Datetime("us", "UTC"),
        "known_at": pl.Datetime("us", "UTC"),
        "open": pl.Float64,
        "close": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def random_history(sessions: int, seed: int, sigma: float = 0.002, overnight: float = 0.003) -> pl.DataFrame:
    """A random walk of sessions on consecutive days."""
    rng = np.random.default_rng(seed)
    price, made = 100.0, {}
    for day in range(sessions):
        price *= float(np.exp(overnight * rng.standard_normal()))
        bars = []
        for _ in range(BARS_A_SESSION):
            opened = price
            price *= float(np.exp(sigma * rng.standard_normal()))
            bars.append((opened, price))
        made[(date(2020, 1, 1) + timedelta(days=day)).isoformat()] = bars
    return bars_of(made)


def verdict(name: str) -> pl.DataFrame:
    """A validation report of one metric with that verdict."""
    row = {
        "model_id": "m", "metric": "dsr", "value": 0.97, "threshold": 0.95, "passed": True, "detail": "",
        "verdict": name, "verdict_reason": "made for a test", "validated_through": "2020-03-01",
    }  # fmt: skip
    return conform("validation_report", pl.DataFrame([row]))


def oos_of(returns: list[float], predictions: list[float] | None = None, cost: float = 0.0) -> pl.DataFrame:
    """Out-of-sample rows, one a day, that do not overlap; ``returns`` net of ``cost``, long side."""
    if not returns:
        return empty("model_oos")
    start = datetime(2020, 1, 1, tzinfo=UTC)
    entries = [start + timedelta(days=i) for i in range(len(returns))]
    frame = pl.DataFrame(
        {
            "event_ts": entries,
            "known_at": [entry + timedelta(hours=1) for entry in entries],
            "session": [entry.date().isoformat() for entry in entries],
            "path": [0] * len(returns),
            "prediction": predictions or [0.9] * len(returns),
            "label": [1 if value > 0 else -1 for value in returns],
            "gross_return": [value + cost for value in returns],
            "net_return": returns,
        },
        schema_overrides={"event_ts": pl.Datetime("us", "UTC"), "known_at": pl.Datetime("us", "UTC")},
    )
    return conform("model_oos", frame)
