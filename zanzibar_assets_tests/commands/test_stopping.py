"""Ctrl-C and the end of a terminal: commands stop, say so, and leave nothing running."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
CALL = [sys.executable, "-m", "zanzibar_assets.cli"]


def wait_for(done, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if done():
            return True
        time.sleep(0.1)
    return bool(done())


def test_one_interrupt_stops_a_demo_and_says_that_it_can_go_on(tmp_path):
    log = tmp_path / "err"
    environment = {**os.environ, "ZANZIBAR_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as stream:
        demo = subprocess.Popen(
            [*CALL, "demo", "--sessions", "3"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=stream,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    assert wait_for(lambda: b"clean_dom" in log.read_bytes() or demo.poll() is not None, 120)
    assert demo.poll() is None, log.read_text()
    demo.send_signal(signal.SIGINT)
    assert demo.wait(timeout=60) == 1
    said = log.read_text()
    assert "the same command goes on" in said
    assert "Traceback" not in said


def test_ending_up_ends_its_servers(tmp_path):
    with socket.socket() as probe, socket.socket() as other:
        probe.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, pages = probe.getsockname()[1], other.getsockname()[1]
    environment = {**os.environ, "ZANZIBAR_HOME": str(tmp_path / "home")}
    up = subprocess.Popen(
        [*CALL, "up", "--port", str(port), "--reports-port", str(pages)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        assert wait_for(listens, 120)
        with urllib.request.urlopen(f"http://127.0.0.1:{pages}/", timeout=30) as answer:
            assert b"Charts and reports" in answer.read()
        up.send_signal(signal.SIGTERM)
        up.wait(timeout=120)
    finally:
        up.kill()
        up.wait()
    assert wait_for(lambda: not listens(), 20)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", pages)) != 0


def test_servers_that_do_not_listen_to_the_signal_are_ended_all_the_same():
    deaf = (
        "import signal, time; [signal.signal(s, signal.SIG_IGN) for s in (2, 15)]; "
        "print(1, flush=True); time.sleep(600)"
    )
    code = (
        "import os, sys; from zanzibar_assets.commands import up; up.GRACE_SECONDS = 0.5; "
        f"up.serve([sys.executable, '-c', {deaf!r}], dict(os.environ))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) is not None
