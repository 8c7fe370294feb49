"""``zanzibar bench``: our figures beside those of what a user could pick instead."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click

NAMES = ("ingest", "book", "structure", "orderflow", "store", "ml")
ROWS_OF_RECORDS = 25


@click.command(
    name="bench",
    epilog="Example:  zanzibar bench ingest --records 5000000 --json",
)
@click.argument("name", type=click.Choice(NAMES))
@click.option(
    "--records",
    type=click.IntRange(min=1_000),
    default=5_000_000,
    show_default=True,
    help="Records of each file; book updates of orderflow, which has a fifth as many trades; "
    "structure has a fifth as many bars, ml a twenty-fifth as many rows.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of the simulated market.")
@click.option(
    "--peer-python",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Interpreter that has the peer: hftbacktest (book), pyvsmc and smartmoneyconcepts (structure), "
    "orderflow-metrics (orderflow), purgedcv (ml); without it that peer is not measured.",
)
@click.option(
    "--huge",
    is_flag=True,
    help="ingest also decodes a file of 10 GB within 2 GB of memory; structure runs the slow peer on all "
    "bars (ten minutes).",
)
@click.option(
    "--overlap", is_flag=True, help="structure: not the speed, but which events the peers find as well."
)
@click.option(
    "--bars",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Bar table (as for zanzibar events) for --overlap; without it the bars are simulated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    name: str,
    records: int,
    seed: int,
    peer_python: Path | None,
    huge: bool,
    overlap: bool,
    bars: Path | None,
    as_json: bool,
) -> None:
    """Measure ingest (.scid to columns and Parquet), book (.depth to top ten every 100 ms) or orderflow.

    structure: swings and breaks of structure, gaps with their whole life, order blocks, sweeps and
    Wyckoff over bars in CPU seconds, and how they grow with the length.

    orderflow: order flow imbalance per update, footprint and sweeps of a session's trades, and every
    liquidity and structure table of the session, each with its share of the time.

    store: reads and writes of the Parquet lake beside Arrow and polars; with a PostgreSQL server
    installed, or named by ZANZIBAR_BENCH_DATABASE_URL, writes there beside a bare COPY.

    ml: combinatorial purged cross-validation, CPCV(10,2) of rows by 60 features, beside the bare
    LightGBM fits that it needs, and the splits beside purgedcv.

    Files are simulated, written to a temporary folder and removed. Ours and the peer run in turns;
    figures are medians. A ratio above 1 means that ours is better.
    """
    from zanzibar_assets.benchmarks import book, ingest, measure, ml, orderflow, store
    from zanzibar_assets.commands._bench_structure import measure_structure
    from zanzibar_assets.commands._decode_memory import measured_apart
    from zanzibar_assets.commands._decode_ticks import decode_ticks

    machine = measure.machine()
    notes: list[str] = []
    more: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="zanzibar-bench-") as folder:
        if name == "ingest":
            figures = ingest.measure(
                Path(folder),
                records,
                seed,
                lambda file, out: decode_ticks(file, None, out),
                measured_apart,
                _say,
                huge=huge,
            )
        elif name == "orderflow":
            figures = orderflow.measure(Path(folder), records, seed, peer_python, _say)
        elif name == "structure":
            figures, notes, more = measure_structure(
                Path(folder), records, seed, peer_python, bars, _say, overlap=overlap, huge=huge
            )
        elif name == "ml":
            figures, notes = ml.measure(Path(folder), records // ROWS_OF_RECORDS, seed, peer_python, _say)
        elif name == "store":
            figures, notes = store.measure(Path(folder), records, seed, _say)
        else:
            figures = book.measure(Path(folder), records, seed, peer_python, _say)
    result: dict[str, Any] = {
        "name": name,
        "simulated": True,
        "figures": [figure.as_dict() for figure in figures],
        "machine": machine,
        "load_average_after": measure.machine()["load_average"],
        **({"notes": notes} if notes else {}),
        **more,
    }
    click.echo(json.dumps(result) if as_json else _table(result))


def _say(line: str) -> None:
    click.echo(line, err=True)


def _table(result: dict[str, Any]) -> str:
    from zanzibar_assets.commands._bench_structure import overlap_table

    if "overlap" in result:
        return "\n".join([*overlap_table(result["overlap"]), *result.get("notes", ())])
    lines = [f"{'figure':<34} {'ours':>12} {'peer':>12} {'ratio':>7}  unit, peer"]
    for figure in result["figures"]:
        peer = "-" if figure["peer_value"] is None else f"{figure['peer_value']:.5g}"
        ratio = "-" if figure["ratio"] is None else f"{figure['ratio']:.2f}"
        about = ", ".join(filter(None, (figure["unit"], figure["peer"], figure.get("note"))))
        lines.append(f"{figure['what']:<34} {figure['value']:>12.5g} {peer:>12} {ratio:>7}  {about}")
    return "\n".join([*lines, *result.get("notes", ())])
