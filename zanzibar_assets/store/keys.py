"""Partition keys: one string form for the lake, the manifest and Dagster."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zanzibar_assets.errors import UsageError
from zanzibar_assets.vocabulary import Grain

SOURCE_PREFIX = "source:"
"""In front of a source file's name where an input record names bytes of it instead of a table."""
_INSTRUMENT = re.compile(r"^[A-Z][A-Z0-9_]{0,23}$")
_SESSION = re.compile(r"^\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True, slots=True, order=True)
class PartitionKey:
    """One partition: an instrument, a session, or both (``ES|2025-01-06``)."""

    instrument: str | None = None
    session: str | None = None

    def __post_init__(self) -> None:
        if self.instrument is not None and not _INSTRUMENT.match(self.instrument):
            raise UsageError(f"bad instrument in partition key: {self.instrument!r}")
        if self.session is not None and not _SESSION.match(self.session):
            raise UsageError(f"bad session in partition key: {self.session!r}", expected="YYYY-MM-DD")
        if self.instrument is None and self.session is None:
            raise UsageError("a partition key needs an instrument or a session")

    def __str__(self) -> str:
        return "|".join(part for part in (self.instrument, self.session) if part is not None)

    @property
    def grain(self) -> Grain:
        """Which kind of partition this is."""
        if self.instrument is None:
            return Grain.SESSION
        return Grain.INSTRUMENT if self.session is None else Grain.MARKET

    @classmethod
    def parse(cls, text: str) -> PartitionKey:
        """Key of its string form."""
        if "|" in text:
            instrument, session = text.split("|", 1)
            return cls(instrument, session)
        return cls(session=text) if _SESSION.match(text) else cls(instrument=text)

    def at_grain(self, grain: Grain) -> PartitionKey:
        """The partition of a coarser (or the same) grain that this one falls into."""
        if grain is Grain.MARKET:
            return PartitionKey(self.instrument, self.session) if self.grain is Grain.MARKET else _fail(self)
        if grain is Grain.SESSION:
            return PartitionKey(session=self.session)
        return PartitionKey(instrument=self.instrument)


def _fail(key: PartitionKey) -> PartitionKey:
    raise UsageError(f"{key} does not name one instrument and one session")
