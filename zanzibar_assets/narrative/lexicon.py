"""The lexicon: word classes of ``lexicon.yaml`` compiled to matchers over folded text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from zanzibar_assets.config import stable_hash
from zanzibar_assets.errors import ConfigError

LEXICON_FILE = Path(__file__).with_name("lexicon.yaml")


@dataclass(frozen=True, slots=True)
class Cue:
    """One match of a word class in folded text: half-open offsets, what it names, how strongly."""

    start: int
    end: int
    name: str
    weight: float


@dataclass(frozen=True, slots=True)
class Market:
    """One market: its id in documents and the range of prices that can be meant."""

    id: str
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Compiled classes; ``version`` names the file's version and content."""

    version: str
    markets: Mapping[str, Market]
    market_names: tuple[tuple[str, float, re.Pattern[str]], ...]
    fallback_names: tuple[tuple[str, float, re.Pattern[str]], ...]
    roles: tuple[tuple[str, float, re.Pattern[str]], ...]
    bias: tuple[tuple[str, float, re.Pattern[str]], ...]
    relations: Mapping[str, re.Pattern[str]]
    words: Mapping[str, re.Pattern[str]]
    conditions: re.Pattern[str]
    negations: re.Pattern[str]
    events: tuple[tuple[str, float, re.Pattern[str]], ...]
    sessions: Mapping[str, re.Pattern[str]]
    horizons: Mapping[str, re.Pattern[str]]


def one_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Any of the patterns as whole words (longer ones first where they overlap)."""
    ordered = sorted(patterns, key=len, reverse=True)
    return re.compile(r"(?<!\w)(?:" + "|".join(ordered) + r")(?!\w)")


def cues(classes: Iterable[tuple[str, float, re.Pattern[str]]], text: str) -> Iterator[Cue]:
    """All matches of weighted classes in folded text."""
    for name, weight, pattern in classes:
        for match in pattern.finditer(text):
            yield Cue(match.start(), match.end(), name, weight)


def _weighted(
    section: Mapping[str, Mapping[Any, list[str]]],
) -> tuple[tuple[str, float, re.Pattern[str]], ...]:
    return tuple(
        (name, float(weight), one_of(patterns))
        for name, by_weight in section.items()
        for weight, patterns in by_weight.items()
    )


def _plain(section: Mapping[str, list[str]]) -> dict[str, re.Pattern[str]]:
    return {name: one_of(patterns) for name, patterns in section.items()}


@cache
def load_lexicon(path: Path = LEXICON_FILE) -> Lexicon:
    """Lexicon of a YAML file; ConfigError when it cannot be used."""
    try:
        raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        markets = {
            k: Market(k, float(v["range"][0]), float(v["range"][1])) for k, v in raw["instruments"].items()
        }
        return Lexicon(
            version=f"{raw['version']}-{stable_hash(raw)}",
            markets=markets,
            market_names=tuple((k, 1.0, one_of(v["names"])) for k, v in raw["instruments"].items()),
            fallback_names=tuple(
                (k, 1.0, one_of(v["fallback"])) for k, v in raw["instruments"].items() if "fallback" in v
            ),
            roles=_weighted(raw["roles"]),
            bias=_weighted(raw["bias"]),
            relations=_plain(raw["relations"]),
            words=_plain(raw["words"]),
            conditions=one_of(raw["conditions"]),
            negations=one_of(raw["negations"]),
            events=tuple((k, 1.0, one_of(v)) for k, v in raw["events"].items()),
            sessions=_plain(raw["sessions"]),
            horizons=_plain(raw["horizons"]),
        )
    except (OSError, yaml.YAMLError, re.error, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path} cannot be used as a lexicon", got=f"{type(error).__name__}: {error}"
        ) from error
