"""The view of a narrative: direction with a score, conviction, whether to trade at all."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from zanzibar_assets.narrative.conditions import Scenario
from zanzibar_assets.narrative.grammar import load_grammar
from zanzibar_assets.narrative.lexicon import Cue, Lexicon, cues
from zanzibar_assets.narrative.page import Page, Span
from zanzibar_assets.narrative.roles import Setting

_THRESHOLD = 0.9
_DOMINANCE = 0.3
_STATE = {"above": 0.8, "unless_below": 0.8, "below": -0.8, "unless_above": -0.8}
_SCALE = 3.0


def _grammar(name: str) -> re.Pattern[str]:
    return load_grammar().bias[name]


@dataclass(frozen=True, slots=True)
class View:
    """What a narrative thinks of one market; ``score`` in [-1, 1]."""

    bias: str
    score: float
    conviction: str
    no_trade: bool
    uncertainty: str


def read_view(
    page: Page,
    spans: Sequence[Span],
    settings: Sequence[Setting],
    roles: Sequence[str],
    scenarios: Sequence[Scenario],
    lexicon: Lexicon,
) -> View:
    """View of the sentences in ``spans`` (those of one market) with the levels inside them."""
    text = " ".join(page.text[s.start : s.end] for s in spans)
    no_trade = any(_plain_no_trade(page.text[s.start : s.end], lexicon) for s in spans)
    raw = sum(_sentence_score(page, span, scenarios, lexicon) for span in spans)
    raw += _geometry(settings, roles) + _balance(page, scenarios, lexicon)
    spread = sum(abs(_sentence_score(page, span, scenarios, lexicon)) for span in spans)
    if abs(raw) < _DOMINANCE * spread:
        raw *= 0.3
    mixed = lexicon.words["mixed"].search(text) is not None
    if mixed:
        raw *= 0.4
    if no_trade:
        raw *= 0.15
    bias = "long" if raw > _THRESHOLD else "short" if raw < -_THRESHOLD else "neutral"
    uncertainty = "high" if lexicon.words["uncertain"].search(text) else "medium" if scenarios else "low"
    return View(
        bias,
        round(math.tanh(raw / _SCALE), 4),
        _conviction(text, bias, no_trade, mixed, lexicon),
        no_trade,
        uncertainty,
    )


def _conviction(text: str, bias: str, no_trade: bool, mixed: bool, lexicon: Lexicon) -> str:
    if no_trade or mixed or bias == "neutral" or lexicon.words["low_conviction"].search(text):
        return "low"
    return "high" if lexicon.words["high_conviction"].search(text) else "medium"


def _plain_no_trade(sentence: str, lexicon: Lexicon) -> bool:
    """A no-trade word that does not hang on a condition (``dopoki nie`` holds now, so it counts)."""
    match = lexicon.words["no_trade"].search(sentence)
    if match is None:
        return False
    if re.search(r"(?<!\w)(?:dopoki nie|poki nie|wczesniej|do czasu)(?!\w)", sentence):
        return True
    return lexicon.conditions.search(sentence) is None and not _grammar("invalidated").search(sentence)


def _sentence_score(page: Page, span: Span, scenarios: Sequence[Scenario], lexicon: Lexicon) -> float:
    text = page.text[span.start : span.end]
    own = [s for s in scenarios if s.sentence == span]
    total = sum(_cue_score(text, cue, lexicon) for cue in _outermost(text, lexicon))
    if lexicon.words["base_case"].search(text):
        total *= 1.5
    if _grammar("only_then").search(text):
        return -0.3 * sum(
            cue.weight if cue.name == "long" else -cue.weight for cue in _outermost(text, lexicon)
        )
    if _grammar("past").search(text) and not _grammar("present").search(text):
        total *= 0.6
    if text.rstrip().endswith("?"):
        following = page.text[span.end : span.end + 40]
        total *= 1.3 if _grammar("affirmed").search(following) else 0.3
    if any(s.then in ("invalidate", "exit") for s in own) or _grammar("invalidated").search(text):
        return total * 0.1
    if own and not lexicon.words["state_condition"].search(text):
        return total * 0.45
    return total


def _outermost(text: str, lexicon: Lexicon) -> list[Cue]:
    found = sorted(cues(lexicon.bias, text), key=lambda c: (c.start - c.end, -c.weight))
    kept: list[Cue] = []
    for cue in found:
        if all(cue.end <= other.start or cue.start >= other.end for other in kept):
            kept.append(cue)
    return kept


def _cue_score(text: str, cue: Cue, lexicon: Lexicon) -> float:
    score = cue.weight if cue.name == "long" else -cue.weight
    before = re.split(r"[,;:.\n]| (?:ale|a|i|natomiast) ", text[: cue.start])[-1]
    if (
        _grammar("no_reason").search(text[: cue.start])
        or _grammar("negated_before").search(before)
        or _grammar("negated_after").search(text[cue.end :])
    ):
        return -0.7 * score
    if lexicon.words["not_yet"].match(text[cue.end :].lstrip()):
        return -0.5 * score
    return score


def _balance(page: Page, scenarios: Sequence[Scenario], lexicon: Lexicon) -> float:
    """Scenarios that all lead the same way lean that way; what holds ``as long as`` says where price is."""
    ways = {s.then for s in scenarios if s.then in ("long", "short")}
    lean = 0.0
    if len(ways) == 1:
        lean = 0.5 if ways == {"long"} else -0.5
    for scenario in scenarios:
        text = page.text[scenario.condition.start : scenario.condition.end]
        if scenario.then != "no_trade" and lexicon.words["state_condition"].search(text):
            lean += _STATE.get(scenario.trigger, 0.0)
    return lean


def _geometry(settings: Sequence[Setting], roles: Sequence[str]) -> float:
    """Targets against invalidations: the side on which the money is to be made."""
    middle = [(s.quantity.low + s.quantity.high) / 2 for s in settings]
    targets = [m for m, role in zip(middle, roles, strict=True) if role == "target"]
    stops = [m for m, role in zip(middle, roles, strict=True) if role == "invalidation"]
    if not targets or not stops:
        return 0.0
    if min(targets) > max(stops):
        return 2.2
    if max(targets) < min(stops):
        return -2.2
    return 0.0
