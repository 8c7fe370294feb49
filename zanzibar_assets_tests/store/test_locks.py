"""Locks on files: one holder at a time across threads and processes; a killed holder frees them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from zanzibar_assets.store.locks import LOCK_FILES, holding, lock_file

HOLDER = """
import sys, time
from pathlib import Path
from zanzibar_assets.store.locks import holding
with holding(Path(sys.argv[1]), "bars ES"):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    return process


def waiting_thread(folder, name="bars ES"):
    got = threading.Event()

    def take():
        with holding(folder, name):
            got.set()

    thread = threading.Thread(target=take)
    thread.start()
    return thread, got


def test_another_process_is_waited_for(tmp_path):
    process = holder(tmp_path)
    thread, got = waiting_thread(tmp_path)
    assert not got.wait(0.2)
    process.communicate(b"go\n")
    assert got.wait(20)
    thread.join()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is a POSIX signal")
def test_a_killed_holder_frees_the_lock(tmp_path):
    process = holder(tmp_path)
    thread, got = waiting_thread(tmp_path)
    assert not got.is_set()
    process.kill()
    process.communicate()
    assert got.wait(20)
    thread.join()


def test_other_names_do_not_wait(tmp_path):
    others = [
        f"bars {n}"
        for n in range(50)
        if lock_file(tmp_path, f"bars {n}").name != lock_file(tmp_path, "bars ES").name
    ]
    with holding(tmp_path, "bars ES"):
        thread, got = waiting_thread(tmp_path, others[0])
        assert got.wait(20)
        thread.join()


def test_threads_never_hold_a_lock_together(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(50):
            with holding(tmp_path, "bars ES"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1


def test_the_files_are_few_however_many_the_names(tmp_path):
    for number in range(2_000):
        with holding(tmp_path, f"bars {number}"):
            pass
    assert len(list(tmp_path.iterdir())) <= LOCK_FILES


def test_an_error_inside_frees_the_lock(tmp_path):
    with pytest.raises(ValueError, match="inside"), holding(tmp_path, "bars ES"):
        raise ValueError("inside")
    thread, got = waiting_thread(tmp_path)
    assert got.wait(20)
    thread.join()
