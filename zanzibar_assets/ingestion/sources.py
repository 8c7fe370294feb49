"""Discovery of the Sierra files that feed the known instruments."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.record_blocks import open_file
from zanzibar_assets.ingestion.rolls import contract_of, front_contract
from zanzibar_assets.ingestion.slices import (
    Selection,
    SourceFile,
    SourceSlice,
    first_stamp_us,
    select_slices,
    session_slices,
    settled_before_us,
    slice_fingerprint,
)
from zanzibar_assets.instruments import Instrument

__all__ = [
    "Selection",
    "SourceFile",
    "SourceScan",
    "SourceSlice",
    "find_sources",
    "front_contract",
    "has_header",
    "owner_of",
    "refuse_copies",
    "scan_sources",
    "select_slices",
    "session_slices",
    "settled_before_us",
    "sierra_paths",
    "slice_fingerprint",
    "source_file",
    "symbol_of",
]

DEPTH_FOLDER = "MarketDepthData"
_DEPTH_NAME = re.compile(r"^(?P<symbol>.+)\.\d{4}-\d{2}-\d{2}\.depth$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SourceScan:
    """What a look into the Sierra folder found; ``ignored`` names files of no known instrument."""

    files: tuple[SourceFile, ...]
    ignored: tuple[Path, ...]


def symbol_of(path: Path) -> str:
    """Sierra symbol of a file name: before ``.scid``, ``.<date>.depth`` or the export's suffix."""
    depth = _DEPTH_NAME.match(path.name)
    if depth:
        return depth["symbol"]
    suffix = r"(\.scid|\.dly)?_BarData.*\.(txt|csv)$|\.(scid|depth|txt|csv)$"
    return re.sub(suffix, "", path.name, flags=re.IGNORECASE)


def find_sources(
    sierra_dir: Path,
    instruments: Sequence[Instrument],
    depth_dir: Path | None = None,
    restored_dir: Path | None = None,
) -> list[SourceFile]:
    """``.scid`` and ``.depth`` files of the instruments, sorted by instrument, kind and name.

    Depth is looked for in ``depth_dir``, in the folder itself and in its MarketDepthData, and, where
    none of them has a file of the name, in ``restored_dir`` (which need not be there). Raises
    SourceError when a folder is missing, or a simulated file feeds a real instrument or the reverse.
    """
    return list(scan_sources(sierra_dir, instruments, depth_dir, restored_dir).files)


def scan_sources(
    sierra_dir: Path,
    instruments: Sequence[Instrument],
    depth_dir: Path | None = None,
    restored_dir: Path | None = None,
) -> SourceScan:
    """``find_sources`` together with the files that no instrument names."""
    paths = sierra_paths(sierra_dir, depth_dir, restored_dir)
    refuse_copies(paths)
    found: list[SourceFile] = []
    ignored: list[Path] = []
    for path in paths:
        owner = owner_of(path, instruments)
        if owner is None:
            ignored.append(path)
        elif has_header(path):
            found.append(source_file(path, owner))
    found.sort(key=lambda file: (file.instrument_id, file.kind, file.path.name, str(file.path)))
    return SourceScan(tuple(found), tuple(ignored))


def has_header(path: Path) -> bool:
    """False while the header is not whole or the file is being replaced: not yet a source."""
    try:
        with path.open("rb") as stream:
            return not formats.header_is_torn(stream.read(formats.DEPTH_HEADER_BYTES))
    except FileNotFoundError:
        return False


def sierra_paths(
    sierra_dir: Path, depth_dir: Path | None = None, restored_dir: Path | None = None
) -> list[Path]:
    """Paths of all ``.scid`` and ``.depth`` files in the folders, sorted; SourceError when one is missing.

    A file of ``restored_dir`` counts only where the others have none of its name.
    """
    folders = [sierra_dir, sierra_dir / DEPTH_FOLDER] + ([depth_dir] if depth_dir else [])
    for folder in (sierra_dir, depth_dir):
        if folder is not None and not folder.is_dir():
            raise SourceError(
                f"{folder} is no folder",
                expected="Sierra Chart's Data folder",
                action="give the folder that holds the .scid files",
            )
    found = {path.resolve() for folder in folders if folder.is_dir() for path in _sierra_files(folder)}
    if restored_dir is not None and restored_dir.is_dir():
        there = {path.name for path in found}
        found |= {path.resolve() for path in _sierra_files(restored_dir) if path.name not in there}
    return sorted(found)


def _sierra_files(folder: Path) -> list[Path]:
    return [p for p in folder.iterdir() if p.suffix.lower() in (".scid", ".depth") and p.is_file()]


def refuse_copies(paths: Sequence[Path]) -> None:
    """A file that lies in two of the folders would count every record twice."""
    seen: dict[str, Path] = {}
    for path in paths:
        if path.name in seen:
            raise SourceError(
                f"{path.name} is there twice",
                got=f"{seen[path.name]} and {path}",
                action="keep one of the two",
            )
        seen[path.name] = path


def owner_of(path: Path, instruments: Sequence[Instrument]) -> Instrument | None:
    """The instrument that a file feeds, None for none; SourceError when there are several."""
    symbol = symbol_of(path)
    owners = [instrument for instrument in instruments if instrument.source_of(symbol)]
    if len(owners) > 1:
        raise SourceError(
            f"symbol {symbol!r} feeds several instruments",
            got=", ".join(owner.id for owner in owners),
            action="make the patterns in instruments.yaml disjoint",
        )
    return owners[0] if owners else None


def refuse_export(path: Path) -> None:
    """Text exports feed no table: daily ones of futures may be back-adjusted, and levels need raw prices."""
    if path.suffix.lower() in (".txt", ".csv"):
        raise SourceError(
            f"{path} is a text export and may not feed the graph",
            expected="the contract's own .scid file: raw prices, in UTC, trade by trade",
            got="bars in chart time whose past may be shifted by later rolls",
            action="record the contract in Sierra; `zanzibar ticks` decodes exports and judges them",
        )


def source_file(path: Path, instrument: Instrument) -> SourceFile:
    """A file of an instrument as it stands now; SourceError when it may not feed it."""
    refuse_export(path)
    with open_file(path) as stream:
        stat = os.fstat(stream.fileno())
        header = formats.parse_header(stream.read(formats.DEPTH_HEADER_BYTES), stat.st_size, str(path))
    named = path.suffix[1:].lower()
    if header.kind != named:
        raise SourceError(f"{path} holds another format than its name says", expected=named, got=header.kind)
    if header.simulated != instrument.simulated:
        said = {True: "simulated", False: "real"}
        raise SourceError(
            f"{path} may not feed {instrument.id}",
            expected=f"a {said[instrument.simulated]} file for a {said[instrument.simulated]} instrument",
            got=f"a {said[header.simulated]} file",
            action="keep simulated and real Sierra files apart",
        )
    kind: Literal["scid", "depth"] = "scid" if header.kind == "scid" else "depth"
    symbol = symbol_of(path)
    return SourceFile(
        path=path,
        symbol=symbol,
        kind=kind,
        instrument_id=instrument.id,
        contract=contract_of(symbol, instrument, first_stamp_us(path, header)),
        simulated=header.simulated,
        header_bytes=header.header_bytes,
        record_bytes=header.record_bytes,
        records=header.records,
        torn_bytes=header.torn_bytes,
        modified_ns=stat.st_mtime_ns,
    )
