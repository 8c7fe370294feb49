"""Events, negations, session and horizon that a narrative names."""

from __future__ import annotations

import re
from typing import Any

from zanzibar_assets.narrative.lexicon import Cue, Lexicon, cues
from zanzibar_assets.narrative.page import Page

NARRATIVE_ZONE = "Europe/Warsaw"
_TIME = re.compile(r"(?<![\d.,])([0-2]?\d)[:.]([0-5]\d)(?![\d%])")
_HOUR = re.compile(r"godz\w*\.? ?([0-2]?\d)(?![\d:.,])")
_SCOPE_TOKENS = 6
_LAST_HOUR = 23
_FAR = 41
"""Letters between a time and an event from which on the two do not belong together."""


def find_events(page: Page, lexicon: Lexicon) -> list[dict[str, Any]]:
    """Calendar events with local time (Europe/Warsaw) where one stands near them, and evidence."""
    first: dict[str, Cue] = {}
    for cue in sorted(cues(lexicon.events, page.text), key=lambda c: c.start):
        first.setdefault(cue.name, cue)
    times = _times_of(page, list(first.values()))
    events: list[dict[str, Any]] = []
    for name, cue in first.items():
        start, end = page.folded.raw_span(cue.start, cue.end)
        time = times.get(name)
        zone = NARRATIVE_ZONE if time else None
        evidence = {"text": page.folded.raw[start:end], "start": start, "end": end}
        events.append({"type": name, "time": time, "zone": zone, **evidence})
    return events


def _times_of(page: Page, events: list[Cue]) -> dict[str, str]:
    """Time of each event: every time of day goes to the event nearest to it in its sentence."""
    chosen: dict[str, tuple[int, str]] = {}
    for pattern in (_TIME, _HOUR):
        for match in pattern.finditer(page.text):
            if int(match[1]) > _LAST_HOUR or page.masked[match.start()].isdigit():
                continue
            near = [
                (min(abs(match.start() - e.end), abs(e.start - match.end())), e.name)
                for e in events
                if page.sentence_at(e.start) == page.sentence_at(match.start())
            ]
            distance, name = min(near, default=(_FAR, ""))
            if distance < _FAR and distance < chosen.get(name, (_FAR, ""))[0]:
                minutes = match[2] if pattern is _TIME else "00"
                chosen[name] = (distance, f"{int(match[1])}:{minutes}")
    return {name: time for name, (_, time) in chosen.items()}


def find_negations(page: Page, lexicon: Lexicon) -> list[dict[str, Any]]:
    """Negation cues with their scope: to the clause's end, at most six tokens on."""
    found: list[dict[str, Any]] = []
    last_end = -1
    for match in lexicon.negations.finditer(page.text):
        if match.start() < last_end:
            continue
        end = _scope_end(page, match.start())
        last_end = end
        cue_start, cue_end = page.folded.raw_span(match.start(), match.end())
        start, stop = page.folded.raw_span(match.start(), end)
        cue = {"text": page.folded.raw[cue_start:cue_end], "start": cue_start, "end": cue_end}
        found.append({"text": page.folded.raw[start:stop], "start": start, "end": stop, "cue": cue})
    return found


def _scope_end(page: Page, start: int) -> int:
    sentence = page.sentence_at(start)
    border = min((b for b in page.soft_breaks if start < b < sentence.end), default=sentence.end)
    tokens = [t for t in page.token_starts if start <= t < border]
    if len(tokens) > _SCOPE_TOKENS:
        border = tokens[_SCOPE_TOKENS]
    while border > start and page.text[border - 1] in " \n.,;:-!?":
        border -= 1
    return border


def find_session(page: Page, lexicon: Lexicon) -> str | None:
    """Session named (ASIA, EU, US); the US one when several are."""
    named = [name for name, pattern in lexicon.sessions.items() if pattern.search(page.text)]
    return named[-1] if named else None


def find_horizon(page: Page, lexicon: Lexicon) -> str:
    """Horizon named, ``intraday`` when none is."""
    return next((name for name, pattern in lexicon.horizons.items() if pattern.search(page.text)), "intraday")
