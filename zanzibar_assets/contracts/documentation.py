"""The contracts in words: ``docs/data-contracts.md`` is this module's output, held by a test.

Write it anew after a change:  python -m zanzibar_assets.contracts.documentation docs/data-contracts.md
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from zanzibar_assets.contracts.registry import TABLES, TableContract, schema_of
from zanzibar_assets.vocabulary import Grain

HEAD = """# Data contracts

Made from `zanzibar_assets/contracts/` by `python -m zanzibar_assets.contracts.documentation`; a test
holds it to the code. Every stored table has a contract with a version. A partition whose frame
breaks it gets the verdict `failed`, and nothing downstream is built from it.

`event_ts` says when a thing happened, `known_at` when it first could be known (never earlier); both
in UTC microseconds. Columns ending in `_ticks` are integer ticks of the instrument; a price stands
beside where people read it. A frame holds exactly these columns, in this order.
"""
GRAIN_WORDS = {
    Grain.MARKET: "a partition is one instrument's session",
    Grain.SESSION: "a partition is one session, all instruments",
    Grain.INSTRUMENT: "a partition is one instrument",
}


def contracts_markdown() -> str:
    """The document: a section a stage, a table of columns a contract, in the order of the graph."""
    parts = [HEAD]
    for stage, members in groupby(TABLES.values(), key=lambda contract: contract.stage):
        parts.append(f"## {stage.value}\n")
        parts += [_contract(member) for member in members]
    return "\n".join(parts)


def _contract(contract: TableContract) -> str:
    model = getattr(import_module(f"zanzibar_assets.contracts.{contract.module}"), contract.model)
    said = inspect.cleandoc(model.__doc__ or "")
    grain = GRAIN_WORDS[contract.grain]
    lines = [f"### {contract.table}\n", f"Version {contract.version}; {grain}.\n", f"{said}\n"]
    lines += ["| column | type | null | holds |", "|---|---|---|---|"]
    schema = schema_of(contract.table)
    lines += [_column(name, column) for name, column in schema.columns.items()]
    laws = [str(check.error) for check in schema.checks if check.error]
    if laws:
        lines += ["", "Broken when: " + "; ".join(sorted(laws)) + "."]
    return "\n".join([*lines, ""])


def _column(name: str, column: Any) -> str:
    checks = "; ".join(_check_words(column))
    kind = str(column.dtype.type).replace("Datetime(time_unit='us', time_zone='UTC')", "UTC microseconds")
    return f"| {name} | {kind} | {'yes' if column.nullable else ''} | {checks} |"


def _check_words(column: Any) -> Iterator[str]:
    words = {
        "greater_than": ">",
        "greater_than_or_equal_to": ">=",
        "less_than": "<",
        "less_than_or_equal_to": "<=",
    }
    for check in column.checks:
        values = check.statistics or {}
        if check.name == "isin":
            yield "one of " + ", ".join(f"`{value}`" for value in values["allowed_values"])
        elif check.name in words:
            yield f"{words[check.name]} {next(iter(values.values()))}"
        else:
            yield str(check.error or check.name)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(contracts_markdown(), encoding="utf-8")
