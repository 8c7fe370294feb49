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
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the rows to this Parquet file."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(file: Path, zone: str | None, out: Path | None, as_json: bool) -> None:
    """Decode one Sierra .scid file or text export into ticks.

    Every record becomes a row or is counted as quarantined with its reason; nothing is dropped.
    The instrument is found by the file's symbol; an unknown one keeps the file's own prices.
    """
    from zanzibar_assets.commands._decode import note_unknown, print_result
    from zanzibar_assets.commands._decode_ticks import decode_ticks

    note_unknown(file)
    print_result(decode_ticks(file, zone, out), as_json)
