"""What a person sees of a materialization. Belongs here: turning outcomes into Dagster metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from zanzibar_assets.config import Config
from zanzibar_assets.store.builder import BuildOutcome
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import PartitionRecord
from zanzibar_assets.vocabulary import from_us

if TYPE_CHECKING:
    import polars as pl


def outcome_metadata(outcome: BuildOutcome, path: str) -> dict[str, Any]:
    """Metadata of one partition: rows, time bounds, fingerprints, verdict, notes."""
    record = outcome.record
    found: dict[str, Any] = {
        "verdict": record.verdict.value,
        "status": outcome.status.value,
        "fingerprint": record.fingerprint or "none",
        "code_version_of_builder": record.code_version,
        "config_hash": record.config_hash,
        "contract": f"{record.table} v{record.schema_version}",
        "simulated": record.simulated,
        "inputs": dg.MetadataValue.md(inputs_markdown(record)),
        "path": dg.MetadataValue.path(path),
    }
    if record.rows is not None:
        found["dagster/row_count"] = record.rows
    if record.bytes is not None:
        found["bytes"] = record.bytes
    if record.first_us is not None and record.last_us is not None:
        found["first_utc"] = from_us(record.first_us).isoformat()
        found["last_utc"] = from_us(record.last_us).isoformat()
    if record.reasons:
        found["reasons"] = dg.MetadataValue.md("\n".join(f"* {reason}" for reason in record.reasons))
    if record.notes.get("samples"):
        found["rule_samples"] = dg.MetadataValue.md(samples_markdown(record.notes["samples"]))
    if record.notes.get("rules"):
        found["rule_counts"] = dg.MetadataValue.md(counts_markdown(record.notes["rules"]))
    if record.notes:
        found["notes"] = dg.MetadataValue.json(record.notes)
    return found


def samples_markdown(samples: Sequence[Mapping[str, Any]]) -> str:
    """Table of the first rows that each cleaning rule concerned, with their place in the file."""
    rows = [
        f"| {s['rule']} | {s['source']} | {s['byte_offset']} | {s['ts_utc'] or 'no true stamp'} "
        f"| {s['price']} | {s['size']} |"
        for s in samples
    ]
    return "\n".join(
        ["| rule | file | byte offset | stamp | price | size |", "|---|---|---|---|---|---|", *rows]
    )


def counts_markdown(counts: Mapping[str, int]) -> str:
    """Table of what was counted, zeros left out."""
    rows = [f"| {name} | {count:,} |" for name, count in counts.items() if count]
    return "\n".join(["| counted | rows |", "|---|---|", *rows])


def inputs_markdown(record: PartitionRecord, most: int = 40) -> str:
    """Table of a partition's inputs and their fingerprints."""
    # A bar would end the table's cell: instrument and session are shown with a comma.
    shown = [(i.table, i.key.replace("|", ", "), i.fingerprint) for i in record.inputs[:most]]
    rows = [f"| {table} | {key} | `{fingerprint}` |" for table, key, fingerprint in shown]
    if len(record.inputs) > most:
        rows.append(f"| ... | {len(record.inputs) - most} more | |")
    return "\n".join(["| input | partition or bytes | fingerprint |", "|---|---|---|", *rows])


def column_schema(table: str) -> dg.TableSchema:
    """Dagster's column schema of a table's contract; features with what the catalogue says of them."""
    from zanzibar_assets.contracts.registry import schema_of
    from zanzibar_assets.ml.catalogue import FEATURES

    said = {f.name: f"{f.description} ({f.unit}, {f.window})" for f in FEATURES}
    columns = [
        dg.TableColumn(
            name,
            str(column.dtype.type),
            description=said.get(name) if table == "feature_matrix" else None,
            constraints=dg.TableColumnConstraints(nullable=column.nullable),
        )
        for name, column in schema_of(table).columns.items()
    ]
    return dg.TableSchema(columns)


def page_metadata(table: str, key: PartitionKey, config: Config) -> dict[str, Any]:
    """Where a partition's page is: its address while ``zanzibar up`` runs, and its file."""
    if table not in PAGES:
        return {}
    name = PAGES[table](key)
    return {
        "page": dg.MetadataValue.url(f"{config.reporting.base_url}/{name}"),
        "page_file": dg.MetadataValue.path(str(config.reports_dir / name)),
    }


def _chart_page(key: PartitionKey) -> str:
    from zanzibar_assets.reporting.chart_page import page_name

    return page_name(str(key.instrument), str(key.session))


def _report_page(key: PartitionKey) -> str:
    from zanzibar_assets.reporting.session import page_name

    return page_name(str(key.session))


def _hit_rate_page(key: PartitionKey) -> str:
    from zanzibar_assets.reporting.hit_rate_page import page_name

    return page_name(str(key.instrument))


def _model_page(key: PartitionKey) -> str:
    from zanzibar_assets.reporting.model_page import page_name

    return page_name(str(key.instrument))


PAGES: dict[str, Callable[[PartitionKey], str]] = {
    "session_chart": _chart_page,
    "session_report": _report_page,
    "event_hit_rates": _hit_rate_page,
    "model_report": _model_page,
}
"""Table -> name of a partition's page under the reports folder."""


def plot_metadata(table: str, frame: pl.DataFrame | None) -> dict[str, Any]:
    """A small plot for tables that people would rather look at than read."""
    if frame is None or frame.height < 2 or not (table in HISTOGRAMS or table in DRAWN):
        return {}
    from zanzibar_assets.reporting import plots

    if table == "event_hit_rates":
        from zanzibar_assets.reporting.hit_rate_page import edge_chart, sentence

        minutes = sorted(frame["horizon_minutes"].unique())[-1]
        chart = edge_chart(frame, minutes, f"{minutes} minutes later")
        picture = plots.markdown_image(chart, sentence(frame))
    elif table == "model_explanation":
        from zanzibar_assets.reporting.explanation_plots import importance_chart

        picture = plots.markdown_image(importance_chart(frame), "mean contribution of the leading features")
    elif table == "session_chart":
        picture = plots.markdown_image(plots.known_sketch(frame), "what was drawn, when it could be known")
    elif table == "bars":
        picture = plots.markdown_image(plots.price_sparkline(frame), "close and volume of the session")
    else:
        column, label = HISTOGRAMS[table]
        picture = plots.markdown_image(plots.histogram(frame[column], label), f"distribution of {label}")
    return {"plot": dg.MetadataValue.md(picture)}


DRAWN = ("bars", "event_hit_rates", "model_explanation", "session_chart")
"""Tables with a picture of their own."""
HISTOGRAMS = {
    "clean_ticks": ("size", "trade size (lots)"),
    "liquidity_features": ("delta", "delta per bar (lots)"),
    "points_of_interest": ("score", "POI score"),
    "labels": ("net_return", "net return (log)"),
    "predictions": ("prediction", "P(up)"),
}
"""Table -> column to show and its label."""
