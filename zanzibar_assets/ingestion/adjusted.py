"""Is a price series back-adjusted: evidence, and the refusal of such a series for level work.

A back-adjusted export shifts the past by the gaps of later rolls. Its prices never traded: no level
of it is a level, and the next roll rewrites them all. It may serve for returns, never beside raw
contracts. Four signs, each enough to suspect and the first alone to prove:

* it differs from another series of the same market by the same constant, in open, high, low and
  close, over many days: two raw contracts never do, their spread moves every day;
* a single contract's file trades like the front contract years before its expiry;
* prices off the tick grid;
* prices of zero or below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion.grid import nearest_ticks
from zanzibar_assets.ingestion.rolls import MONTH_CODES
from zanzibar_assets.ingestion.scid import Scale
from zanzibar_assets.ingestion.sources import symbol_of
from zanzibar_assets.ingestion.text import iter_text_chunks

SHARED_DAYS = 20
"""Days that two series must share before a constant difference says anything."""
CONSTANT_SHARE = 0.98
"""Share of the shared days on which the one difference must hold; vendors mend single days."""
FAR_DAYS = 400
"""Before its expiry by this much a quarterly contract hardly trades."""
FRONT_VOLUME_SHARE = 0.1
"""A raw contract trades less than a hundredth of its front volume so far from its expiry."""
_CONTRACT = re.compile(rf"^(?P<root>[A-Z0-9]*[A-Z])(?P<month>[{MONTH_CODES}])(?P<year>\d{{2}})(?=[-.]|$)")


class Adjustment(StrEnum):
    """What the evidence says of a series."""

    NONE_SEEN = "none_seen"
    SUSPECTED = "suspected"
    PROVEN = "proven"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Verdict on a series with the signs it rests on, in plain words."""

    verdict: Adjustment
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much one series stands above another on every shared day."""

    days: int
    constant: float


def daily(ticks: pl.DataFrame) -> pl.DataFrame:
    """``day, open, high, low, close, volume`` of RawTicks bar rows, by UTC day; sound rows only."""
    sound = ticks.filter(pl.col("defect").is_null() & pl.col("price").is_not_null())
    return (
        sound.sort("ts_utc", maintain_order=True)
        .group_by(day=pl.col("ts_utc").dt.date(), maintain_order=True)
        .agg(
            pl.col("open").fill_null(pl.col("price")).first(),
            pl.col("high").fill_null(pl.col("price")).max(),
            pl.col("low").fill_null(pl.col("price")).min(),
            close=pl.col("price").last(),
            volume=pl.col("size").sum(),
        )
    )


def constant_shift(series: pl.DataFrame, other: pl.DataFrame) -> Shift | None:
    """The constant by which ``other`` stands above ``series`` on all shared days; None when there is none.

    Both are ``daily`` frames. Open, high, low and close must differ by the same amount on
    ``CONSTANT_SHARE`` of at least ``SHARED_DAYS`` days. A constant of zero is found too: two contracts
    of different months with the same prices are one series under two names.
    """
    both = series.join(other, on="day", how="inner", suffix="_other")
    if both.height < SHARED_DAYS:
        return None
    names = ("open", "high", "low", "close")
    apart = both.select((pl.col(f"{name}_other") - pl.col(name)).round(6).alias(name) for name in names)
    usual = float(apart["close"].mode().sort()[0])
    same = apart.select(pl.all_horizontal(pl.col(name) == usual for name in names).mean()).item()
    return Shift(both.height, usual) if same >= CONSTANT_SHARE else None


def contract_month(symbol: str) -> tuple[str, date] | None:
    """Root and the first day of the expiry month of a symbol such as ``ESH18``; None without one."""
    found = _CONTRACT.match(symbol)
    if found is None:
        return None
    year = 2000 + int(found["year"])
    return found["root"], date(year, MONTH_CODES.index(found["month"]) + 1, 1)


def judge_series(
    symbol: str, series: pl.DataFrame, others: dict[str, pl.DataFrame], tick_size: float | None = None
) -> Judgement:
    """Verdict on a ``daily`` frame; ``others`` are daily frames of the same market by symbol.

    Against another export of the same kind the shift proves that one of the two is adjusted, so
    neither may be used for levels; against the raw contract itself it proves it of this one.
    """
    proofs = []
    for name in sorted(others):
        shift = constant_shift(series, others[name])
        if shift is not None and (shift.constant or name != symbol):
            proofs.append(
                f"{name} stands {shift.constant:+g} apart from it on all {shift.days} shared days: "
                "two raw contracts never keep one distance"
            )
    signs = [*_far_volume(symbol, series), *_impossible_prices(series, tick_size)]
    if proofs:
        return Judgement(Adjustment.PROVEN, (*proofs, *signs))
    return Judgement(Adjustment.SUSPECTED if signs else Adjustment.NONE_SEEN, tuple(signs))


def _far_volume(symbol: str, series: pl.DataFrame) -> list[str]:
    found = contract_month(symbol)
    if found is None or series.is_empty():
        return []
    expiry = found[1]
    far = series.filter(pl.col("day") < expiry - timedelta(days=FAR_DAYS))
    near = series.filter(pl.col("day") >= expiry - timedelta(days=90))
    if far.height < SHARED_DAYS or not near.height:
        return []
    before, front = float(far["volume"].median() or 0.0), float(near["volume"].median() or 0.0)  # type: ignore[arg-type]
    if front <= 0 or before < FRONT_VOLUME_SHARE * front:
        return []
    return [
        f"{far.height} days more than {FAR_DAYS} days before the contract's month trade like the front "
        f"contract (median {before:,.0f} lots a day, {front:,.0f} near its expiry): other contracts' days"
    ]


def _impossible_prices(series: pl.DataFrame, tick_size: float | None) -> list[str]:
    prices = pl.concat([series[name] for name in ("open", "high", "low", "close")])
    found = []
    below = int((prices <= 0).sum())
    if below:
        found.append(f"{below} prices of zero or below")
    if tick_size is not None:
        off = int((~nearest_ticks(prices.to_numpy(), tick_size)[1]).sum())
        found += [f"{off} prices off the tick of {tick_size:g}"] if off else []
    return found


def judge_export(path: Path, zone: ZoneInfo, tick_size: float | None = None) -> Judgement:
    """Verdict on a daily text export, with the daily exports of the same market beside it as evidence.

    Raises FormatError when the file is no export; one of intraday bars is judged by its days.
    """
    symbol = symbol_of(path)
    mine = _read_daily(path, zone)
    others = {symbol_of(other): _read_daily(other, zone) for other in _beside(path)}
    return judge_series(symbol, mine, others, tick_size)


def is_daily_export(path: Path) -> bool:
    """True for the name Sierra gives an export of daily bars."""
    return ".dly_bardata" in path.name.lower()


def _beside(path: Path) -> list[Path]:
    """Daily exports of other contracts of the same root in the same folder."""
    mine = contract_month(symbol_of(path))
    if mine is None:
        return []
    found = []
    for other in sorted(path.resolve().parent.iterdir()):
        if other.name != path.name and is_daily_export(other) and other.is_file():
            theirs = contract_month(symbol_of(other))
            found += [other] if theirs is not None and theirs[0] == mine[0] else []
    return found


def _read_daily(path: Path, zone: ZoneInfo) -> pl.DataFrame:
    scale = Scale(symbol_of(path), records="bars")
    parts = [daily(chunk) for chunk in iter_text_chunks(path, zone, scale)]
    schema = {"day": pl.Date, **dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64)}
    return (
        pl.concat(parts).unique("day", keep="first", maintain_order=True)
        if parts
        else pl.DataFrame(schema=schema)
    )


def require_raw(symbol: str, judgement: Judgement) -> None:
    """Refuse a series for level work when it is, or may be, back-adjusted; SourceError with the signs."""
    if judgement.verdict is Adjustment.NONE_SEEN:
        return
    word = "is back-adjusted" if judgement.verdict is Adjustment.PROVEN else "may be back-adjusted"
    raise SourceError(
        f"{symbol} {word}: its prices are no levels",
        expected="prices of a single contract as they traded",
        got="; ".join(judgement.why),
        action="use the contract's own .scid file; continuous_bars keeps the adjustment in a column",
    )
