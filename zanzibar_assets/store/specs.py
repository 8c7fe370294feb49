"""What a table's builder declares: code, configuration, side tables and checks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import zanzibar_assets
from zanzibar_assets.contracts.registry import TABLES, TableContract
from zanzibar_assets.vocabulary import Grain, Stage

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs

LOOK_AHEAD_CHECK = "no_look_ahead"
PROVED_STAGES = frozenset(
    {
        Stage.BARS,
        Stage.LIQUIDITY,
        Stage.STRUCTURE,
        Stage.FACTORS,
        Stage.NARRATIVE,
        Stage.FEATURES,
        Stage.MODELS,
        Stage.SIGNALS,
    }
)
Compute = Callable[["Inputs"], "pl.DataFrame | Mapping[str, pl.DataFrame]"]


@dataclass(frozen=True, slots=True)
class TableSpec:
    """How one table is built.

    ``modules`` are the package's modules whose text, with everything of the stages that they
    import, is the code version; ``sections`` the parts of the configuration that change results;
    ``side_tables`` are written beside the main one; ``checks`` names the domain checks that the
    body reports beside the contract's; ``live_always`` tables are asked of a live terminal each
    time.
    """

    table: str
    compute: Compute
    modules: tuple[str, ...]
    sections: tuple[str, ...] = ()
    side_tables: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    source: str | None = None
    live_always: bool = False

    @property
    def contract(self) -> TableContract:
        """Contract of the main table."""
        return TABLES[self.table]

    @property
    def provable(self) -> bool:
        """True for tables of a session from bars to signals: nothing that trades or reads source files."""
        return self.contract.stage in PROVED_STAGES and self.contract.grain is not Grain.INSTRUMENT

    @property
    def code_version(self) -> str:
        """Hash of the declared modules' text: any edit makes what they built stale."""
        return _code_hash(self.modules)


ROOT = Path(zanzibar_assets.__file__).parent
COUNTED = (
    "ingestion",
    "analysis",
    "narrative",
    "ml",
    "risk",
    "signals",
    "execution",
    "reporting",
    "calendars",
)
_IMPORT = re.compile(
    r"^\s*(?:from|import) zanzibar_assets\.([\w.]+)(?: import (\([^)]*\)|[^\n#]+))?", re.MULTILINE
)


@cache
def _code_hash(modules: tuple[str, ...]) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for module in sorted(_closure(modules)):
        digest.update(module.encode())
        digest.update(_text(module).encode())
    return digest.hexdigest()


def _closure(modules: tuple[str, ...]) -> set[str]:
    """The modules and everything of the stages that they import, however deep."""
    found: set[str] = set()
    waiting = [name for module in modules for name in _expand(module)]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += _imports(module)
    return found


@cache
def _imports(module: str) -> tuple[str, ...]:
    found: list[str] = []
    for target, names in _IMPORT.findall(_text(module)):
        if target.split(".")[0] not in COUNTED:
            continue
        if _path(target).is_dir():
            members = [f"{target}.{name.strip()}" for name in names.strip("( )").split(",") if name.strip()]
            found += [name for name in members if _path(name).with_suffix(".py").is_file()]
        else:
            found.append(target)
    return tuple(found)


def _expand(module: str) -> list[str]:
    path = _path(module)
    if path.is_dir():
        return [f"{module}.{file.stem}" for file in sorted(path.glob("*.py")) if file.stem != "__init__"]
    return [module]


@cache
def _text(module: str) -> str:
    return _path(module).with_suffix(".py").read_text(encoding="utf-8")


def _path(module: str) -> Path:
    return ROOT.joinpath(*module.split("."))
