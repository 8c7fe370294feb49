"""One narrative prepared for the rules: folded and masked text, tokens, sentences, clauses, markets."""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from zanzibar_assets.narrative.fold import Folded, fold
from zanzibar_assets.narrative.lexicon import Cue, Lexicon, Market, cues
from zanzibar_assets.narrative.masks import mask

_ABBREVIATION = re.compile(
    r"(?:tys|pkt|ok|tzn|np|tj|godz|r|m\.in|m|in|ws|proc|sw|itd|itp|im|ul|nr|vs|tzw|j|zob|por|min|max|pn|wt|sr|czw|pt)$"
)
_BREAK = re.compile(r"[.!?…]+(?=[\s)\"]|$)|\n+|;")
_COMPARISON = re.compile(
    r"(?<!\w)(?:niz|jak|podobnie jak|w slad za|za|wobec|vs\.?|razem z|korelacj\w+ z|jako) $"
)
_SOFT = re.compile(
    r",(?!\d)|(?<!\d) - | - (?!\d)|: |\(|\)| (?:ale|natomiast|jednak|zas|lecz|a|wiec|bo|gdyz|czyli|to) "
)


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open offsets into folded text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Page:
    """What the rules read; all offsets are of ``text`` (folded), ``folded`` leads back to the raw text."""

    folded: Folded
    text: str
    masked: str
    token_starts: tuple[int, ...]
    sentences: tuple[Span, ...]
    soft_breaks: tuple[int, ...]
    mentions: tuple[Cue, ...]
    markets: Mapping[str, Market]

    def sentence_at(self, position: int) -> Span:
        """Sentence that holds a position."""
        index = bisect.bisect_right([s.start for s in self.sentences], position) - 1
        return self.sentences[max(index, 0)]

    def tokens_between(self, first: int, second: int) -> int:
        """Tokens between two positions."""
        low, high = sorted((first, second))
        return bisect.bisect_left(self.token_starts, high) - bisect.bisect_left(self.token_starts, low)

    def breaks_between(self, first: int, second: int) -> int:
        """Clause borders between two positions."""
        low, high = sorted((first, second))
        return bisect.bisect_left(self.soft_breaks, high) - bisect.bisect_left(self.soft_breaks, low)

    def markets_at(self, position: int) -> list[Market]:
        """Markets that a position may speak of, likeliest first.

        The last one named before it in its sentence, then the last one that opened a sentence, then
        the others; a market named for comparison (``gorzej niz BTC``) comes last.
        """
        sentence = self.sentence_at(position)
        before = [m for m in reversed(self.mentions) if m.start <= position and not self._compared(m)]
        near = [m for m in before if m.start >= sentence.start]
        opening = [m for m in before if self._opens(m)]
        ordered = [*near, *opening, *before, *self.mentions]
        return [self.markets[name] for name in dict.fromkeys(cue.name for cue in ordered)]

    def _compared(self, mention: Cue) -> bool:
        return _COMPARISON.search(self.text[: mention.start]) is not None

    def _opens(self, mention: Cue) -> bool:
        sentence = self.sentence_at(mention.start)
        return self.tokens_between(sentence.start, mention.start) <= 3 or mention == self.mentions[0]

    def market_of_sentence(self, sentence: Span) -> str | None:
        """Market that a sentence speaks of: the first it names, else the last named before it."""
        inside = next((m.name for m in self.mentions if sentence.start <= m.start < sentence.end), None)
        if inside is not None:
            return inside
        return next((market.id for market in self.markets_at(sentence.start)), None)


@cache
def _tokenizer() -> Any:
    import spacy

    return spacy.blank("pl").tokenizer


def read_page(raw: str, lexicon: Lexicon) -> Page:
    """Prepare a raw text; spaCy's blank Polish tokenizer gives the grid that distances count in."""
    folded = fold(raw)
    text = folded.text
    doc = _tokenizer()(text)
    sentences = _sentences(text)
    return Page(
        folded=folded,
        text=text,
        masked=mask(text, lexicon),
        token_starts=tuple(token.idx for token in doc if not token.is_space),
        sentences=sentences,
        soft_breaks=tuple(match.start() for match in _SOFT.finditer(text)),
        mentions=_mentions(text, lexicon),
        markets=lexicon.markets,
    )


def _sentences(text: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    start = 0
    for match in _BREAK.finditer(text):
        single = match.group() == "."
        if (
            single
            and _ABBREVIATION.search(text[start : match.start()])
            and not _opens_anew(text, match.end())
        ):
            continue
        spans.append(Span(start, match.end()))
        start = match.end()
    if start < len(text) or not spans:
        spans.append(Span(start, len(text)))
    return tuple(spans)


def _opens_anew(text: str, position: int) -> bool:
    """After an abbreviation a sentence ends only where the line does (folded text has no capitals)."""
    return text[position : position + 1] in ("", "\n")


def _mentions(text: str, lexicon: Lexicon) -> tuple[Cue, ...]:
    """Markets named, in reading order; vague names (``kontrakt``) only where no other is named."""
    named = list(cues(lexicon.market_names, text)) or list(cues(lexicon.fallback_names, text))
    found = sorted(named, key=lambda cue: (cue.start, cue.start - cue.end))
    kept: list[Cue] = []
    for cue in found:
        if not kept or cue.start >= kept[-1].end:
            kept.append(cue)
    return tuple(kept)
