"""Locked, crossed and one-sided quotes: by hand, and counted on a real file of crossed quotes."""

import io
import zipfile

import polars as pl

from zanzibar_assets.ingestion.quotes import quote_counts, quote_states
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data

EURUSD = FOLDER.parent / "other" / "lean_fxcm_eurusd_tick_quote_20140508.zip"


def test_states_by_hand():
    frame = pl.DataFrame({"bid": [1.0, 1.0, 2.0, None, None], "ask": [2.0, 1.0, 1.0, 1.0, None]})
    assert frame.select(quote_states(pl.col("bid"), pl.col("ask"))).to_series().to_list() == [
        "normal", "locked", "crossed", "one_sided", None,
    ]  # fmt: skip


def test_counts_are_by_session_state():
    frame = pl.DataFrame(
        {"bid": [2, 2, 1, 2], "ask": [1, 1, 2, 2], "session_state": ["pre_open", "open", "open", "open"]}
    )
    assert quote_counts(frame) == {
        "quote.crossed.open": 1, "quote.crossed.pre_open": 1, "quote.locked.open": 1,
    }  # fmt: skip


@needs_real_data
def test_a_real_quote_file_with_a_tenth_of_its_quotes_crossed():
    with zipfile.ZipFile(EURUSD) as archive:
        (name,) = archive.namelist()
        raw = pl.read_csv(io.BytesIO(archive.read(name)), has_header=False, new_columns=["ms", "bid", "ask"])
    ticks = [(pl.col(side) * 100_000).round().cast(pl.Int64) for side in ("bid", "ask")]
    counts = quote_counts(raw.select(*ticks, session_state=pl.lit("open")))
    assert raw.height == 167_466
    assert counts == {"quote.crossed.open": 18_285, "quote.locked.open": 19_051}
