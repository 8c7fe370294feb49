"""Room: which superseded versions need their bytes no more.

A running session is built at every look at its growing file, and each look supersedes the one
before. Such a version was never a correction; once the session is over, and unless a kept signal,
an order or a model was made from it, only its record in the manifest stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.calendars import is_session, session_window
from zanzibar_assets.store.evolution import load_as_stored
from zanzibar_assets.store.versions import Forgotten, HasKeptSignal, History, forget, releasable

if TYPE_CHECKING:
    from zanzibar_assets.store.keys import PartitionKey
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


def release_looks(workspace: Workspace, now_us: int) -> list[Forgotten]:
    """Remove the bytes of versions that were superseded while their session ran, a day after it closed.

    Versions that a correction or other code superseded after the close are left alone.
    """
    cutoff_us = now_us - US_PER_DAY
    found = releasable(History.of(workspace.manifest), cutoff_us, kept_signal_test(workspace))
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
