"""Scores of parsed narratives against gold: levels, levels with roles, bias, conditions.

Levels of one narrative with equal ends count once and carry all roles named for them. A level that is
nothing but a reference is not asked for; found as another role it is welcome where gold allows one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass
class Tally:
    hits: int = 0
    extra: int = 0
    missed: int = 0

    @property
    def f1(self) -> float:
        found = 2 * self.hits
        return found / (found + self.extra + self.missed) if found else 0.0


@dataclass
class Figures:
    level: float
    joint: float
    bias: float
    conditional: float
    flips: int


@dataclass
class _Merged:
    low: float
    high: float
    named: set[str]
    allowed: set[str]

    def same(self, other: _Merged) -> bool:
        return all(
            abs(a - b) <= 1e-6 * max(1, abs(a)) for a, b in ((self.low, other.low), (self.high, other.high))
        )


def merged(levels: Sequence[dict[str, Any]]) -> list[_Merged]:
    found: list[_Merged] = []
    for level in levels:
        new = _Merged(
            level["low"], level["high"], {level["role"]}, {level["role"], *level.get("alt_roles", [])}
        )
        known = next((m for m in found if m.same(new)), None)
        if known is None:
            found.append(new)
        else:
            known.named |= new.named
            known.allowed |= new.allowed
    return found


def count_levels(
    gold: Sequence[dict[str, Any]], read: Sequence[dict[str, Any]], level: Tally, joint: Tally
) -> None:
    wanted = [m for m in merged(gold) if m.named != {"reference"}]
    optional = [m for m in merged(gold) if m.named == {"reference"} and m.allowed != {"reference"}]
    met = []
    for found in merged(read):
        if found.named == {"reference"}:
            continue
        hit = next((m for m in wanted if m.same(found)), None)
        if hit is not None:
            met.append(id(hit))
            right = bool(found.named & hit.allowed)
            level.hits += 1
            joint.hits += right
            joint.extra += not right
            joint.missed += not right
        elif not any(m.same(found) for m in optional):
            level.extra += 1
            joint.extra += 1
    missed = sum(id(m) not in met for m in wanted)
    level.missed += missed
    joint.missed += missed


def class_f1(pairs: Sequence[tuple[Any, Any]], name: Any) -> float:
    hits = sum(a == name == b for a, b in pairs)
    return Tally(hits, sum(b == name != a for a, b in pairs), sum(a == name != b for a, b in pairs)).f1


def figures(golds: Sequence[dict[str, Any]], documents: Sequence[dict[str, Any]]) -> Figures:
    level, joint = Tally(), Tally()
    for gold, document in zip(golds, documents, strict=True):
        count_levels(gold["levels"], document["levels"], level, joint)
    biases = [(g["bias"], d["bias"]) for g, d in zip(golds, documents, strict=True)]
    conditions = [(g["conditional"], d["conditional"]) for g, d in zip(golds, documents, strict=True)]
    return Figures(
        level.f1,
        joint.f1,
        sum(class_f1(biases, name) for name in ("long", "short", "neutral")) / 3,
        class_f1(conditions, True),
        sum({a, b} == {"long", "short"} for a, b in biases),
    )
