"""``zanzibar book``: replay one ``.depth`` file to top-N rows."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    name="book",
    epilog="Example:  zanzibar book ESH24-CME.2023-12-25.depth --levels 10 --every 100ms --out book.parquet",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--levels", type=click.IntRange(1, 1_000), default=10, show_default=True, help="Levels a side.")
@click.option(
    "--every", default="0", show_default=True, help="Grid step such as 100ms or 1s; 0 = after every batch."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the rows to this Parquet file."
)
@click.option(
    "--at", help="The full book at this instant, such as 2023-12-26T01:00:00Z, instead of rows over time."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(file: Path, levels: int, every: str, out: Path | None, at: str | None, as_json: bool) -> None:
    """Replay one Sierra .depth file to the top of its book.

    Batches are applied whole. With a grid step there is one row at each multiple of the step since
    midnight UTC before which the book changed, holding all batches stamped strictly before it. With an
    instant the whole book is shown, every level of it, by the same rule.
    """
    from zanzibar_assets.commands._decode import note_unknown, print_result
    from zanzibar_assets.commands._decode_book import print_full_book, replay_book

    note_unknown(file)
    if at is not None:
        print_full_book(file, at, every, out, as_json)
        return
    print_result(replay_book(file, levels, every, out), as_json)
