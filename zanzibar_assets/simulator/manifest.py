"""``SIMULATED.json``: what a folder of simulated files is, and how to make it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from zanzibar_assets.errors import UsageError
from zanzibar_assets.ingestion.formats import read_header
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.simulator.options import SIMULATOR_VERSION, SimulatorOptions

MANIFEST: Final = "SIMULATED.json"
NOTE: Final = "Simulated market. Nothing in this folder was traded or quoted anywhere."
KINDS: Final = ("*.scid", "MarketDepthData/*.depth", "*.scid_BarData.txt", "*.jsonl", "inbox/*.jsonl")


@dataclass(frozen=True, slots=True)
class SimulatedFile:
    """One written file: absolute path, records (lines of text files) and blake2b-128 of its bytes."""

    path: Path
    records: int
    blake2b: str


def claim_folder(out_dir: Path) -> None:
    """Make the folder ready: an earlier simulation in it goes, files of another origin are refused."""
    marker = out_dir / MANIFEST
    if marker.exists():
        for path in _simulated_files(out_dir):
            path.unlink()
    elif any(path.exists() for kind in KINDS for path in out_dir.glob(kind)):
        raise UsageError(
            f"{out_dir} holds market files that the simulator did not write",
            expected="an empty folder or one with SIMULATED.json",
            action="choose another --out",
        )
    out_dir.mkdir(parents=True, exist_ok=True)
    _write(marker, {"simulated": True, "note": NOTE, "complete": False})


def write_manifest(
    out_dir: Path,
    instruments: Sequence[Instrument],
    sessions: Sequence[str],
    first_session: str,
    seed: int,
    options: SimulatorOptions,
) -> tuple[SimulatedFile, ...]:
    """Write the manifest over the folder's files; returns them sorted by path."""
    files = tuple(_describe(path) for path in _simulated_files(out_dir))
    _write(
        out_dir / MANIFEST,
        {
            "simulated": True,
            "note": NOTE,
            "complete": True,
            "simulator_version": SIMULATOR_VERSION,
            "numpy": np.__version__,
            "seed": seed,
            "first_session": first_session,
            "sessions": list(sessions),
            "instruments": {item.id: item.definition_hash for item in instruments},
            "options": options.as_dict(),
            "files": [{**asdict(file), "path": file.path.relative_to(out_dir).as_posix()} for file in files],
        },
    )
    return files


def _simulated_files(out_dir: Path) -> list[Path]:
    return sorted(path for kind in KINDS for path in out_dir.glob(kind))


def _describe(path: Path) -> SimulatedFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    if path.suffix in {".scid", ".depth"}:
        return SimulatedFile(path, read_header(path).records, digest)
    lines = path.read_bytes().count(b"\n")
    return SimulatedFile(path, lines - (path.suffix == ".txt"), digest)


def _write(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
