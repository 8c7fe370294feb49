"""Memory that decoding one ``.scid`` file takes, measured in a process of its own (Linux).

Run:  python -m zanzibar_assets.commands._decode_memory FILE [--out F.parquet] [--limit BYTES]

The compiled loops are loaded and run on the file's first chunk before the peak is reset, so that
what is reported comes on top of what any decoding has loaded. ``--limit`` bounds private writable
memory (RLIMIT_DATA): beyond it an allocation fails.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")
RESET_PEAK = Path("/proc/self/clear_refs")


def measured_apart(path: Path, out: Path | None = None, limit_bytes: int | None = None) -> dict[str, int]:
    """Figures of a process that decodes ``path``; SystemExit with its last words when it fails.

    Empty where the system does not tell its processes' peak memory.
    """
    if not RESET_PEAK.exists():
        return {}
    command = [sys.executable, "-m", __name__, str(path)]
    command += ["--out", str(out)] if out else []
    command += ["--limit", str(limit_bytes)] if limit_bytes else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"decoding {path.name} apart failed: {done.stderr[-1_000:]}")
    found: dict[str, int] = json.loads(done.stdout)
    return found


def _kilobytes(name: str) -> int:
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])


def _decode(path: Path, out: Path | None) -> int:
    from zanzibar_assets.commands._decode_ticks import decode_ticks

    return int(decode_ticks(path, None, out)["records"])


def measure(path: Path, out: Path | None, limit_bytes: int | None) -> dict[str, Any]:
    """Records, bytes of one decoded chunk and of the peak above what was there before."""
    import pyarrow as pa

    from zanzibar_assets.ingestion import formats, scid
    from zanzibar_assets.ingestion.sources import symbol_of
    from zanzibar_assets.instruments import load_instruments
    from zanzibar_assets.store.parquet_files import write_frame

    if limit_bytes is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
    symbol = symbol_of(path)
    scale = scid.scale_of(symbol, load_instruments().of_symbol(symbol))
    chunks = scid.iter_chunks(path, formats.read_header(path), scale, texts=False)
    chunk = next(chunks)
    chunk_bytes = int(chunk.estimated_size())
    if out is not None:
        write_frame(chunk.select("ts_utc", "price", "kind"), out)
    del chunk, chunks
    gc.collect()
    pa.default_memory_pool().release_unused()
    RESET_PEAK.write_text("5")
    before = _kilobytes("VmRSS")
    records = _decode(path, out)
    return {
        "records": records,
        "chunk_bytes": chunk_bytes,
        "before_bytes": before * 1_024,
        "peak_bytes": (_kilobytes("VmHWM") - before) * 1_024,
    }


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--limit", type=int)
    asked = parser.parse_args()
    sys.stdout.write(json.dumps(measure(asked.file, asked.out, asked.limit)) + "\n")


if __name__ == "__main__":
    main()
