"""The expressions of ``grammar.yaml``, compiled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from zanzibar_assets.config import stable_hash
from zanzibar_assets.errors import ConfigError

GRAMMAR_FILE = Path(__file__).with_name("grammar.yaml")


@dataclass(frozen=True, slots=True)
class Grammar:
    """Compiled expressions over folded text; ``version`` names the file's version and content."""

    version: str
    masks: Mapping[str, re.Pattern[str]]
    numbers: Mapping[str, re.Pattern[str]]
    conditions: Mapping[str, re.Pattern[str]]
    roles: Mapping[str, re.Pattern[str]]
    bias: Mapping[str, re.Pattern[str]]


@cache
def load_grammar(path: Path = GRAMMAR_FILE) -> Grammar:
    """Grammar of a YAML file; ConfigError when it cannot be used."""
    try:
        raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        parts: dict[str, str] = raw["parts"]
        return Grammar(
            version=f"{raw['version']}-{stable_hash(raw)}",
            masks=_compiled(raw["masks"], parts),
            numbers=_compiled(raw["numbers"], {}),
            conditions=_compiled(raw["conditions"], {}),
            roles=_compiled(raw["roles"], {}),
            bias=_compiled(raw["bias"], {}),
        )
    except (OSError, yaml.YAMLError, re.error, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{path} cannot be used as a grammar", got=reason) from error


def _compiled(section: Mapping[str, str], parts: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    return {name: re.compile(_filled(pattern, parts)) for name, pattern in section.items()}


def _filled(pattern: str, parts: Mapping[str, str]) -> str:
    for name, part in parts.items():
        pattern = pattern.replace("{" + name + "}", part)
    return pattern
