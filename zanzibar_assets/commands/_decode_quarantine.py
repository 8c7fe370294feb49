"""Records that ``ticks`` and ``book`` put aside: counted, sampled, written with their place in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.commands._decode import ParquetStream
from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion import depth, formats
from zanzibar_assets.ingestion.record_blocks import record_blocks
from zanzibar_assets.ingestion.scid import Scale

SAMPLE_ROWS = 5
BLOCK_RECORDS = 1 << 17
_SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "seq": pl.Int64,
    "byte_offset": pl.Int64,
    "rule": pl.String,
    "price": pl.Float64,
    "size": pl.Float64,
    "ts_utc": pl.Datetime("us", "UTC"),
}


class PutAside:
    """Counts by rule and the first records put aside; all of them go to ``path`` when that is given.

    ``header`` places a record in its file; None (a text export) leaves ``byte_offset`` null, ``seq``
    is then the data line's index.
    """

    def __init__(self, path: Path | None, source: Path, header: formats.FileHeader | None) -> None:
        self.by: Counter[str] = Counter()
        self.sample: list[dict[str, Any]] = []
        self._header = header
        self._stream = ParquetStream(path, source, "--quarantine")

    @property
    def count(self) -> int:
        """Records put aside so far."""
        return self.by.total()

    def add(self, raw: pl.DataFrame) -> None:
        """Take the rows of a raw frame that carry a defect."""
        rows = self._placed(raw.filter(pl.col("defect").is_not_null()))
        self.by.update(dict(rows["rule"].value_counts().iter_rows()))
        wanted = rows.select("rule", "byte_offset", "seq").head(SAMPLE_ROWS - len(self.sample))
        self.sample += wanted.to_dicts()
        self._stream.write(rows)

    def figures(self) -> dict[str, Any]:
        """Counts by rule and the sample, for the command's document."""
        return {"quarantined_by": dict(sorted(self.by.items())), "quarantine_sample": self.sample}

    def __enter__(self) -> PutAside:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self.count:
            self._stream.write(pl.DataFrame(schema=_SCHEMA))
        self._stream.__exit__(kind, error, trace)

    def _placed(self, rows: pl.DataFrame) -> pl.DataFrame:
        offset: pl.Expr = pl.lit(None, dtype=pl.Int64)
        if self._header is not None:
            offset = self._header.header_bytes + pl.col("seq") * self._header.record_bytes
        return rows.with_columns(offset.alias("byte_offset"), pl.col("defect").alias("rule")).select(
            pl.col(name).cast(kind) for name, kind in _SCHEMA.items()
        )


class DepthDefects:
    """What a second look at a depth file with defects counts, batch by batch.

    ``priced`` records carry a price, ``empty_batches`` hold no record that could be applied, and
    ``open_aside`` of the records after the last batch are put aside.
    """

    def __init__(self) -> None:
        self.priced = self.empty_batches = self.open_aside = 0
        self._open_sound = 0

    def read(self, path: Path, header: formats.FileHeader, records: int, scale: Scale, put: PutAside) -> None:
        """Look at the first ``records`` records; SourceError when the file is cut meanwhile."""
        for first, block in record_blocks(path, header.kind, header.header_bytes, 0, records, BLOCK_RECORDS):
            raw = depth.decode_records(block, first, path.name, scale)
            put.add(raw)
            self._count(block, raw["defect"].is_null().to_numpy())
            self.priced += int(((block["command"] >= 2) & (block["command"] <= 7)).sum())

    def _count(self, block: np.ndarray[Any, np.dtype[np.void]], sound: np.ndarray[Any, Any]) -> None:
        ends = np.flatnonzero(block["flags"] & formats.END_OF_BATCH)
        if not len(ends):
            self._open_sound += int(sound.sum())
            self.open_aside += int((~sound).sum())
            return
        upto = np.cumsum(sound)[ends]
        of_batch = np.diff(upto, prepend=-self._open_sound)
        self.empty_batches += int((of_batch == 0).sum())
        rest = sound[ends[-1] + 1 :]
        self._open_sound, self.open_aside = int(rest.sum()), int((~rest).sum())


def same_count(path: Path, replayed: int, looked_at: int) -> None:
    """SourceError when two looks at a file disagree on how many records are put aside."""
    if replayed != looked_at:
        raise SourceError(
            f"{path} changed while it was read",
            expected=f"{replayed} records put aside",
            got=str(looked_at),
            action="run the command again, on a copy if the file is being rewritten",
        )


def version_warning(header: formats.FileHeader | None) -> list[str]:
    """A warning when the header is of a version that is not known."""
    if header is None or header.version == formats.FORMAT_VERSION:
        return []
    return [
        f"the header says version {header.version}, known is {formats.FORMAT_VERSION}: "
        "the records may mean something else; compare some rows with Sierra Chart"
    ]


def warnings_of(header: formats.FileHeader | None, records: int, priced: int, put: PutAside) -> list[str]:
    """What about a decoded file makes its rows doubtful as a whole."""
    found = version_warning(header)
    if 2 * put.count > records:
        size = "" if header is None else f" ({header.header_bytes} bytes)"
        found.append(
            f"{put.count} of {records} records are quarantined: check the header size{size}, "
            "and the price multiplier and tick size in instruments.yaml"
        )
    off_grid = put.by["off_grid"]
    if 2 * off_grid > priced:
        found.append(
            f"{off_grid} of {priced} prices are off the tick grid: "
            "check the price multiplier in instruments.yaml"
        )
    return found
