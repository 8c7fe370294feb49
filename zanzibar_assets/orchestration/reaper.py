"""Runs whose process is gone. Belongs here: finding and closing them; Dagster leaves them STARTED."""

from __future__ import annotations

import os
import platform

import dagster as dg

PROCESS_TAG = "zanzibar/process"
OPEN_STATUSES = [
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.CANCELING,
]


def process_mark() -> str:
    """This process as a run tag: host and process id."""
    return f"{platform.node()}:{os.getpid()}"


def reap(instance: dg.DagsterInstance, *, all_untagged: bool) -> list[str]:
    """Mark open runs of dead processes as failed; returns their ids.

    Runs started by a command carry their process. Runs without that mark belong to a daemon: they
    are closed only when ``all_untagged`` says that none is running.
    """
    closed = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=OPEN_STATUSES)):
        mark = run.tags.get(PROCESS_TAG)
        dead = all_untagged if mark is None else not _lives(mark)
        if dead:
            instance.report_run_failed(run, "the process of this run is gone (killed or machine restarted)")
            closed.append(run.run_id)
    return closed


def _lives(mark: str) -> bool:
    host, _, process_id = mark.rpartition(":")
    if host != platform.node() or not process_id.isdigit():
        return True  # another machine's run: not ours to judge
    if os.name == "nt":
        return _lives_on_windows(int(process_id))
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _lives_on_windows(process_id: int) -> bool:
    # os.kill(pid, 0) would end the process on Windows: ask for a handle instead.
    import ctypes

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - absent from other platforms' stubs
    handle = kernel.OpenProcess(0x1000, False, process_id)
    if handle:
        kernel.CloseHandle(handle)
    return bool(handle)
