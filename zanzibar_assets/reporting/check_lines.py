"""The checks of a session in lines: what passed in one, what did not each with its reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from zanzibar_assets.reporting.groups import MOST_NAMED, grouped

if TYPE_CHECKING:
    from zanzibar_assets.reporting.session import SessionInputs

Line = tuple[str, str, str]
Stopped = tuple[str, str, str]
_OF_AN_INPUT = re.compile(r"(\w+ \S+) is (?:blocked|failed)")


def stopping(inputs: SessionInputs) -> list[str]:
    """Partitions of which a blocking check said no."""
    return [name for name, own in inputs.checks.items() if any(c.blocking and not c.passed for c in own)]


def not_built(inputs: SessionInputs) -> str:
    """End of the verdict that names the first partitions that were stopped; nothing when none was."""
    if not inputs.stopped:
        return ""
    causes, held = _split(inputs)
    named = [f"{table} {key}" for table, key, _ in causes or held][:MOST_NAMED]
    more = len(inputs.stopped) - len(named)
    return f". Not built: {', '.join(named)}" + (f" and {more} more" if more else "")


def check_lines(inputs: SessionInputs) -> Iterator[Line]:
    """(section, item, value): the count, what said no, what was stopped or never built, what passed."""
    outcomes = [check for own in inputs.checks.values() for check in own]
    passed = [check.name for check in outcomes if check.passed]
    yield ("checks", "summary", f"{len(passed)} of {len(outcomes)} checks passed")
    for name in sorted(inputs.checks):
        for check in inputs.checks[name]:
            if not check.passed:
                word = "stopped" if check.blocking else "warned"
                yield ("checks", f"{name} {check.name}", f"{word}: {check.detail}")
    causes, held = _split(inputs)
    for where, why in grouped(causes):
        yield ("checks", f"stopped: {where}", why)
    if held:
        yield ("checks", "held back by these", _by_partition((table, key) for table, key, _ in held))
    if inputs.never_built:
        yield ("checks", "never built", _by_partition(inputs.never_built))
    if passed:
        counted = [f"{name} ({count})" for name, count in Counter(passed).most_common()]
        yield ("checks", "passed, with partitions", ", ".join(counted))


def _split(inputs: SessionInputs) -> tuple[list[Stopped], list[Stopped]]:
    """Partitions that were stopped by something of their own, and those that wait for such a one."""
    bad = set(stopping(inputs)) | {f"{table} {key}" for table, key, _ in inputs.stopped}
    causes: list[Stopped] = []
    held: list[Stopped] = []
    for item in inputs.stopped:
        named = _OF_AN_INPUT.match(item[2])
        (held if named is not None and named[1] in bad else causes).append(item)
    return causes, held


def _by_partition(found: Iterable[tuple[str, str]]) -> str:
    tables: dict[str, list[str]] = {}
    for table, key in found:
        tables.setdefault(key, []).append(table)
    return "; ".join(f"{key}: {', '.join(own)}" for key, own in tables.items())
