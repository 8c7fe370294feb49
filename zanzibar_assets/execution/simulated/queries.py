"""Filters of positions, orders and deals as the module's ``*_get`` functions take them."""

from __future__ import annotations

from typing import Any

from zanzibar_assets.execution.server_clock import server_us
from zanzibar_assets.execution.simulated import arguments
from zanzibar_assets.execution.simulated.arguments import ArgumentFault

PastRow = tuple[int, str, int, int, Any]
"""Time (UTC us), symbol, order ticket, position id and the item itself."""


def live(args: tuple[Any, ...], filters: dict[str, Any], items: list[Any]) -> list[Any]:
    """Live items by ``ticket``, ``symbol`` or ``group`` (the first one given, in this order)."""
    arguments.only_names(args)
    ordered = sorted(items, key=lambda item: item.ticket)
    if "ticket" in filters:
        return [i for i in ordered if i.ticket == filters["ticket"]]
    if "symbol" in filters:
        name = arguments.text_argument(filters["symbol"], "symbol")
        return [i for i in ordered if i.symbol == name]
    group = arguments.text_argument(filters.get("group", "*"), "group")
    return [i for i in ordered if arguments.matches_group(i.symbol, group)]


def past(args: tuple[Any, ...], filters: dict[str, Any], rows: list[PastRow]) -> list[Any]:
    """Past items by ``ticket`` or ``position``, or in a range of server time with a ``group``."""
    if not args:
        for name, column in (("ticket", 2), ("position", 3)):
            if name in filters:
                return [row[4] for row in rows if row[column] == filters[name]]
    if len(args) != 2:
        raise ArgumentFault(arguments.INVALID)
    start, stop = (arguments.epoch_seconds(value) for value in args)
    group = arguments.text_argument(filters.get("group", "*"), "group")
    return [
        row[4]
        for row in rows
        if start <= server_us(row[0]) // 1_000_000 <= stop and arguments.matches_group(row[1], group)
    ]
