"""Marks: levels, zones and signals of a session as they were known at an instant.

One frame serves every format. Nothing in it was learnt after the instant: a zone that ended later
has no end, a level that came later is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from zanzibar_assets.instruments import Instrument
from zanzibar_assets.reporting.exports.text import price_digits, price_text
from zanzibar_assets.reporting.labels import DIRECTION
from zanzibar_assets.reporting.labels import marks as warnings_of
from zanzibar_assets.vocabulary import SignalStatus

LEVELS, ZONES, SIGNALS = "levels", "zones", "signals"
WHAT = (LEVELS, ZONES, SIGNALS)
TABLES = (
    "vwap", "volume_profile", "anchored_vwap", "liquidity_sweeps", "points_of_interest", "signals",
)  # fmt: skip
"""Tables that marks are read from; a missing one gives none."""

_STAMP = pl.Datetime("us", "UTC")
SCHEMA = pl.Schema(
    {
        "what": pl.String(),
        "kind": pl.String(),
        "name": pl.String(),
        "text": pl.String(),
        "dir": pl.Int8(),
        "lo": pl.Float64(),
        "hi": pl.Float64(),
        "known_at": _STAMP,
        "until": _STAMP,
    }
)
"""``kind``: level, zone, buy, sell, stop or target. ``lo``..``hi`` are true prices (equal unless a zone).
``until`` is when the mark ended, or null while it stood."""

_ENDS_A_LEVEL = ("level_sweep", "level_accept", "pool_taken")
_BANDS = (
    ("vwap", "VWAP"), ("upper_1", "VWAP +1 sd"), ("lower_1", "VWAP -1 sd"), ("upper_2", "VWAP +2 sd"),
    ("lower_2", "VWAP -2 sd"),
)  # fmt: skip
_PROFILE = (("poc_ticks", "POC"), ("vah_ticks", "VAH"), ("val_ticks", "VAL"))

Row = dict[str, Any]


def session_marks(
    tables: Mapping[str, pl.DataFrame], instrument: Instrument, as_of: datetime, what: Sequence[str] = WHAT
) -> pl.DataFrame:
    """Marks of one session known at ``as_of`` (aware), a frame of ``SCHEMA`` ordered by ``known_at``.

    ``tables`` holds frames of ``TABLES`` for the instrument's session (``signals`` may hold other
    instruments'). Text of a simulated instrument begins with SIMULATED.
    """
    known = {name: frame.filter(pl.col("known_at") <= as_of) for name, frame in tables.items()}
    rows: list[Row] = []
    if LEVELS in what:
        rows += [*_lines(known, instrument), *_anchored(known), *_resting(known)]
    if ZONES in what:
        rows += _zones(known)
    if SIGNALS in what:
        rows += _signals(known, instrument)
    prefix = "SIMULATED " if instrument.simulated else ""
    for row in rows:
        row["text"] = prefix + row["text"]
    return pl.DataFrame(rows, schema=SCHEMA).sort("known_at", "what", "kind", "name", maintain_order=True)


def _mark(what: str, kind: str, name: str, text: str, prices: tuple[float, float], row: Row) -> Row:
    return {
        "what": what,
        "kind": kind,
        "name": name,
        "text": text,
        "dir": int(row.get("dir") or 0),
        "lo": prices[0],
        "hi": prices[1],
        "known_at": row["known_at"],
        "until": row.get("until"),
    }


def _level(name: str, price: float, row: Row) -> Row:
    return _mark(LEVELS, "level", name, name, (price, price), row)


def _lines(known: Mapping[str, pl.DataFrame], instrument: Instrument) -> Iterator[Row]:
    """VWAP, its bands and the developing profile as of the last bar; nodes once the profile is final."""
    for row in _frame(known, "vwap").tail(1).iter_rows(named=True):
        for column, name in _BANDS:
            if row[column] is not None:
                yield _level(name, row[column], row)
        for column, name in _PROFILE:
            if row[column] is not None:
                yield _level(name, row[column] * instrument.tick_size, row)
    profile = _frame(known, "volume_profile")
    nodes = profile.filter(pl.col("node").is_not_null()) if profile.height else profile
    for row in nodes.iter_rows(named=True):
        yield _level(str(row["node"]).upper(), row["price"], row)


def _anchored(known: Mapping[str, pl.DataFrame]) -> Iterator[Row]:
    """The latest value of each kind of anchor; the session's open is the VWAP itself."""
    frame = _frame(known, "anchored_vwap")
    if frame.is_empty():
        return
    latest = frame.filter(pl.col("anchor") != "session_open").group_by("anchor", maintain_order=True).last()
    for row in latest.iter_rows(named=True):
        yield _level(f"AVWAP {_words(row['anchor'])}", row["vwap"], row)


