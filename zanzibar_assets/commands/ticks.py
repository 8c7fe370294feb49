"""``zanzibar ticks``: decode one ``.scid`` file or text export."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    name="ticks",
    epilog="Example:  zanzibar ticks ESH24-CME.scid --out ticks.parquet --json",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tz", "zone", help="The chart's IANA time zone; needed for text exports.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the rows to this Parquet file; rows put aside go to --quarantine, never here.",
)
@click.option(
    "--quarantine",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the rows put aside to this Parquet file: seq, byte_offset (empty for text exports, whose "
    "seq counts data lines), rule, price, size, ts_utc.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(file: Path, zone: str | None, out: Path | None, quarantine: Path | None, as_json: bool) -> None:
    """Decode one Sierra .scid file or text export into ticks.

    Every record becomes a row or is counted as quarantined with its reason; nothing is dropped.
    The instrument is found by the file's symbol; an unknown one keeps the file's own prices.
    """
    from zanzibar_assets.commands._decode import check_paths, note_unknown, print_result, say_warnings
    from zanzibar_assets.commands._decode_ticks import decode_ticks

    check_paths(file, out, quarantine)
    result = decode_ticks(file, zone, out, quarantine)
    note_unknown(file)
    say_warnings(result)
    print_result(result, as_json)
