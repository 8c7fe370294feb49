"""Depth records as the arrays that the book is fed: plainly, and in one compiled pass."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.depth import record_defects
from zanzibar_assets.ingestion.grid import decimals_of, float32_noise, nearest_ticks, to_lots
from zanzibar_assets.ingestion.scid import Scale


class DepthArrays(NamedTuple):
    """Depth records ready for the book; records that may not be applied carry command 0."""

    stamps_us: NDArray[np.int64]
    keys: NDArray[np.int64]
    sizes: NDArray[np.float64]
    commands: NDArray[np.uint8]
    flags: NDArray[np.uint8]


def depth_arrays(records: NDArray[np.void], scale: Scale) -> tuple[DepthArrays, NDArray[np.uint8]]:
    """Arrays for the book from file records, and their defect codes; defective ones are not applied.

    The plain way: ``decode_block`` gives the same arrays in one compiled pass.
    """
    unix, stamp_ok = formats.unix_stamps(records["stamp"])
    raw = np.ascontiguousarray(records["price"])
    if scale.tick_size is None:
        keys = raw.view("<i4").astype(np.int64)  # float32 bits of positive numbers rise with the number
        on_grid = np.ones(len(raw), dtype=bool)
    else:
        prices = raw.astype(np.float64) * scale.price_multiplier
        keys, on_grid = nearest_ticks(prices, scale.tick_size, float32_noise(raw, scale.price_multiplier))
    defect = record_defects(records, raw, stamp_ok, on_grid)
    commands = np.where(defect > 0, np.uint8(0), records["command"])
    sizes = to_lots(records["quantity"], scale.volume_multiplier)
    return DepthArrays(unix, keys, sizes, commands, records["flags"].copy()), defect


class DepthBuffer:
    """Room for decoded records that is used again and again; ``count`` records wait in it.

    Fresh memory costs as much as decoding into it: the system clears every page of it first.
    """

    def __init__(self) -> None:
        self.count = 0
        self._arrays = _room(0)

    @property
    def records(self) -> DepthArrays:
        """What waits, in arrays that the next call overwrites."""
        return DepthArrays._make(column[: self.count] for column in self._arrays)

    def add(self, records: NDArray[np.void], scale: Scale, tally: NDArray[np.int64]) -> None:
        """Decode file records behind what waits."""
        end = self.count + len(records)
        if end > len(self._arrays.flags):
            room = _room(max(end, 2 * self.count) - self.count)
            self._arrays = joined([self.records, room])
        decode_into(records, scale, tally, DepthArrays._make(c[self.count : end] for c in self._arrays))
        self.count = end

    def drop(self, count: int) -> None:
        """Take away the first ``count`` records."""
        for column in self._arrays:
            column[: self.count - count] = column[count : self.count].copy()
        self.count -= count


def _room(count: int) -> DepthArrays:
    return DepthArrays(
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.float64),
        np.empty(count, dtype=np.uint8),
        np.empty(count, dtype=np.uint8),
    )


def decode_block(records: NDArray[np.void], scale: Scale, tally: NDArray[np.int64]) -> DepthArrays:
    """Arrays for the book from file records; adds to the slots of ``_depth_kernels`` in ``tally``."""
    arrays = _room(len(records))
    decode_into(records, scale, tally, arrays)
    return arrays


def decode_into(
    records: NDArray[np.void], scale: Scale, tally: NDArray[np.int64], arrays: DepthArrays
) -> None:
    """``decode_block`` into arrays that are there."""
    from zanzibar_assets.ingestion import _depth_kernels

    stamps, prices = records["stamp"], records["price"]
    kernel: Any = _depth_kernels.decode  # numba's stubs know no varargs
    kernel(
        stamps, stamps.view("<f8"), records["command"], prices, prices.view("<i4"), records["quantity"],
        scale.price_multiplier, scale.tick_size or 0.0,
        scale.volume_multiplier, 10.0 ** decimals_of(scale.volume_multiplier), *arrays[:4], tally,
    )  # fmt: skip
    arrays.flags[:] = records["flags"]


def joined(parts: list[DepthArrays]) -> DepthArrays:
    """Runs of records put together."""
    whole = [part for part in parts if len(part.flags)]
    if len(whole) <= 1:
        return (whole or parts)[0]
    return DepthArrays._make(np.concatenate(columns) for columns in zip(*whole, strict=True))
