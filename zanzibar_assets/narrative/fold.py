"""Folding of raw text for matching: lower case, no diacritics, one kind of dash, quote and space.

The folded text is what every rule reads; ``Folded.raw_span`` leads back to offsets into the raw
text, also where the raw text holds combining marks that folding drops.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_SINGLE = {"ł": "l", "Ł": "l", "−": "-", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "’": "'"}
_SINGLE |= {"„": '"', "”": '"', "“": '"', "«": '"', "»": '"', "≈": "~", "×": "x"}


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text and, for each of its characters (and its end), the offset in the raw text."""

    raw: str
    text: str
    offsets: tuple[int, ...]

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets into the raw text of ``[start, end)`` of the folded text."""
        if start >= end:
            return self.offsets[start], self.offsets[start]
        return self.offsets[start], self._end_of(end - 1)

    def _end_of(self, position: int) -> int:
        following = self.offsets[position + 1]
        last = self.offsets[position] + 1
        while last < following and unicodedata.combining(self.raw[last]):
            last += 1
        return last


def fold(raw: str) -> Folded:
    """Fold a text character by character; a character without a one-letter form stays as it is."""
    letters: list[str] = []
    offsets: list[int] = []
    for offset, char in enumerate(raw):
        if unicodedata.combining(char):
            continue
        letters.append(_folded_char(char))
        offsets.append(offset)
    offsets.append(len(raw))
    return Folded(raw, "".join(letters), tuple(offsets))


def strip_diacritics(text: str) -> str:
    """Text with Polish letters replaced by their plain forms, case kept; same length."""
    plain = {"ł": "l", "Ł": "L"}
    return "".join(plain.get(char) or _base(char) for char in text)


def _folded_char(char: str) -> str:
    if char in _SINGLE:
        return _SINGLE[char]
    if char == "\n":
        return char
    if char.isspace():
        return " "
    lowered = _base(char).lower()
    return lowered if len(lowered) == 1 else char


def _base(char: str) -> str:
    base = unicodedata.normalize("NFD", char)[:1]
    return base if base.isascii() and base.isalpha() else char
