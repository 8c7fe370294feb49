"""The deep simulated books stay true books: sorted, never crossed, snapshots equal what they replace."""

import numpy as np
import pytest

from zanzibar_assets.errors import UsageError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.simulator.deep_book import DENSE, SPARSE, write_deep_book
from zanzibar_assets_tests.reference.plain_book import PlainBook

ES = load_instruments()["SIM_ES"]


def records_of(path):
    header = formats.read_header(path)
    assert header.simulated
    return np.array(formats.map_records(path, header))


@pytest.mark.parametrize("shape", [DENSE, SPARSE])
def test_every_batch_leaves_an_uncrossed_book_and_a_snapshot_changes_nothing(tmp_path, shape):
    records = records_of(write_deep_book(tmp_path, ES, 25_000, 3, shape))
    assert len(records) == 25_000
    assert (np.diff(records["stamp"]) >= 0).all()
    book, before, snapshots = PlainBook(), None, 0
    for row in records:
        if row["command"] == 1:
            before, snapshots = (dict(book.bids), dict(book.asks)), snapshots + 1
        book.apply(int(row["command"]), round(float(row["price"]) * 4), int(row["quantity"]))
        if row["flags"] & 1:
            assert not book.crossed
            if before is not None and before != ({}, {}):
                assert (book.bids, book.asks) == before
            before = None
    assert snapshots >= 1
    assert min(book.bids) > 0


def test_a_seed_gives_the_same_file_and_another_seed_another(tmp_path):
    one, same, other = (
        write_deep_book(tmp_path / str(n), ES, 5_000, seed, SPARSE).read_bytes()
        for n, seed in enumerate((1, 1, 2))
    )
    assert one == same != other


def test_a_real_instrument_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no simulated instrument"):
        write_deep_book(tmp_path, load_instruments()["ES"], 10, 1, DENSE)
