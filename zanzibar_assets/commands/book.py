"""``zanzibar book``: replay one ``.depth`` file to top-N rows."""

from __future__ import annotations

from pathlib import Path

import click

DEFAULT_LEVELS = 10


@click.command(
    name="book",
    epilog="Example:  zanzibar book ESH24-CME.2023-12-25.depth --levels 10 --every 100ms --out book.parquet",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--levels", type=click.IntRange(1, 1_000), show_default="10; with --at every one", help="Levels a side."
)
@click.option(
    "--every", default="0", show_default=True, help="Grid step such as 100ms or 1s; 0 = after every batch."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the rows to this Parquet file; records put aside go to --quarantine, never here.",
)
@click.option(
    "--quarantine",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the records put aside to this Parquet file: seq, byte_offset, rule, price, size, ts_utc.",
)
@click.option(
    "--at", help="The full book at this instant, such as 2023-12-26T01:00:00Z, instead of rows over time."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    file: Path,
    levels: int | None,
    every: str,
    out: Path | None,
    quarantine: Path | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Replay one Sierra .depth file to the top of its book.

    Batches are applied whole. With a grid step there is one row at each multiple of the step since
    midnight UTC before which the book changed, holding all batches stamped strictly before it. With an
    instant the whole book is shown by the same rule, every level of it unless --levels says how many.
    """
    from zanzibar_assets.commands._decode import check_paths, note_unknown, print_result, say_warnings
    from zanzibar_assets.commands._decode_book import full_book_at, print_full_book, replay_book
    from zanzibar_assets.errors import UsageError

    check_paths(file, out, quarantine)
    if at is not None and quarantine is not None:
        raise UsageError("--at and --quarantine exclude each other", action="leave one of the two out")
    if at is None:
        result = replay_book(file, levels or DEFAULT_LEVELS, every, out, quarantine)
    else:
        result = full_book_at(file, at, every, levels, out)
    note_unknown(file)
    say_warnings(result)
    if at is None:
        print_result(result, as_json)
    else:
        print_full_book(result, as_json)
