"""Rows of a trace as links: what each is called and what it says in words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zanzibar_assets.reporting.labels import fate
from zanzibar_assets.reporting.trace import Link

if TYPE_CHECKING:
    from zanzibar_assets.store.manifest import PartitionRecord


@dataclass(frozen=True, slots=True)
class Found:
    """A row, the partition that holds it, and what kind of thing it is."""

    kind: str
    record: PartitionRecord
    row: dict[str, Any]


def row_link(found: Found, steps: int) -> Link:
    """The link of a row: its identifier, the partition that holds it, and what it says in words."""
    row, record = found.row, found.record
    names = {
        "deal": "deal_ticket", "order": "intent_id", "intent": "intent_id", "signal": "signal_id",
        "raw_signal": "signal_id",
    }  # fmt: skip
    kind = "order" if found.kind == "intent" else found.kind
    if record.table == "fills":
        kind = "deal"
    value = row[names[kind]] if kind in names else row["known_at"].isoformat()
    return Link(
        kind=kind,
        id=str(value),
        fingerprint=record.fingerprint,
        source=f"{record.table} {record.key}",
        steps=steps,
        detail=_describe(kind, row),
    )


def _describe(kind: str, row: dict[str, Any]) -> str:
    marks = [word for word, on in (("SIMULATED", row.get("simulated")),) if on]
    marks += ["UNAPPROVED"] if row.get("approved") is False else []
    side = {1: "buy", -1: "sell"}.get(row.get("dir", 0), "")
    match kind:
        case "deal":
            text = (
                f"{row['entry']} {row['side']} {row['volume_lots']:g} {row['mt5_symbol']} at {row['price']:g}"
            )
        case "order":
            text = f"{side} {row['volume_lots']:g} {row['mt5_symbol']}, {row['state']}: {row['reason']}"
        case "signal":
            text = f"{side} {row['instrument']}, {fate(row)}"
        case "raw_signal":
            text = f"{side} {row['instrument']} at {row['entry']:g} from {row['source']}"
        case "bar":
            text = f"close {row['close']:g}, {row['trades']} trades"
        case "prediction":
            text = f"P(up) {row['prediction']:.4f} by model {row['model_id']}"
        case _:
            text = f"{sum(v is not None for k, v in row.items()) - 2} features with a value"
    return " ".join([text, *marks])


def evidence_id(row: dict[str, Any]) -> str:
    """What a raw signal's evidence names: a zone, a model, or the signal itself."""
    facts = json.loads(row["evidence"])
    return str(facts.get("poi_id") or facts.get("model_id") or row["signal_id"])
