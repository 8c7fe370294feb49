"""What a session's chart draws, as rows: events, zones and their ends, phases, levels, signals.

Pure: frames of one instrument's session in, the ``session_chart`` frame out. Nothing depends on what
became known later, so the rows known by an instant are the chart as it stood then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from zanzibar_assets.contracts.registry import conform, empty, polars_schema

TABLE = "session_chart"
EVENT_TABLES = ("smc_events", "wyckoff_events", "liquidity_sweeps", "orderflow_events")
ZONE_KINDS = ("fvg", "ob")
ZONE_ENDS = ("fvg_fill", "fvg_invert", "breaker")
"""A gap ends when it is filled or inverted, an order block when it is broken through."""
MOST_IN_WINDOW = 40
WINDOW_MINUTES = 15
"""Of one kind, bar length and layer, the first so many known in each such window are drawn: a rule that
needs nothing later, so that thinning does not change what an earlier chart showed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartInputs:
    """Frames of one instrument's session, each as its contract says; any of them may be empty.

    ``events`` are the event tables by name (``EVENT_TABLES``).
    """

    bars: pl.DataFrame
    vwap: pl.DataFrame
    anchored_vwap: pl.DataFrame
    volume_profile: pl.DataFrame
    events: Mapping[str, pl.DataFrame]
    points_of_interest: pl.DataFrame
    raw_signals: pl.DataFrame


@dataclass(frozen=True, slots=True)
class SessionItems:
    """The rows that are drawn, and by (source, kind) how many there were and how many stay out."""

    frame: pl.DataFrame
    left_out: tuple[tuple[str, str, int, int], ...]


def build_session_chart(inputs: ChartInputs, tick_size: float) -> SessionItems:
    """SessionChart rows of a session; ``tick_size`` turns ticks into prices."""
    births = pl.concat([*(_events(inputs, t) for t in EVENT_TABLES), _zones(inputs), _signals(inputs)])
    drawable = births.filter(pl.col("drawn_ticks").is_not_null())
    kept = _thin(drawable)
    rows = pl.concat([kept, _zone_ends(inputs, kept), _phases(inputs), _profile_levels(inputs)])
    priced = rows.with_columns(
        (pl.col(f"{name}_ticks") * tick_size).alias(name) for name in ("drawn", "level", "lo", "hi")
    )
    order = ["known_at", "event_ts", "layer", "source", "kind", "item_id"]
    return SessionItems(conform(TABLE, priced.sort(order, maintain_order=True)), _left_out(births, kept))


def _blank() -> pl.DataFrame:
    return empty(TABLE).drop("drawn", "level", "lo", "hi")


def _shaped(frame: pl.DataFrame, **columns: pl.Expr | str | None) -> pl.DataFrame:
    """Frame with the chart's columns: those given, those that it has, and null for the rest."""
    schema = {k: v for k, v in polars_schema(TABLE).items() if k not in ("drawn", "level", "lo", "hi")}
    found = []
    for name, kind in schema.items():
        value = columns.get(name, pl.col(name) if name in frame.columns else None)
        expression = value if isinstance(value, pl.Expr) else pl.lit(value)
        found.append(expression.cast(kind).alias(name))
    return frame.select(found)


def _mark() -> pl.Expr:
    """Where a mark stands: its level, else the edge of its zone that price meets first."""
    edge = pl.when(pl.col("dir") > 0).then("hi_ticks").otherwise("lo_ticks")
    return pl.coalesce("level_ticks", edge, "lo_ticks", "hi_ticks")


def _events(inputs: ChartInputs, table: str) -> pl.DataFrame:
    shaped = _shaped(
        inputs.events[table], layer="event", source=table, item_id=pl.col("event_id"), drawn_ticks=_mark()
    )
    return pl.concat([shaped, _poi_events(inputs)]) if table == "smc_events" else shaped


def _poi_events(inputs: ChartInputs) -> pl.DataFrame:
    zones = inputs.points_of_interest.with_columns(level_ticks=pl.lit(None, pl.Int64))
    return _shaped(
        zones,
        layer="event",
        source="points_of_interest",
        item_id=pl.col("poi_id"),
        drawn_ticks=_mark(),
        label=pl.col("source_kind"),
    )


def _zones(inputs: ChartInputs) -> pl.DataFrame:
    """Gaps, blocks and points of interest that the session gave birth to."""
    born = inputs.events["smc_events"].filter(pl.col("kind").is_in(ZONE_KINDS))
    blocks = _shaped(
        born, layer="zone", source="smc_events", item_id=pl.col("event_id"), drawn_ticks=pl.col("hi_ticks")
    )
    best = inputs.points_of_interest.filter(pl.col("kind") == "poi")
    points = _shaped(
        best,
        layer="zone",
        source="points_of_interest",
        item_id=pl.col("poi_id"),
        drawn_ticks=pl.col("hi_ticks"),
        label=pl.col("source_kind"),
    )
    return pl.concat([blocks, points])


