"""Runs of dead processes are closed; those of living ones and of other machines are not."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
import pytest

from zanzibar_assets.config import load_config
from zanzibar_assets.orchestration.instance import open_instance
from zanzibar_assets.orchestration.reaper import PROCESS_TAG, process_mark, reap


@pytest.fixture
def instance(tmp_path):
    with open_instance(load_config(tmp_path)) as opened:
        yield opened


@pytest.fixture(scope="module")
def dead():
    """Mark of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait(timeout=60)
    return f"{process_mark().rpartition(':')[0]}:{child.pid}"


def started(instance, mark: str | None, status=dg.DagsterRunStatus.STARTED):
    tags = {} if mark is None else {PROCESS_TAG: mark}
    run = dg.DagsterRun(job_name="session_pipeline", tags=tags, status=status)
    return instance.add_run(run).run_id


def status_of(instance, run_id: str) -> str:
    return instance.get_run_by_id(run_id).status.value


def test_a_run_of_a_dead_process_is_closed_with_a_reason(instance, dead):
    run_id = started(instance, dead)
    assert reap(instance, all_untagged=False) == [run_id]
    assert status_of(instance, run_id) == "FAILURE"
    messages = [e.dagster_event.message for e in instance.all_logs(run_id) if e.is_dagster_event]
    assert any("process of this run is gone" in message for message in messages)
    assert reap(instance, all_untagged=False) == [], "once"


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING])
def test_runs_on_their_way_in_or_out_are_closed_too(instance, dead, status):
    run_id = started(instance, dead, status)
    assert reap(instance, all_untagged=False) == [run_id]


def test_a_run_of_a_living_process_goes_on(instance):
    run_id = started(instance, process_mark())
    assert reap(instance, all_untagged=True) == []
    assert status_of(instance, run_id) == "STARTED"


@pytest.mark.parametrize("mark", ["another-machine:1", "no-process-id"])
def test_a_run_of_another_machine_is_not_ours_to_judge(instance, mark):
    run_id = started(instance, mark)
    assert reap(instance, all_untagged=True) == []
    assert status_of(instance, run_id) == "STARTED"


def test_a_run_of_the_daemon_is_closed_only_when_none_is_running(instance):
    run_id = started(instance, None)
    assert reap(instance, all_untagged=False) == []
    assert reap(instance, all_untagged=True) == [run_id]


def test_runs_that_ended_or_have_not_begun_are_left_alone(instance, dead):
    for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.NOT_STARTED):
        started(instance, dead, status)
    assert reap(instance, all_untagged=True) == []
