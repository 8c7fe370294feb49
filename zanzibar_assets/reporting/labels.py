"""The words that screens, reports and pages share: directions, model verdicts, warning labels."""

from __future__ import annotations

import json
from collections.abc import Mapping

DIRECTION = {1: "buy", -1: "sell"}
MODEL_WORDS = {
    "promote": "APPROVED",
    "hold": "NOT APPROVED (hold)",
    "reject": "NOT APPROVED (rejected)",
    "insufficient_history": "NO MODEL (too little history)",
}


def marks(row: Mapping[str, object]) -> str:
    """The warnings that belong to the line of a signal, an order or a deal."""
    found = ["SIMULATED"] if row.get("simulated") else []
    found += ["UNAPPROVED"] if row.get("approved") is False else []
    found += ["spread assumed"] if row.get("spread_assumed") else []
    return ", ".join(found)


def fate(row: Mapping[str, object]) -> str:
    """A signal's status and reason as one sentence, the status once."""
    status, reason = str(row["status"]), str(row["reason"])
    return reason if reason.startswith(status) else f"{status}: {reason}"


def because(row: Mapping[str, object], most: int = 3) -> str:
    """The leading reasons of a model's signal, from its evidence, as a sentence; empty without any.

    Each reason: the feature, its value at the bar, what it adds to the log-odds of a rise.
    """
    told = json.loads(str(row.get("evidence") or "{}")).get("reasons", [])[:most]
    said = [
        f"{one['feature']} {'unknown' if one['value'] is None else format(one['value'], '.4g')} "
        f"({one['contribution']:+.3f})"
        for one in told
    ]
    return f". Because of {', '.join(said)}" if said else ""
