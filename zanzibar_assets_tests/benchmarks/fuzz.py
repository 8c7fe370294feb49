"""Decoders under flipped bytes and cuts of real files: crashes, hangs, and records that went nowhere.

Run:  ZANZIBAR_REAL_DATA=FOLDER python -m zanzibar_assets_tests.benchmarks.fuzz --rounds 300

Each round takes one file of the folder (a window of its records behind its header), flips up to 300
bytes, in every fourth round those of the header too, cuts the tail, and decodes it as the commands
do. ``.scid`` windows go through the compiled and the plain decoding, which must agree.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl

from zanzibar_assets.commands._decode_book import replay_book
from zanzibar_assets.commands._decode_ticks import decode_ticks
from zanzibar_assets.errors import ZanzibarError
from zanzibar_assets.ingestion import file_frame, formats, scid, text

SECONDS_A_ROUND = 60
WINDOW_RECORDS = 30_000
ZONE = "America/Chicago"


class Hang(Exception):
    """A round took longer than it may."""


def window(content: bytes, path: Path, dice: np.random.Generator) -> tuple[bytes, int]:
    """A piece of a file with its header, and the header's length."""
    if text.is_text(path):
        lines = content.split(b"\n")
        first = int(dice.integers(1, max(2, len(lines) - 500)))
        return b"\n".join([lines[0], *lines[first : first + 500]]), len(lines[0]) + 1
    header = formats.parse_header(content[:64], len(content), path.name)
    first = int(dice.integers(0, max(1, header.records - WINDOW_RECORDS)))
    begin = header.header_bytes + first * header.record_bytes
    body = content[begin : begin + WINDOW_RECORDS * header.record_bytes]
    return content[: header.header_bytes] + body, header.header_bytes


def damaged(
    piece: bytes, header_bytes: int, round_: int, dice: np.random.Generator
) -> tuple[bytes, int, int]:
    """The piece with flipped bytes and a cut tail; how many of each."""
    body = np.frombuffer(piece, dtype=np.uint8).copy()
    start = 0 if round_ % 4 == 0 else header_bytes
    flips = int(dice.integers(0, 300))
    at = dice.integers(min(start, len(body) - 1), len(body), flips)
    body[at] ^= dice.integers(1, 256, flips).astype(np.uint8)
    cut = int(dice.integers(0, 120)) if round_ % 3 else 0
    return body[: len(body) - cut].tobytes(), flips, cut


def check(path: Path, out: Path, totals: Counter[str]) -> None:
    """Decode one damaged file; AssertionError when a record is neither a row nor put aside."""
    if path.suffix == ".depth":
        header = formats.read_header(path)
        found = replay_book(path, 10, "0", out)
        assert found["records"] == header.records, "depth records went nowhere"
        totals["depth records"] += header.records
        return
    found = decode_ticks(path, ZONE if text.is_text(path) else None, out)
    assert found["records"] == found["rows"] + found["quarantined"], "records went nowhere"
    assert pl.read_parquet(out).height == found["rows"], "rows went nowhere"
    totals["tick records"] += found["records"]
    totals["tick rows"] += found["rows"]
    totals["tick rows quarantined"] += found["quarantined"]
    if text.is_text(path):
        lines = path.read_bytes().split(b"\n")[1:]
        assert found["records"] == sum(bool(line.strip()) for line in lines), "lines went nowhere"
    else:
        header = formats.read_header(path)
        assert found["records"] == header.records, "whole records of the file are missing"
        agree(path, header)


def agree(path: Path, header: formats.FileHeader) -> None:
    """The compiled ways give what the plain ones give."""
    scale = scid.Scale(path.stem, tick_size=0.25)
    records = np.array(formats.map_records(path, header))
    bars_only = scid.holds_bars(path, header, scale)
    compiled = file_frame.compiled_frame(path, header, bars_only=bars_only)
    assert compiled.equals(file_frame.plain_frame(records, bars_only=bars_only)), "file frames differ"
    fewest, scid.COMPILED_FROM_RECORDS = scid.COMPILED_FROM_RECORDS, 0
    try:
        fast = scid.decode_records(records, 0, scale, scid.GroupState(), bars_only=bars_only)
    finally:
        scid.COMPILED_FROM_RECORDS = fewest
    plain = scid.decode_plainly(records, 0, scale, scid.GroupState(), bars_only=bars_only)
    assert fast.equals(plain), "raw ticks differ"


def one_round(source: Path, content: bytes, round_: int, folder: Path, totals: Counter[str]) -> None:
    """Damage and decode once; what came of it is counted."""
    dice = np.random.default_rng([round_, len(content)])
    piece, header_bytes = window(content, source, dice)
    body, flips, cut = damaged(piece, header_bytes, round_, dice)
    totals.update({"files": 1, "flipped bytes": flips, "truncations": int(cut > 0)})
    path = folder / source.name
    path.write_bytes(body)
    signal.alarm(SECONDS_A_ROUND)
    try:
        check(path, folder / "out.parquet", totals)
        totals["decoded"] += 1
    except ZanzibarError:
        totals["refused with a reason"] += 1
    except Hang:
        totals["hangs"] += 1
    except AssertionError as error:
        totals["silent losses or differences"] += 1
        print(f"{source.name} round {round_}: {error}")  # noqa: T201 - the run goes on
    except Exception:  # noqa: BLE001 - any other error is the crash that is looked for
        totals["crashes"] += 1
        print(f"{source.name} round {round_}:\n{traceback.format_exc()}")  # noqa: T201
    finally:
        signal.alarm(0)


def main() -> None:
    """Run the rounds and print their counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300, help="rounds of each file")
    asked = parser.parse_args()
    root = Path(os.environ["ZANZIBAR_REAL_DATA"]) / "sierra"
    sources = sorted(p for p in root.iterdir() if p.suffix in (".scid", ".depth", ".txt"))

    def late(*_: object) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, late)
    found = {}
    names = ("crashes", "hangs", "silent losses or differences")
    with tempfile.TemporaryDirectory() as folder:
        for source in sources:
            totals: Counter[str] = Counter(dict.fromkeys(names, 0))
            content = source.read_bytes()
            for round_ in range(asked.rounds):
                one_round(source, content, round_, Path(folder), totals)
            found[source.name] = dict(totals)
    whole: Counter[str] = Counter()
    for counts in found.values():
        whole.update(counts)
    print(json.dumps({"sources": found, "all": dict(whole)}, indent=2))  # noqa: T201 - the result


if __name__ == "__main__":
    main()