def _zone_ends(inputs: ChartInputs, kept: pl.DataFrame) -> pl.DataFrame:
    """The first end of each drawn zone, from when it was known."""
    broken = inputs.events["smc_events"].filter(pl.col("kind").is_in(ZONE_ENDS))
    of_events = _shaped(broken, layer="zone_end", source="smc_events", item_id=pl.col("event_id"))
    invalid = inputs.points_of_interest.filter(pl.col("kind") == "poi_invalidated")
    of_points = _shaped(
        invalid,
        layer="zone_end",
        source="points_of_interest",
        item_id=pl.col("poi_id"),
        ref_id=pl.col("poi_id"),
    )
    zones = kept.filter(pl.col("layer") == "zone").select(ref_id="item_id", born=pl.col("known_at"))
    ends = pl.concat([of_events, of_points]).join(zones, on="ref_id", maintain_order="left")
    later = ends.filter(pl.col("known_at") >= pl.col("born")).sort("known_at", maintain_order=True)
    return later.unique("ref_id", keep="first", maintain_order=True).drop("born")


def _phases(inputs: ChartInputs) -> pl.DataFrame:
    """A row where a schematic's phase is another than after its row before."""
    found = inputs.events["wyckoff_events"].with_columns(
        schematic=pl.col("attrs").str.json_path_match("$.schematic"),
        phase=pl.col("attrs").str.json_path_match("$.phase").replace("null", None),
    )
    before = pl.col("phase").shift(1).over("schematic")
    changed = found.filter(pl.col("phase").ne_missing(before))
    return _shaped(
        changed,
        layer="phase",
        source="wyckoff_events",
        kind=pl.col("schematic"),
        item_id=pl.col("event_id"),
        label=pl.col("phase"),
        drawn_ticks=None,
    )


def _profile_levels(inputs: ChartInputs) -> pl.DataFrame:
    """Final point of control, value area edges and nodes: known when the session ended."""
    profile = inputs.volume_profile
    if profile.is_empty():
        return _blank()
    area = profile.filter(pl.col("in_value_area")).sort("price_ticks")
    parts = [
        profile.filter(pl.col("is_poc")).with_columns(kind=pl.lit("poc")),
        area.tail(1).with_columns(kind=pl.lit("vah")),
        area.head(1).with_columns(kind=pl.lit("val")),
        profile.filter(pl.col("node").is_not_null()).with_columns(kind=pl.col("node")),
    ]
    price = pl.col("price_ticks")
    return _shaped(
        pl.concat(parts),
        layer="profile",
        source="volume_profile",
        item_id=pl.concat_str(pl.col("kind"), pl.lit("@"), price),
        dir=pl.lit(0),
        drawn_ticks=price,
        level_ticks=price,
        score=pl.col("volume"),
    )


def _signals(inputs: ChartInputs) -> pl.DataFrame:
    side = pl.col("dir").cast(pl.Int64)
    stop = pl.col("entry_ticks") - side * pl.col("stop_distance_ticks")
    target = pl.col("entry_ticks") + side * pl.col("target_distance_ticks")
    return _shaped(
        inputs.raw_signals,
        layer="signal",
        source="raw_signals",
        kind=pl.col("source"),
        item_id=pl.col("signal_id"),
        drawn_ticks=pl.col("entry_ticks"),
        level_ticks=pl.col("entry_ticks"),
        lo_ticks=pl.min_horizontal(stop, target),
        hi_ticks=pl.max_horizontal(stop, target),
        label=pl.col("model_id"),
    )


def _thin(rows: pl.DataFrame) -> pl.DataFrame:
    """The first rows of each kind in each window of time; signals all stay."""
    window = pl.col("known_at").dt.truncate(f"{WINDOW_MINUTES}m")
    ordered = rows.sort("known_at", maintain_order=True)
    place = pl.int_range(pl.len()).over("layer", "source", "kind", "timeframe_seconds", window)
    return ordered.filter((place < MOST_IN_WINDOW) | (pl.col("layer") == "signal"))


def _left_out(births: pl.DataFrame, kept: pl.DataFrame) -> tuple[tuple[str, str, int, int], ...]:
    def count(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.col("layer") != "zone").group_by("source", "kind").len()

    both = count(births).join(count(kept), on=["source", "kind"], how="left", suffix="_kept")
    both = both.with_columns(pl.col("len_kept").fill_null(0)).filter(pl.col("len") > pl.col("len_kept"))
    missing = (pl.col("len") - pl.col("len_kept")).alias("missing")
    chosen = both.sort("source", "kind").select("source", "kind", "len", missing)
    return tuple(chosen.iter_rows())
