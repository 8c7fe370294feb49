"""A back-adjusted series is recognised by what raw contracts never do, and refused for level work."""

import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from zanzibar_assets.cli import root
from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion.adjusted import (
    Adjustment,
    constant_shift,
    contract_month,
    judge_export,
    judge_series,
    require_raw,
)
from zanzibar_assets.ingestion.sources import find_sources, source_file
from zanzibar_assets.ingestion.text import zone_of
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data

ES = load_instruments()["ES"]
HEAD = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"
NEW_YORK = zone_of("America/New_York")
EXPIRY = date(2024, 6, 1)


def series(days=600, seed=1, last=EXPIRY, volume=None):
    """Daily bars on the quarter grid that end at ``last``."""
    rng = np.random.default_rng(seed)
    close = 4000 + np.cumsum(rng.integers(-40, 41, days)) / 4
    opened = close + rng.integers(-20, 21, days) / 4
    return pl.DataFrame(
        {
            "day": [last - timedelta(days=days - n) for n in range(days)],
            "open": opened,
            "high": np.maximum(opened, close) + 2.0,
            "low": np.minimum(opened, close) - 2.0,
            "close": close,
            "volume": np.full(days, 1e6) if volume is None else volume,
        }
    )


def moved(frame, by):
    return frame.with_columns(pl.col(name) + by for name in ("open", "high", "low", "close"))


def raw_volume(days):
    """As a contract trades: next to nothing until its last quarter."""
    return np.where(np.arange(days) > days - 90, 1e6, 300.0)


def write(path, frame):
    rows = [
        f"{d.year}/{d.month}/{d.day}, 00:00:00, {o}, {h}, {lo}, {c}, {int(v)}, 0, 0, 0"
        for d, o, h, lo, c, v in frame.iter_rows()
    ]
    path.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    return path


def test_one_distance_on_all_days_is_found():
    found = constant_shift(series(), moved(series(), 4.25))
    assert found is not None
    assert (found.days, found.constant) == (600, 4.25)


def test_the_spread_of_raw_contracts_moves():
    spread = np.random.default_rng(2).integers(15, 18, 600) / 4
    other = series().with_columns(pl.col(n) + pl.Series(spread) for n in ("open", "high", "low", "close"))
    assert constant_shift(series(), other) is None


def test_closes_alone_do_not_prove():
    assert constant_shift(series(), moved(series(), 4.0).with_columns(pl.col("high") + 0.25)) is None


def test_few_shared_days_say_nothing():
    assert constant_shift(series(), moved(series(), 4.25).head(19)) is None


def test_a_mended_day_does_not_hide_the_constant():
    other = moved(series(), 5.5).with_columns(
        close=pl.when(pl.int_range(pl.len()) == 100).then(1.0).otherwise(pl.col("close"))
    )
    assert constant_shift(series(), other) is not None


@pytest.mark.parametrize(
    ("symbol", "found"),
    [
        ("ESH18", ("ES", date(2018, 3, 1))),
        ("ESM24-CME", ("ES", date(2024, 6, 1))),
        ("NQZ25.CME", ("NQ", date(2025, 12, 1))),
        ("VIX", None),
        ("BTCUSDT_PERP_BINANCE", None),
    ],
)
def test_contract_months(symbol, found):
    assert contract_month(symbol) == found


def test_a_raw_contract_is_not_suspected():
    raw = series(volume=raw_volume(600))
    assert judge_series("ESM24", raw, {"ESU24": series(seed=5)}, 0.25).verdict is Adjustment.NONE_SEEN
    require_raw("ESM24", judge_series("ESM24", raw, {}, 0.25))


def test_front_volume_years_before_expiry_is_suspected_and_refused():
    found = judge_series("ESM24", series(), {}, 0.25)
    assert found.verdict is Adjustment.SUSPECTED
    with pytest.raises(SourceError, match="may be back-adjusted"):
        require_raw("ESM24", found)


def test_impossible_prices_are_suspected():
    low = moved(series(volume=raw_volume(600)), -4_100.0)
    off = moved(series(volume=raw_volume(600)), 0.1)
    assert "zero or below" in judge_series("ESM24", low, {}, 0.25).why[0]
    assert "off the tick" in judge_series("ESM24", off, {}, 0.25).why[0]
    assert judge_series("ESM24", off, {}).verdict is Adjustment.NONE_SEEN, "without a tick nothing is off it"


def test_a_constant_to_the_raw_contract_is_proof():
    raw = series(volume=raw_volume(600))
    found = judge_series("ESM24", moved(raw, -12.75), {"ESM24-CME": raw}, 0.25)
    assert found.verdict is Adjustment.PROVEN
    assert "+12.75" in found.why[0]
    with pytest.raises(SourceError, match="is back-adjusted") as error:
        require_raw("ESM24", found)
    assert "600 shared days" in str(error.value)


def test_the_same_series_under_its_own_name_proves_nothing():
    raw = series(volume=raw_volume(600))
    assert judge_series("ESM24", raw, {"ESM24": raw}).verdict is Adjustment.NONE_SEEN


def test_an_export_is_judged_by_its_neighbours(tmp_path):
    path = write(tmp_path / "ESM24.dly_BarData.txt", series(volume=raw_volume(600)))
    assert judge_export(path, NEW_YORK).verdict is Adjustment.NONE_SEEN
    write(tmp_path / "ESU24.dly_BarData.txt", moved(series(), 6.0))
    write(tmp_path / "NQU24.dly_BarData.txt", moved(series(), 7.0))
    (why,) = judge_export(path, NEW_YORK).why
    assert why.startswith("ESU24 stands +6 apart")


def test_the_command_decodes_warns_and_says_why(tmp_path):
    path = write(tmp_path / "ESM24.dly_BarData.txt", series())
    done = CliRunner().invoke(root, ["ticks", str(path), "--tz", "America/New_York", "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["records"], document["back_adjusted"]) == (600, "suspected")
    assert "front contract" in document["back_adjusted_why"][0]
    assert "back-adjustment suspected" in done.stderr


def test_a_text_export_never_feeds_the_graph(tmp_path):
    path = write(tmp_path / "ESM24-CME.dly_BarData.txt", series())
    assert find_sources(tmp_path, [ES]) == []
    with pytest.raises(SourceError, match="text export and may not feed the graph"):
        source_file(path, ES)


@needs_real_data
@pytest.mark.parametrize(("name", "other", "constant"), [("ESH18", "ESM18", "+6"), ("ESM18", "ESH18", "-6")])
def test_real_exports_are_proven_adjusted(name, other, constant):
    """Both real files hold three years of front-month trading, six points apart on every shared day."""
    found = judge_export(FOLDER / f"{name}.dly_BarData.txt", NEW_YORK, 0.25)
    assert found.verdict is Adjustment.PROVEN
    assert found.why[0].startswith(f"{other} stands {constant} apart from it on all 692 shared days")
    assert any("trade like the front contract" in why for why in found.why)
