"""What a table's builder declares: code, configuration, side tables and checks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import zanzibar_assets
from zanzibar_assets.contracts.registry import TABLES, TableContract

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs

Compute = Callable[["Inputs"], "pl.DataFrame | Mapping[str, pl.DataFrame]"]


@dataclass(frozen=True, slots=True)
class TableSpec:
    """How one table is built.

    ``modules`` are the package's modules whose text is the code version; ``sections`` the parts of
    the configuration that change results; ``side_tables`` are written beside the main one;
    ``checks`` names the domain checks that the body reports beside the contract's.
    """

    table: str
    compute: Compute
    modules: tuple[str, ...]
    sections: tuple[str, ...] = ()
    side_tables: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    source: str | None = None

    @property
    def contract(self) -> TableContract:
        """Contract of the main table."""
        return TABLES[self.table]

    @property
    def code_version(self) -> str:
        """Hash of the declared modules' text: any edit makes what they built stale."""
        return _code_hash(self.modules)


@cache
def _code_hash(modules: tuple[str, ...]) -> str:
    root = Path(zanzibar_assets.__file__).parent
    digest = hashlib.blake2b(digest_size=6)
    for module in sorted(modules):
        path = root.joinpath(*module.split("."))
        files = sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        for file in files:
            digest.update(file.name.encode())
            digest.update(file.read_text(encoding="utf-8").encode())
    return digest.hexdigest()
