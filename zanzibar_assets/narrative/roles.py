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

from zanzibar_assets.narrative.grammar import load_grammar
from zanzibar_assets.narrative.lexicon import Cue, Lexicon, cues
from zanzibar_assets.narrative.page import Page, Span
from zanzibar_assets.narrative.quantities import Quantity

ROLES = ("support", "resistance", "target", "invalidation", "poi", "reference")
_LONGEST_LIST_GAP = 40
_LABEL = 3.0
_CARRIED = ("support", "resistance", "target")
_WEAK = 0.5
_FADE_TOKENS = 5.0
_BEHIND = 0.45
_APPOSED_STRENGTH = 0.75
_CLAUSE = 0.62
_OTHER_LEVEL = 0.4
_LISTED = 0.85
_CLAIM_TOKENS = 3


def _grammar(name: str) -> re.Pattern[str]:
    return load_grammar().roles[name]


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
    return _lists(between)


def _lists(between: str) -> bool:
    """True when nothing but list words stand between two levels."""
    return len(between) <= _LONGEST_LIST_GAP and _grammar("listed").fullmatch(between) is not None


def _winner(votes: dict[str, float]) -> str:
    if not votes:
        return "reference"
    return max(ROLES, key=lambda role: votes.get(role, 0.0))


def _runs_from(page: Page, settings: Sequence[Setting], index: int) -> bool:
    """True for the end of a trade that is told from start to end: ``szort spod A na B``."""
    if index == 0 or settings[index].relation != "to":
        return False
    before = settings[index - 1]
    between = page.text[before.quantity.end : settings[index].quantity.start]
    return before.relation == "from" and re.fullmatch(r"[^.,;]{0,12}(?:na|do) (?:\w+ )?", between) is not None


def _votes(page: Page, settings: Sequence[Setting], index: int, lexicon: Lexicon) -> dict[str, float]:
    setting = settings[index]
    votes: dict[str, float] = defaultdict(float)
    base = setting.sentence.start
    text = page.text[base : setting.sentence.end]
    for cue in _longest(list(cues(lexicon.roles, text))):
        strength = cue.weight * _strength(page, settings, index, cue.start + base, cue.end + base)
        votes[cue.name] = max(votes[cue.name], strength) + 0.15 * min(votes[cue.name], strength)
    _by_relation(page, setting, lexicon, votes)
    if _runs_from(page, settings, index):
        votes["target"] += 2.5
    carried = _carried(page, setting, lexicon)
    if carried is not None:
        votes[carried] += 1.7
    if max(votes.values(), default=0.0) < _WEAK:
        _by_direction(page, setting, lexicon, votes)
    return votes


def _carried(page: Page, setting: Setting, lexicon: Lexicon) -> str | None:
    """Role that a heading line, or the sentence before a continuing one, gives to what follows."""
    before = page.text[: setting.sentence.start]
    headings = list(_grammar("heading").finditer(before))
    if headings and "\n\n\n" not in before[headings[-1].end() :]:
        named = _last_label(headings[-1].group(), lexicon)
        if named is not None:
            return named
    sentence = setting.sentence
    while sentence.start > 0 and _grammar("carries").match(page.text, sentence.start):
        if _last_label(page.text[sentence.start : sentence.end], lexicon) is not None:
            return None
        sentence = page.sentence_at(sentence.start - 1)
        named = _last_label(page.text[sentence.start : sentence.end], lexicon)
        if named is not None:
            return named
    return None


def _last_label(text: str, lexicon: Lexicon) -> str | None:
    labels = [cue for cue in cues(lexicon.roles, text) if cue.weight >= _LABEL and cue.name in _CARRIED]
    return max(labels, key=lambda cue: cue.start).name if labels else None


def _by_direction(page: Page, setting: Setting, lexicon: Lexicon, votes: dict[str, float]) -> None:
    """A level named without a role: support where the talk is of falling, resistance of rising."""
    if not _grammar("level_noun").search(
        page.text[max(0, setting.quantity.start - 40) : setting.quantity.start]
    ):
        return
    sentence = page.text[setting.sentence.start : setting.sentence.end]
    down = len(lexicon.words["down"].findall(sentence))
    up = len(lexicon.words["up"].findall(sentence))
    if down != up:
        votes["support" if down > up else "resistance"] += _WEAK


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
    breaks = min(page.breaks_between(near, far), 3)
    if not ahead:
        if _claimed(page, settings, index, end):
            return 0.0
        apposed = _grammar("apposed").match(page.text, quantity.end) is not None
        strength *= _APPOSED_STRENGTH if apposed else _BEHIND
        breaks = max(breaks - apposed, 0)
    strength *= _CLAUSE**breaks
    between = [s.quantity for s in settings if near <= s.quantity.start and s.quantity.end <= far]
    for other in between:
        following = page.text[other.end : far] if ahead else page.text[near : other.start]
        strength *= _LISTED if _lists(following.split(".")[0]) else _OTHER_LEVEL
    return strength


def _claimed(page: Page, settings: Sequence[Setting], index: int, cue_end: int) -> bool:
    """True for a word behind a level that opens the next one: ``15 900, SL 15 950``."""
    if index + 1 >= len(settings):
        return False
    following = settings[index + 1].quantity
    return following.start >= cue_end and page.tokens_between(cue_end, following.start) <= _CLAIM_TOKENS


def _by_relation(page: Page, setting: Setting, lexicon: Lexicon, votes: dict[str, float]) -> None:
    """Votes of the preposition before the level and of what its clause says of the market."""
    words = lexicon.words
    clause = page.text[setting.clause.start : setting.clause.end]
    before = page.text[setting.sentence.start : setting.quantity.start]
    crossing = setting.relation in ("above", "below") or words["break_up"].search(clause) is not None
    if crossing and _invalidates(page, setting, lexicon):
        votes["invalidation"] += 4.0
    if setting.relation in ("above", "below"):
        votes[_side(setting.relation, clause, before, lexicon)] += 1.5
    elif setting.relation is None and words["break_up"].search(before[-45:]):
        votes["support" if words["down"].search(clause) else "resistance"] += 1.3
    elif setting.relation == "to" and words["ahead"].search(before):
        direct = _grammar("directly").search(before) or _grammar("moves_to").search(before)
        votes["target"] += 2.2 if direct else 0.6
    elif setting.relation == "from" and words["entry"].search(before):
        votes["poi"] += 1.2
    if words["completed"].search(clause) and votes.get("target", 0) > 0:
        votes["support"] += votes.pop("target")


def _invalidates(page: Page, setting: Setting, lexicon: Lexicon) -> bool:
    """True when the sentence says that crossing this level ends the idea."""
    offset = setting.sentence.start
    sentence = page.text[setting.sentence.start : setting.sentence.end]
    for match in lexicon.words["invalidates"].finditer(sentence):
        low, high = sorted((match.start() + offset, setting.quantity.start))
        if page.tokens_between(low, high) <= 9 and page.breaks_between(low, high) <= 2:
            return True
    return False


def _side(relation: str, clause: str, before: str, lexicon: Lexicon) -> str:
    """Support or resistance of a level that price is said to be, stay, get or fail to get beyond."""
    words = lexicon.words
    holds = words["hold"].search(clause) is not None
    failed = (
        words["failed"].search(before) is not None or _grammar("not_beyond").search(before[-40:]) is not None
    )
    if relation == "above":
        stays = holds or words["return_past"].search(clause) is not None
        return "support" if stays and not failed else "resistance"
    return "support" if words["break_up"].search(before[-40:]) and not holds else "resistance"
