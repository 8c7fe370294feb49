"""From one Polish narrative to one versioned document whose statements carry their evidence.

Rules over characters, no trained model: a number grammar, a lexicon, roles by votes. All offsets
are half-open and of the raw text. The same text gives the same document, with or without
diacritics (only the offsets' text differs).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from zanzibar_assets.narrative.bias import View, read_view
from zanzibar_assets.narrative.conditions import Scenario, find_scenarios
from zanzibar_assets.narrative.details import (
    NARRATIVE_ZONE,
    find_events,
    find_horizon,
    find_negations,
    find_session,
)
from zanzibar_assets.narrative.grammar import load_grammar
from zanzibar_assets.narrative.lexicon import Lexicon, load_lexicon
from zanzibar_assets.narrative.page import Page, Span, read_page
from zanzibar_assets.narrative.quantities import find_quantities
from zanzibar_assets.narrative.roles import Setting, assign_roles, settings_of

PARSER_VERSION = "1.0.0"
MODEL_VERSION = "rules"
SCHEMA = "pms-document/1"


def parse_narrative(
    narrative_id: str,
    text: str,
    published_at: datetime | None = None,
    author: str | None = None,
    last_prices: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Document of one narrative (JSON-able).

    ``last_prices`` maps a market's id (``ES``, ``XAUUSD`` ...) to its last close before publication;
    with it numbers that can be read in two ways are decided and far-off levels are marked.
    """
    lexicon = load_lexicon()
    page = read_page(text, lexicon)
    quantities = find_quantities(page.masked, page.markets_at, last_prices or {})
    settings = settings_of(page, quantities, lexicon)
    roles = assign_roles(page, settings, lexicon)
    scenarios = find_scenarios(page, settings, roles, lexicon)
    primary = _primary(page, settings)
    views = _views(page, primary, settings, roles, scenarios, lexicon)
    main: View = views[0][1]
    levels = [_level(page, s, role) for s, role in zip(settings, roles, strict=True)]
    return {
        "schema": SCHEMA,
        "id": narrative_id,
        "author": author,
        "published_at": published_at.isoformat() if published_at else None,
        "trading_day": _trading_day(published_at),
        "sha256": hashlib.sha256(text.encode("utf-8")).hexdigest(),
        "instrument": primary,
        "bias": main.bias,
        "bias_score": main.score,
        "conviction": main.conviction,
        "no_trade": main.no_trade,
        "conditional": bool(scenarios),
        "horizon": find_horizon(page, lexicon),
        "session": find_session(page, lexicon),
        "uncertainty": main.uncertainty,
        "levels": levels,
        "views": [_view(market, view, page, lexicon) for market, view in views],
        "scenarios": [_scenario(page, scenario) for scenario in scenarios],
        "events": find_events(page, lexicon),
        "negations": find_negations(page, lexicon),
        "warnings": _warnings(primary, levels, main, last_prices),
        "versions": {
            "parser": PARSER_VERSION,
            "lexicon": lexicon.version,
            "grammar": load_grammar().version,
            "model": MODEL_VERSION,
        },
    }


def _trading_day(published_at: datetime | None) -> str | None:
    """Date of publication where the trader sits (Warsaw)."""
    if published_at is None:
        return None
    return published_at.astimezone(ZoneInfo(NARRATIVE_ZONE)).date().isoformat()


def _primary(page: Page, settings: Sequence[Setting]) -> str | None:
    """Market that the narrative is about: most levels and mentions, the first named counting more."""
    if not page.mentions:
        return None
    weights: Counter[str] = Counter()
    weights[page.mentions[0].name] += 4
    weights.update(cue.name for cue in page.mentions)
    for setting in settings:
        if setting.quantity.market is not None:
            weights[setting.quantity.market] += 2
    order = [cue.name for cue in page.mentions]
    return max(weights, key=lambda name: (weights[name], -order.index(name)))


def _views(
    page: Page,
    primary: str | None,
    settings: Sequence[Setting],
    roles: Sequence[str],
    scenarios: Sequence[Scenario],
    lexicon: Lexicon,
) -> list[tuple[str | None, View]]:
    """View of the main market first, then of the others that have levels of their own."""
    named = dict.fromkeys(s.quantity.market for s in settings if s.quantity.market != primary)
    others = [market for market in named if market is not None]
    views: list[tuple[str | None, View]] = []
    for market in [primary, *others]:
        spans = [s for s in page.sentences if _belongs(page, s, market, primary, others)]
        mine = [i for i, s in enumerate(settings) if (s.quantity.market or primary) == market]
        own_settings, own_roles = [settings[i] for i in mine], [roles[i] for i in mine]
        own_scenarios = [s for s in scenarios if s.sentence in spans]
        views.append((market, read_view(page, spans, own_settings, own_roles, own_scenarios, lexicon)))
    return views


def _belongs(
    page: Page, sentence: Span, market: str | None, primary: str | None, others: Sequence[str]
) -> bool:
    """Sentences of markets without levels of their own colour the main market's view."""
    named = page.market_of_sentence(sentence)
    return named == market or (market == primary and named not in others)


def _level(page: Page, setting: Setting, role: str) -> dict[str, Any]:
    quantity = setting.quantity
    start, end = page.folded.raw_span(quantity.start, quantity.end)
    before = page.text[max(setting.clause.start, quantity.start - 25) : quantity.start]
    return {
        "low": quantity.low,
        "high": quantity.high,
        "role": role,
        "start": start,
        "end": end,
        "surface": page.folded.raw[start:end],
        "instrument": quantity.market,
        "relation": setting.relation,
        "approximate": quantity.approximate,
        "negated": f" {before}".find(" nie ") >= 0,
        "plausible": quantity.plausible,
    }


def _view(market: str | None, view: View, page: Page, lexicon: Lexicon) -> dict[str, Any]:
    return {
        "instrument": market,
        "bias": view.bias,
        "score": view.score,
        "conviction": view.conviction,
        "no_trade": view.no_trade,
        "horizon": find_horizon(page, lexicon),
        "session": find_session(page, lexicon),
        "uncertainty": view.uncertainty,
    }


def _scenario(page: Page, scenario: Scenario) -> dict[str, Any]:
    start, end = page.folded.raw_span(scenario.condition.start, scenario.condition.end)
    return {
        "condition": {"text": page.folded.raw[start:end], "start": start, "end": end},
        "trigger": scenario.trigger,
        "level": scenario.level,
        "event": scenario.event,
        "then": scenario.then,
        "targets": list(scenario.targets),
    }


def _warnings(
    primary: str | None, levels: Sequence[dict[str, Any]], view: View, last_prices: Mapping[str, float] | None
) -> list[str]:
    found: list[str] = []
    if primary is None:
        found.append("no market is named")
    if not levels:
        found.append("no level found")
    if primary is not None and primary not in (last_prices or {}):
        found.append(f"no last price of {primary}: plausibility of levels is not checked against the market")
    found.extend(
        f"level {level['surface']!r} is far from the last price" for level in levels if not level["plausible"]
    )
    if view.bias == "neutral" and not view.no_trade:
        found.append("no clear direction")
    return found
