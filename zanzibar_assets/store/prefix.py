"""What a builder could have read at an instant: the reading side of a build, cut off there.

A table is computed by ``spec.compute(inputs)``. Given ``PrefixInputs`` instead of ``Inputs`` the same
builder sees the market as it was known at the cut: of whatever it reads, the rows that became known
later are gone (``truncated``) or replaced by nonsense (``perturbed``). That holds for the partition's
own session, for other instruments and for history alike. Not cut: frames without ``known_at`` (rows
put aside by cleaning), and estimates of an instrument, which a session may only read when they were
fitted on earlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from zanzibar_assets.store.inputs import Inputs
from zanzibar_assets.vocabulary import KNOWN_AT

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.keys import PartitionKey
    from zanzibar_assets.store.manifest import PartitionRecord


class Variant(StrEnum):
    """What becomes of the rows that were not known yet."""

    TRUNCATED = "truncated"
    PERTURBED = "perturbed"


@dataclass(slots=True)
class Loaded:
    """Frames and records that several cuts of one partition read: each is fetched once."""

    frames: dict[tuple[str, str, str | None], pl.DataFrame] = field(default_factory=dict)
    records: dict[tuple[str, str], PartitionRecord] = field(default_factory=dict)


@dataclass(slots=True)
class PrefixInputs(Inputs):
    """Reads only what was known at ``cut_us``; ``seed`` decides the nonsense of the perturbed variant.

    Nothing that it notes or checks is kept: it never writes.
    """

    cut_us: int = 0
    variant: Variant = Variant.TRUNCATED
    seed: int = 0
    loaded: Loaded = field(default_factory=Loaded)

    def _usable(self, table: str, key: PartitionKey) -> PartitionRecord:
        name = table, str(key)
        if name not in self.loaded.records:
            self.loaded.records[name] = Inputs._usable(self, table, key)
        return self.loaded.records[name]

    def _load(self, record: PartitionRecord) -> pl.DataFrame:
        name = record.table, str(record.key), record.fingerprint
        if name not in self.loaded.frames:
            self.loaded.frames[name] = Inputs._load(self, record)
        frame = self.loaded.frames[name]
        if record.key.session is None or KNOWN_AT not in frame.columns:
            return frame
        known = known_until(frame, self.cut_us)
        if known.height == frame.height or self.variant is Variant.TRUNCATED:
            return known
        return self._perturbed(record, frame, known)

    def _perturbed(self, record: PartitionRecord, frame: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        from zanzibar_assets.contracts.registry import breaches
        from zanzibar_assets.store.perturbation import perturbed

        instrument = record.key.instrument
        tick = self.workspace.instruments[instrument].tick_size if instrument is not None else 1.0
        later = frame.filter(pl.col(KNOWN_AT).dt.epoch("us") > self.cut_us)
        nonsense = pl.concat([known, perturbed(later, float(tick), self.seed)])
        return known if breaches(record.table, nonsense) else nonsense


def known_until(frame: pl.DataFrame, cut_us: int) -> pl.DataFrame:
    """Rows with ``known_at <= cut_us``, in their order."""
    import polars as pl

    return frame.filter(pl.col(KNOWN_AT).dt.epoch("us") <= cut_us)
