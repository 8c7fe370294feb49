"""Which instants a proof cuts at: seeded, most of them where rows become known, over every kind of row."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain, cycle, islice, pairwise, zip_longest
from typing import TYPE_CHECKING

from zanzibar_assets.vocabulary import KNOWN_AT

if TYPE_CHECKING:
    import polars as pl

PATTERN = ("at", "between", "at", "later", "at", "edge")
"""Order in which sorts of cuts take turns, so that the first few are a fair sample of many."""


def choose_cuts(frame: pl.DataFrame, count: int, seed: int, until_us: int | None = None) -> list[int]:
    """``count`` instants in microseconds, each once; none when the frame has no row or no ``known_at``.

    ``at``: exactly when a row became known, the kinds of events taking turns. ``between``: halfway
    to the instant before, when what comes next was not known yet. ``later``: anywhere from the first
    row to ``until_us`` (the session's end), when rows of before must be what they were. ``edge``:
    before the first row, at the last, and a microsecond before a row. Fewer when there are not so many.
    """
    if KNOWN_AT not in frame.columns or frame.height == 0:
        return []
    source = random.Random(seed)
    known = frame[KNOWN_AT].dt.epoch("us").unique().sort().to_list()
    sources = {
        "at": _at(frame, source, count),
        "between": iter(_sampled([(a + b) // 2 for a, b in pairwise(known)], source, count)),
        "later": iter(_later(known[0], until_us, source, count)),
        "edge": chain([known[-1], known[0] - 1], (at - 1 for at in _sampled(known, source, count))),
    }
    chosen: dict[int, None] = {}
    for sort in islice(cycle(PATTERN), len(PATTERN) * (count + len(PATTERN))):
        if len(chosen) == count:
            break
        found = next((at for at in sources[sort] if at not in chosen), None)
        if found is not None:
            chosen[found] = None
    return list(chosen)


def _at(frame: pl.DataFrame, source: random.Random, count: int) -> Iterator[int]:
    """Instants at which rows become known, one of each kind in turn."""
    import polars as pl

    stamps = frame.select(
        at=pl.col(KNOWN_AT).dt.epoch("us"), kind=pl.col("kind") if "kind" in frame.columns else pl.lit("")
    ).unique()
    groups = [
        _sampled(group["at"].sort().to_list(), source, count)
        for _, group in sorted(stamps.partition_by("kind", as_dict=True).items())
    ]
    source.shuffle(groups)
    return (at for turn in zip_longest(*groups) for at in turn if at is not None)


def _later(first_us: int, until_us: int | None, source: random.Random, count: int) -> list[int]:
    if until_us is None or until_us <= first_us:
        return []
    return [source.randrange(first_us, until_us) for _ in range(count)]


def _sampled(instants: list[int], source: random.Random, count: int) -> list[int]:
    return source.sample(instants, min(count, len(instants)))
