"""Stretches of a narrative whose digits are no price levels: names, times, dates, rates, counts.

``mask`` replaces them by ``#`` (same length), so that the number grammar never sees them.
"""

from __future__ import annotations

import re

from zanzibar_assets.narrative.grammar import load_grammar
from zanzibar_assets.narrative.lexicon import Lexicon

_DIGIT = re.compile(r"\d")


def mask(folded: str, lexicon: Lexicon) -> str:
    """Folded text with every stretch that holds no level replaced by ``#``; same length."""
    letters = list(folded)
    for _, _, pattern in lexicon.market_names:
        for match in pattern.finditer(folded):
            if _DIGIT.search(match.group()):
                _blank(letters, match)
    for pattern in load_grammar().masks.values():
        for match in pattern.finditer("".join(letters)):
            _blank(letters, match)
    return "".join(letters)


def _blank(letters: list[str], match: re.Match[str]) -> None:
    letters[match.start() : match.end()] = "#" * (match.end() - match.start())
