"""Reasons that are the same but for the partition and its numbers, said once with all they concern."""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST_NAMED = 4
_OWN_WORDS = re.compile(r"\S*\|\d{4}-\d\d-\d\d|\d+")


def grouped(reasons: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """(where, why) of (table, partition, reason), in the order in which they first come.

    Of one table, reasons that differ in nothing but partitions, instants and numbers are one: ``where`` names
    the table and its partitions (the first few), ``why`` is the first's, marked as such when others differ.
    """
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for table, partition, why in reasons:
        instrument = partition.split("|")[0]
        kind = _OWN_WORDS.sub("#", why.replace(instrument, "#"))
        groups.setdefault((table, kind), []).append((partition, why))
    return [(f"{table} {_named(p for p, _ in own)}", _said(own)) for (table, _), own in groups.items()]


def _named(partitions: Iterable[str]) -> str:
    found = list(dict.fromkeys(partitions))
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(found[:MOST_NAMED]) + more


def _said(own: list[tuple[str, str]]) -> str:
    first = own[0][1]
    return first if len({why for _, why in own}) == 1 else f"{first} (so of the first, alike of the others)"
