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
MARKET_FILES: Final = ("*.scid", "MarketDepthData/*.depth")
SIDE_FILES: Final = (
    "*SIM.scid_BarData.txt",
    "inbox/narratives.jsonl",
    "narratives_truth.jsonl",
    "market_truth.jsonl",
)
"""What the simulator writes; nothing else in a folder is ever touched."""


@dataclass(frozen=True, slots=True)
class SimulatedFile:
    """One written file: absolute path, records (lines of text files) and blake2b-128 of its bytes."""

    path: Path
    records: int
    blake2b: str


def claim_folder(out_dir: Path) -> None:
    """Make the folder ready: an earlier simulation in it goes, files of another origin are refused."""
    marker = out_dir / MANIFEST
    found = _simulated_files(out_dir)
    strangers = [path for path in _matching(out_dir, MARKET_FILES) if not read_header(path).simulated]
    if strangers or (found and not marker.exists()):
        raise UsageError(
            f"{out_dir} holds files that the simulator did not write",
            expected=f"an empty folder or one of simulated files with {MANIFEST}",
            got=", ".join(path.name for path in (strangers or found)[:3]),
            action="choose another folder",
        )
    for path in found:
        path.unlink()
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
    return _matching(out_dir, (*MARKET_FILES, *SIDE_FILES))


def _matching(out_dir: Path, patterns: Sequence[str]) -> list[Path]:
    return sorted(path for pattern in patterns for path in out_dir.glob(pattern))


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
