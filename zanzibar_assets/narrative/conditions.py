"""Conditions and scenarios: what must happen, at which level, and what then."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from zanzibar_assets.narrative.grammar import load_grammar
from zanzibar_assets.narrative.lexicon import Lexicon, cues
from zanzibar_assets.narrative.page import Page, Span
from zanzibar_assets.narrative.roles import Setting

_DIRECTION_WORD = re.compile(r"(?<!\w)(gora|dolem)(?!\w)")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One condition with its evidence and consequence."""

    condition: Span
    trigger: str
    level: float | None
    event: str | None
    then: str
    targets: tuple[float, ...]
    sentence: Span


def find_scenarios(
    page: Page, settings: Sequence[Setting], roles: Sequence[str], lexicon: Lexicon
) -> list[Scenario]:
    """Scenarios in reading order."""
    found: list[Scenario] = []
    for sentence in page.sentences:
        starts = _condition_starts(page, sentence, lexicon)
        for index, start in enumerate(starts):
            end = starts[index + 1] if index + 1 < len(starts) else sentence.end
            found.append(_scenario(page, Span(start, end), sentence, settings, roles, lexicon))
    return found


def _condition_starts(page: Page, sentence: Span, lexicon: Lexicon) -> list[int]:
    text = page.text[sentence.start : sentence.end]
    starts = [m.start() for m in lexicon.conditions.finditer(text)]
    if load_grammar().conditions["follows"].search(text):
        for match in load_grammar().conditions["opening"].finditer(text):
            begin = match.start() + len(match.group()) - len(match.group().lstrip(" .,;:\n-"))
            starts.append(begin)
        starts.extend(m.start() for m in _DIRECTION_WORD.finditer(text) if _leads(text, m.start()))
    spaced: list[int] = []
    for start in sorted(starts):
        if not spaced or page.tokens_between(spaced[-1] + sentence.start, start + sentence.start) > 5:
            spaced.append(start)
    return [start + sentence.start for start in spaced]


def _leads(text: str, position: int) -> bool:
    return text[:position].strip(" ,-") == "" or text[:position].rstrip().endswith(",")


def _scenario(
    page: Page,
    body: Span,
    sentence: Span,
    settings: Sequence[Setting],
    roles: Sequence[str],
    lexicon: Lexicon,
) -> Scenario:
    split = load_grammar().conditions["consequence"].search(page.text, body.start + 6, body.end)
    condition = Span(body.start, _trimmed_end(page.text, body.start, split.start() if split else body.end))
    text = page.text[condition.start : condition.end]
    inside = [
        (s.quantity, role)
        for s, role in zip(settings, roles, strict=True)
        if body.start <= s.quantity.start < body.end
    ]
    own = [q for q, _ in inside if q.start < condition.end]
    targets = tuple(q.low for q, role in inside if q.start >= condition.end and role == "target")
    level = own[0].high if own else None
    event = next((cue.name for cue in cues(lexicon.events, text)), None)
    consequence = page.text[sentence.start : condition.start] + " " + page.text[condition.end : body.end]
    then = consequence_of(consequence, lexicon, level, targets)
    if own and roles[[s.quantity for s in settings].index(own[0])] == "invalidation":
        then = "exit" if re.search(r"wychodz|zamykam|tne|uciekam", consequence) else "invalidate"
    return Scenario(condition, _trigger(text, level, event), level, event, then, targets, sentence)


def _trimmed_end(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1] in " \n.,;:-!?":
        end -= 1
    return end


def _trigger(text: str, level: float | None, event: str | None) -> str:
    unless = re.search(r"(?<!\w)(?:chyba ze|(?:jesli|jezeli|dopoki|poki|jak)\b.*\bnie\b)", text) is not None
    down = re.search(
        r"(?<!\w)(?:pod|ponizej|zejd\w*|zejsci\w*|dol\w*|spad\w*|pek\w*|zlam\w*|utra\w*)(?!\w)", text
    )
    prefix = "unless_" if unless else ""
    if level is None and event is not None:
        strength = re.search(r"(slab|mocn)\w+", text)
        return f"event_{'weak' if strength[1] == 'slab' else 'strong'}" if strength else "event"
    if (
        re.search(
            r"(?<!\w)(?:wybi\w+|przebi\w+|przelam\w+|pokona\w*|sforsow\w+|otwier\w*|gora|dolem|zejsci\w+)(?!\w)",
            text,
        )
        and not unless
    ):
        return "break_down" if down else "break_up"
    if down:
        return prefix + "below"
    if re.search(r"(?<!\w)(?:nad|ponad|powyzej|trzym\w*|utrzym\w*|wroc\w*|wyj\w*|wybij\w*|gora)(?!\w)", text):
        return prefix + "above"
    if level is None and re.search(r"\d{1,2}[:.]\d\d|poludni|jutro|otwarci", text):
        return "time"
    return "at"


def consequence_of(text: str, lexicon: Lexicon, level: float | None, targets: Sequence[float]) -> str:
    """What follows a condition: long, short, no_trade, invalidate, exit, wait or follow."""
    if lexicon.words["invalidates"].search(text):
        return "exit" if re.search(r"wychodz|zamykam|tne|uciekam", text) else "invalidate"
    if lexicon.words["no_trade"].search(text):
        return "no_trade"
    score = sum(c.weight for c in cues(lexicon.bias, text) if c.name == "long")
    score -= sum(c.weight for c in cues(lexicon.bias, text) if c.name == "short")
    if level is not None and targets:
        score += 2.0 if targets[0] > level else -2.0
    if score > 0:
        return "long"
    if score < 0:
        return "short"
    return "wait" if re.search(r"zobacz|czeka|poczek", text) else "follow"
