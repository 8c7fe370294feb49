"""Which instants a proof cuts at: exactly where rows become known, spread over the session; some elsewhere.

A row that uses what comes after it is seen at a cut that lies at its ``known_at``, where it is compared
and its future is gone. What a row that later vanishes said is seen at cuts where no row is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain, pairwise, zip_longest
from typing import TYPE_CHECKING

from zanzibar_assets.vocabulary import KNOWN_AT

if TYPE_CHECKING:
    import polars as pl

CONFIDENCE = 0.95
ELSEWHERE_EACH, MOST_ELSEWHERE = 4, 100
"""One further cut for so many at rows, and no more than so many."""


def choose_cuts(
    frame: pl.DataFrame, count: int | None, seed: int, until_us: int | None = None
) -> list[int]:
    """Instants in microseconds, each once; none when the frame has no row or no ``known_at``.

    First ``count`` at which rows become known, one of each of ``count`` stretches with equally many of
    such instants, in random order (None: every one). Then a quarter as many others in turns: at
    a row of each kind; anywhere up to ``until_us`` (the session's end), before the first row, and
    between rows. Fewer when there are not so many.
    """
    if KNOWN_AT not in frame.columns or frame.height == 0:
        return []
    source = random.Random(seed)
    known = frame[KNOWN_AT].dt.epoch("us").unique().sort().to_list()
    chosen = known if count is None or count >= len(known) else _spread(known, count, source)
    wanted = len(chosen) + min((count or len(known)) // ELSEWHERE_EACH, MOST_ELSEWHERE)
    found = dict.fromkeys(chosen)
    for at in _elsewhere(frame, known, until_us, source):
        if len(found) >= wanted:
            break
        found[at] = None
    return list(found)


def least_share_seen(cuts: int) -> float:
    """Share of rows that must leak for ``cuts`` cuts at rows to meet one of them with 95 %.

    ``1 - (1 - p)**cuts >= 0.95``; one of each stretch meets one at least as often as so many
    independent ones. 1.0 without a cut.
    """
    return 1.0 - float((1.0 - CONFIDENCE) ** (1.0 / cuts)) if cuts else 1.0


def _spread(known: list[int], count: int, source: random.Random) -> list[int]:
    """``count`` of the instants: a random place of each of as many stretches of equal length."""
    width = len(known) / count
    places = {min(int((stretch + source.random()) * width), len(known) - 1) for stretch in range(count)}
    # Two stretches may meet in one place: another takes the seat, which makes a leak only easier to see.
    rest = sorted(set(range(len(known))) - places)
    places.update(source.sample(rest, count - len(places)))
    found = [known[place] for place in sorted(places)]
    source.shuffle(found)
    return found


def _elsewhere(
    frame: pl.DataFrame, known: list[int], until_us: int | None, source: random.Random
) -> Iterator[int]:
    between = [(a + b) // 2 for a, b in pairwise(known)]
    sorts = (
        _of_each_kind(frame, source),
        _later(known[0], until_us, source),
        chain([known[0] - 1], source.sample(between, min(len(between), MOST_ELSEWHERE))),
    )
    return (at for turn in zip_longest(*sorts) for at in turn if at is not None)


def _of_each_kind(frame: pl.DataFrame, source: random.Random) -> list[int]:
    """A random row of each kind of event, the kinds in random order."""
    import polars as pl

    if "kind" not in frame.columns:
        return []
    stamps = frame.select(at=pl.col(KNOWN_AT).dt.epoch("us"), kind=pl.col("kind"))
    groups = sorted(stamps.partition_by("kind", as_dict=True).items())
    found = [source.choice(group["at"].sort().to_list()) for _, group in groups]
    source.shuffle(found)
    return found


def _later(first_us: int, until_us: int | None, source: random.Random) -> list[int]:
    if until_us is None or until_us <= first_us:
        return []
    return [source.randrange(first_us, until_us) for _ in range(MOST_ELSEWHERE)]
