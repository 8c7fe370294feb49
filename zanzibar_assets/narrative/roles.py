"""What a level is in a narrative: support, resistance, target, invalidation, poi or reference.

Words that name a role vote for the levels near them; votes fade with the distance in tokens, with
clause borders and with other levels in between. The preposition before a level and what the clause
says of the market (holds, breaks, was rejected) cast a vote too.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from zanzibar_assets.narrative.lexicon import Cue, Lexicon, cues
from zanzibar_assets.narrative.page import Page, Span
from zanzibar_assets.narrative.quantities import Quantity

ROLES = ("support", "resistance", "target", "invalidation", "poi", "reference")
_LIST = re.compile(
    r"(?:[\s,/;()&+]|i|oraz|lub|albo|a|potem|pozniej|dalej|nastepn\w+|kolejn\w+|nawet|ewentualnie|przy|panice|w|okolic\w*|rejon\w*|na"
    r"|poziom\w*|pkt\.?|punkt\w*|do|usd|dolar\w*|dol|takze|rowniez|strefa|strefe|wyzej|nizej|najpierw|po|drodze|dopiero|tez|az)*"
)
_FADE_TOKENS = 5.0
_BEHIND = 0.45
_CLAUSE = 0.62
_OTHER_LEVEL = 0.4
_LISTED = 0.85


@dataclass(frozen=True, slots=True)
class Setting:
    """A level in its sentence: relation to price (``above``, ``below`` ... or None) and its clause."""

    quantity: Quantity
    sentence: Span
    relation: str | None
    clause: Span


def settings_of(page: Page, quantities: Sequence[Quantity], lexicon: Lexicon) -> list[Setting]:
    """Each level with its sentence, clause and relation."""
    found = []
    for quantity in quantities:
        sentence = page.sentence_at(quantity.start)
        found.append(
            Setting(
                quantity,
                sentence,
                _relation(page, quantity, lexicon),
                clause_of(page, sentence, quantity.start),
            )
        )
    return found


def clause_of(page: Page, sentence: Span, position: int) -> Span:
    """Clause of a sentence around a position (between clause borders)."""
    inside = [b for b in page.soft_breaks if sentence.start <= b < sentence.end]
    start = max((b for b in inside if b < position), default=sentence.start)
    end = min((b for b in inside if b > position), default=sentence.end)
    return Span(start, end)


def _relation(page: Page, quantity: Quantity, lexicon: Lexicon) -> str | None:
    before = page.text[max(0, quantity.start - 40) : quantity.start]
    border = max(before.rfind(mark) for mark in (",", ".", ";", "\n", "("))
    before = before[border + 1 :]
    best: tuple[int, str] | None = None
    for name, pattern in lexicon.relations.items():
        for match in pattern.finditer(before):
            if len(before[match.end() :].split()) <= 3 and (best is None or match.start() > best[0]):
                best = (match.start(), name)
    return best[1] if best else None


def assign_roles(page: Page, settings: Sequence[Setting], lexicon: Lexicon) -> list[str]:
    """Role of each level, in order."""
    votes_by_level = [_votes(page, settings, index, lexicon) for index in range(len(settings))]
    roles: list[str] = []
    for index, votes in enumerate(votes_by_level):
        inherited = _inherits(page, settings, index)
        if inherited and roles and max(votes.values(), default=0.0) < 1.6:
            votes[roles[-1]] += 1.5
        roles.append(_winner(votes))
    return roles


def _inherits(page: Page, settings: Sequence[Setting], index: int) -> bool:
    if index == 0 or settings[index - 1].sentence != settings[index].sentence:
        return False
    between = page.text[settings[index - 1].quantity.end : settings[index].quantity.start]
    return re.fullmatch(_LIST.pattern.replace("|i|", r"|\bi\b|"), between) is not None


def _winner(votes: dict[str, float]) -> str:
    if not votes:
        return "reference"
    return max(ROLES, key=lambda role: votes.get(role, 0.0))


def _votes(page: Page, settings: Sequence[Setting], index: int, lexicon: Lexicon) -> dict[str, float]:
    setting = settings[index]
    votes: dict[str, float] = defaultdict(float)
    base = setting.sentence.start
    text = page.text[base : setting.sentence.end]
    for cue in _longest(list(cues(lexicon.roles, text))):
        strength = cue.weight * _strength(page, settings, index, cue.start + base, cue.end + base)
        votes[cue.name] = max(votes[cue.name], strength) + 0.15 * min(votes[cue.name], strength)
    _by_relation(page, setting, lexicon, votes)
    return votes


def _longest(found: list[Cue]) -> list[Cue]:
    """Of cues that overlap keep the longest: ``strefa popytowa`` beats ``strefa``."""
    found.sort(key=lambda cue: (cue.start - cue.end, -cue.weight, cue.start))
    kept: list[Cue] = []
    for cue in found:
        if all(cue.end <= other.start or cue.start >= other.end for other in kept):
            kept.append(cue)
    return kept


def _strength(page: Page, settings: Sequence[Setting], index: int, start: int, end: int) -> float:
    quantity = settings[index].quantity
    ahead = end <= quantity.start
    near, far = (end, quantity.start) if ahead else (quantity.end, start)
    strength = math.exp(-page.tokens_between(near, far) / _FADE_TOKENS)
    strength *= _CLAUSE ** min(page.breaks_between(near, far), 3)
    if not ahead:
        strength *= _BEHIND
    between = [s.quantity for s in settings if near <= s.quantity.start and s.quantity.end <= far]
    for other in between:
        following = page.text[other.end : far] if ahead else page.text[near : other.start]
        strength *= _LISTED if _LIST.fullmatch(following.split(".")[0]) else _OTHER_LEVEL
    return strength


def _by_relation(page: Page, setting: Setting, lexicon: Lexicon, votes: dict[str, float]) -> None:
    words = lexicon.words
    sentence = page.text[setting.sentence.start : setting.sentence.end]
    clause = page.text[setting.clause.start : setting.clause.end]
    before = page.text[setting.sentence.start : setting.quantity.start]
    crossing = setting.relation in ("above", "below") or words["break_up"].search(clause) is not None
    if crossing and _invalidates(page, setting, lexicon, sentence):
        votes["invalidation"] += 4.0
    if setting.relation in ("above", "below"):
        _above_below(setting.relation, clause, before, lexicon, votes)
    elif words["break_up"].search(before[-45:]) and setting.relation is None:
        role = "support" if words["down"].search(clause) else "resistance"
        votes[role] += 1.3
    if words["completed"].search(clause) and votes.get("target", 0) > 0:
        votes["support"] += votes.pop("target")


def _invalidates(page: Page, setting: Setting, lexicon: Lexicon, sentence: str) -> bool:
    """True when the sentence says that crossing this level ends the idea."""
    offset = setting.sentence.start
    for match in lexicon.words["invalidates"].finditer(sentence):
        low, high = sorted((match.start() + offset, setting.quantity.start))
        if page.tokens_between(low, high) <= 9 and page.breaks_between(low, high) <= 2:
            return True
    return False


def _above_below(relation: str, clause: str, before: str, lexicon: Lexicon, votes: dict[str, float]) -> None:
    words = lexicon.words
    holds = words["hold"].search(clause) is not None
    if relation == "above":
        if words["failed"].search(before):
            votes["resistance"] += 2.0
        elif holds or words["return_past"].search(clause):
            votes["support"] += 1.6
        else:
            votes["resistance"] += 1.4
        return
    if words["break_up"].search(before[-40:]) and not holds:
        votes["support"] += 1.4
    else:
        votes["resistance"] += 1.4