def _resting(known: Mapping[str, pl.DataFrame]) -> Iterator[Row]:
    """Levels and pools, ended by their sweep or acceptance."""
    frame = _frame(known, "liquidity_sweeps")
    ends = _ends(frame, _ENDS_A_LEVEL, "ref_id")
    born = frame.filter(pl.col("kind").is_in(["level", "pool"])) if frame.height else frame
    for row in born.iter_rows(named=True):
        name = str(json.loads(row["attrs"]).get("name", ""))
        if row["kind"] == "pool":
            name = "equal highs" if row["dir"] > 0 else "equal lows"
        yield _level(_words(name or row["kind"]), row["level"], row | {"until": ends.get(row["event_id"])})


def _zones(known: Mapping[str, pl.DataFrame]) -> Iterator[Row]:
    """Points of interest from the first row that names them, with the score of the last one."""
    frame = _frame(known, "points_of_interest")
    ends = _ends(frame, ("poi_invalidated",), "poi_id")
    standing = frame.filter(pl.col("kind") != "poi_invalidated") if frame.height else frame
    scores = {row["poi_id"]: row["score"] for row in standing.iter_rows(named=True)}
    first = standing.unique("poi_id", keep="first", maintain_order=True) if scores else standing
    for row in first.iter_rows(named=True):
        side, zone = "demand" if row["dir"] > 0 else "supply", row["poi_id"]
        name = f"{side} {_words(row['source_kind'])}"
        text = f"{name} score {scores[zone]:.2f}"
        yield _mark(ZONES, "zone", name, text, (row["lo"], row["hi"]), row | {"until": ends.get(zone)})


def _signals(known: Mapping[str, pl.DataFrame], instrument: Instrument) -> Iterator[Row]:
    """Kept signals: the entry when it became known, stop and target until it expires."""
    digits = price_digits(instrument.tick_size)
    for row in _frame(known, "signals").iter_rows(named=True):
        if row["instrument"] != instrument.id or row["status"] != SignalStatus.KEPT.value:
            continue
        side, entry = DIRECTION[row["dir"]], row["entry"]
        stop = entry - row["dir"] * row["stop_distance"]
        target = entry + row["dir"] * row["target_distance"]
        warning = warnings_of(row | {"simulated": False})  # the instrument says SIMULATED already
        words = [side.upper(), row["source"], f"{row['known_at']:%H:%M:%S} UTC", warning]
        text = " ".join(word for word in words if word)
        plan = f"stop {price_text(stop, digits)} target {price_text(target, digits)}"
        row["until"] = row["expires_at"]
        for kind, price, said in (
            (side, entry, f"{text} {plan}"),
            ("stop", stop, f"stop of {text}"),
            ("target", target, f"target of {text}"),
        ):
            yield _mark(SIGNALS, kind, row["signal_id"], said, (price, price), row)


def _frame(known: Mapping[str, pl.DataFrame], table: str) -> pl.DataFrame:
    return known.get(table, pl.DataFrame())


def _ends(frame: pl.DataFrame, kinds: Sequence[str], column: str) -> dict[str, datetime]:
    """When each id was first ended by a row of these kinds."""
    if frame.is_empty():
        return {}
    rows = frame.filter(pl.col("kind").is_in(list(kinds)) & pl.col(column).is_not_null())
    return dict(rows.group_by(column, maintain_order=True).agg(pl.col("known_at").first()).iter_rows())


def _words(name: str) -> str:
    return name.replace("_", " ")
