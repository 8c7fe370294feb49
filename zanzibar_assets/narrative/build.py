"""Builds the ``narratives`` table: parsed documents, one row a narrative and market."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.narrative.parser import parse_narrative

_COPIED = ("event_ts", "known_at", "narrative_id", "author", "simulated")


def build_narratives(raw: pl.DataFrame, last_prices: Mapping[str, float]) -> pl.DataFrame:
    """Narratives frame of a RawNarratives frame.

    ``last_prices`` by narrative market id, each known before the session's first narrative; each
    row depends on its own narrative and on these prices only.
    """
    if raw.is_empty():
        return empty("narratives")
    rows = [row for item in raw.iter_rows(named=True) for row in _rows(item, last_prices)]
    frame = pl.DataFrame(rows, schema_overrides={"instrument": pl.String, "horizon": pl.String})
    return conform("narratives", frame)


def _rows(item: Mapping[str, Any], last_prices: Mapping[str, float]) -> list[dict[str, Any]]:
    document = parse_narrative(
        item["narrative_id"], item["text"], item["event_ts"], item["author"], last_prices
    )
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    primary = document["instrument"]
    rows: list[dict[str, Any]] = []
    for view in document["views"]:
        levels = [
            level for level in document["levels"] if (level["instrument"] or primary) == view["instrument"]
        ]
        rows.append(
            {
                **{name: item[name] for name in _COPIED},
                "instrument": view["instrument"],
                "bias": view["bias"],
                "bias_score": view["score"],
                "conviction": view["conviction"],
                "conditional": document["conditional"],
                "no_trade": view["no_trade"],
                "horizon": view["horizon"],
                "levels": len(levels),
                "warnings": len(document["warnings"]),
                "document": text,
                "text_sha256": item["sha256"],
                "parser_version": "+".join(document["versions"].values()),
            }
        )
    return rows
