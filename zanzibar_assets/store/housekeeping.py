"""Room: which superseded versions need their bytes no more.

A running session is built at every look at its growing file, and each look supersedes the one
before. Such a version was never a correction; once the session is over, and unless a kept signal,
an order or a model was made from it, only its record in the manifest stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.calendars import is_session, session_window
from zanzibar_assets.store.evolution import load_as_stored
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.serving import OOS, registry_of
from zanzibar_assets.store.versions import Forgotten, HasKeptSignal, History, forget, releasable

if TYPE_CHECKING:
    from zanzibar_assets.store.manifest import PartitionRecord
    from zanzibar_assets.store.workspace import Workspace

US_PER_DAY = 86_400_000_000


def kept_signal_test(workspace: Workspace) -> HasKeptSignal:
    """Whether a version of the signals holds a kept one; one that cannot be read any more counts as such."""

    def has_kept_signal(record: PartitionRecord) -> bool:
        held = workspace.lake.kept(record.table, record.key, record.schema_version)
        if record.fingerprint not in held:
            return True
        return bool((load_as_stored(workspace.lake, record)["status"] == "kept").any())

    return has_kept_signal


def champions_evidence(workspace: Workspace, history: History) -> list[PartitionRecord]:
    """Versions that the champions of then and now stand on: their validations and unseen predictions.

    A rollback can bring each of them back, so what they were trained on stays too. A challenger's
    evidence is kept while it is the newest; once it is pruned the challenger cannot be promoted.
    """
    registry = registry_of(workspace)
    models = {model.model_id: model for model in registry.models()}
    wanted = set()
    for decision in registry.decisions():
        model, key = models[decision.model_id], PartitionKey(decision.instrument)
        wanted |= {
            ("validation_report", key, decision.validation_fingerprint),
            ("validation_report", key, model.validation_fingerprint),
            (OOS, key, model.extra.get(OOS)),
        }
    known = [*history.all(), *(version.record for version in history.superseded())]
    return [record for record in known if (record.table, record.key, record.fingerprint) in wanted]


def release_looks(workspace: Workspace, now_us: int) -> list[Forgotten]:
    """Remove the bytes of versions that were superseded while their session ran, a day after it closed.

    Versions that a correction or other code superseded after the close are left alone.
    """
    cutoff_us = now_us - US_PER_DAY
    history = History.of(workspace.manifest)
    evidence = champions_evidence(workspace, history)
    found = releasable(history, cutoff_us, kept_signal_test(workspace), evidence)
    looks = []
    for version in found:
        close_us = session_close_us(workspace, version.record.key)
        if close_us is not None and (version.superseded_us or 0) < close_us <= cutoff_us:
            looks.append(version)
    return forget(workspace.lake, looks)


def session_close_us(workspace: Workspace, key: PartitionKey) -> int | None:
    """Close of a partition's session, the last one among the active instruments; None without a session."""
    if key.session is None:
        return None
    if key.instrument is not None:
        instruments = [workspace.instruments[key.instrument]]
    else:
        instruments = workspace.active_instruments()
    return max(
        (session_window(i, key.session).close_us for i in instruments if is_session(i, key.session)),
        default=None,
    )
