"""How much of what is stored `zanzibar doctor` reads again: all of it, or a sample of so many bytes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

Stored = TypeVar("Stored")

CHECKED_BYTES = 500_000_000
"""Without --full: as much as a doctor reads of each store in a few seconds."""


def to_check(
    items: Sequence[Stored], size_of: Callable[[Stored], int], seed: int, *, full: bool
) -> list[Stored]:
    """All items when they are under CHECKED_BYTES together or ``full``; else a random sample under it.

    The order is drawn with ``seed``; an item that does not fit is passed over, and at least one is taken.
    """
    if full or sum(map(size_of, items)) < CHECKED_BYTES:
        return list(items)
    drawn = random.Random(seed).sample(list(items), len(items))
    chosen, room = [], CHECKED_BYTES
    for item in drawn:
        if size_of(item) <= room:
            chosen.append(item)
            room -= size_of(item)
    return chosen or drawn[:1]


def extent(checked: int, stored: int, what: str) -> str:
    """``all 41 partitions`` or ``20 of 41 partitions ... (a sample ...)``, for the doctor's line."""
    if checked == stored:
        return f"all {stored} {what} hashed again"
    return f"{checked} of {stored} {what} hashed again (a sample, another each time; --full hashes all)"
