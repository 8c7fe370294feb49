"""The nodes of the profile so far that lie nearest to a close: levels that price may stop or run at.

Smoothing, reach and rules are those of the final profile (``profile_nodes``), over the prices traded
so far: what a later trade widens or fills is not in it. After the last trade they are its nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints, Records
from zanzibar_assets.analysis.profile import MAX_ROWS, NO_TICKS, price_rows
from zanzibar_assets.analysis.profile_nodes import MAX_REACH, MIN_REACH, ROWS_PER_REACH
from zanzibar_assets.errors import ContractError

COLUMNS = ("hvn_above_ticks", "hvn_below_ticks", "lvn_above_ticks", "lvn_below_ticks")
_RULE = np.array([ROWS_PER_REACH, MIN_REACH, MAX_REACH])


class DevelopingNodes:
    """A profile that grows with blocks of records, and the nodes nearest to the closes between them."""

    def __init__(self) -> None:
        self.lowest, self.volume = 0, np.empty(0)
        self.seen = np.zeros(3, np.int64)

    def feed(self, records: Records, ends: Ints, close_ticks: Ints) -> Ints:
        """Prices in ticks of ``COLUMNS`` as of the first ``ends[k]`` records, seen from ``close_ticks[k]``.

        ``records`` with sizes above zero, ``ends`` ascending; the smallest int64 stands for no node.
        Raises ContractError when the prices span too many ticks.
        """
        from zanzibar_assets.analysis._node_kernels import nearest_nodes

        out = np.full((len(ends), len(COLUMNS)), NO_TICKS)
        rows = np.empty(0, np.int64)
        if len(records):
            rows, lowest = price_rows(records)
            rows = self._make_room(rows, lowest)
        close = close_ticks - self.lowest
        nearest_nodes(rows, records.size, ends, close, self.volume, self.seen, _RULE, out)
        out[out != NO_TICKS] += self.lowest
        return out

    def _make_room(self, rows: Ints, lowest: int) -> Ints:
        """Widen the volumes to the prices of a block; its rows counted from the lowest of all."""
        if len(self.volume) == 0:
            self.lowest = lowest
        below = max(self.lowest - lowest, 0)
        self.lowest -= below
        self.seen[1:] += below if self.seen[0] else 0
        rows = rows + (lowest - self.lowest)
        span = max(len(self.volume) + below, int(rows.max()) + 1)
        if span > MAX_ROWS:
            raise ContractError(
                "the session's prices span too many ticks for a profile",
                expected=f"at most {MAX_ROWS} rows",
                got=str(span),
                action="check the instrument's tick size and the cleaning rules",
            )
        held: Floats = np.zeros(span)
        held[below : below + len(self.volume)] = self.volume
        self.volume = held
        return rows

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        return {"lowest": self.lowest, "volume": self.volume.tolist(), "seen": self.seen.tolist()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.lowest, self.volume = int(saved["lowest"]), np.array(saved["volume"], np.float64)
        self.seen = np.array(saved["seen"], np.int64)
