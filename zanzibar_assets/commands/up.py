"""``zanzibar up``: Dagster's UI, daemon and the home's reports on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import click

from zanzibar_assets.config import HOME_VARIABLE, load_config
from zanzibar_assets.errors import UsageError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
GRACE_SECONDS = 20.0
"""How long the servers may take to end by themselves once they are told to."""


@click.command(
    name="up",
    epilog="Example:  zanzibar up --port 3000   (then open http://127.0.0.1:3000; stop with Ctrl-C)",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the UI."
)
@click.option(
    "--reports-port",
    type=click.IntRange(1, 65535),
    help="Port of charts and reports.  [default: that of reporting.base_url, 3001]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to bind.")
def command(port: int, reports_port: int | None, host: str) -> None:
    """Serve Dagster's UI and daemon, and charts and reports, on loopback until Ctrl-C.

    The UI has no login and its mutations can be reached by any page open in a browser on this
    machine, so only loopback addresses are accepted and the live backend stays disarmed unless
    `zanzibar arm` armed it for one session.
    """
    if host not in LOOPBACK:
        raise UsageError(
            f"{host} is no loopback address",
            expected="one of " + ", ".join(LOOPBACK),
            action="Dagster's UI is unguarded: reach it through an SSH tunnel instead",
        )
    config = load_config()
    pages = reports_port or config.reporting.port
    refuse_taken(host, port, "--port")
    refuse_taken(host, pages, "--reports-port")
    from zanzibar_assets.commands._reports_server import serving
    from zanzibar_assets.orchestration.instance import open_instance, prepare_instance
    from zanzibar_assets.orchestration.reaper import reap

    folder = prepare_instance(config)
    with open_instance(config) as instance:
        closed = reap(instance, all_untagged=True)
    if closed:
        click.echo(f"closed {len(closed)} runs whose process was gone", err=True)
    click.echo(f"Zanzibar home: {config.home}", err=True)
    click.echo(f"Dagster: http://{host}:{port}  (Ctrl-C stops it)", err=True)
    click.echo(f"Charts and reports: http://{host}:{pages}", err=True)
    if pages != config.reporting.port:
        click.echo(
            f"links in Dagster's UI lead to {config.reporting.base_url}; reporting.base_url changes them",
            err=True,
        )
    environment = {**os.environ, "DAGSTER_HOME": str(folder), HOME_VARIABLE: str(config.home)}
    arguments = ["dev", "-m", "zanzibar_assets.definitions", "--host", host, "--port", str(port)]
    with serving(config.reports_dir, host, pages):
        code = serve([sys.executable, "-m", "dagster", *arguments], environment)
    sys.exit(code)


def serve(arguments: list[str], environment: dict[str, str]) -> int:
    """Run the servers in a group of their own and take all of them down with this process."""
    if os.name == "nt":
        return subprocess.call(arguments, env=environment)
    servers = subprocess.Popen(arguments, env=environment, start_new_session=True)

    def stop(number: int, frame: object) -> None:
        del number, frame
        with suppress(ProcessLookupError):
            os.killpg(servers.pid, signal.SIGINT)
        # A signal that comes while they start can be lost on them: nobody waits for that for ever.
        deadline = threading.Timer(GRACE_SECONDS, _end_group, (servers.pid,))
        deadline.daemon = True
        deadline.start()

    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, stop)
    try:
        return servers.wait()
    finally:
        _end_group(servers.pid)


def _end_group(group: int) -> None:
    """What is still alive of the group after a grace period is killed."""
    for number, wait_seconds in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 0.0)):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return
        time.sleep(wait_seconds)


def refuse_taken(host: str, port: int, option: str) -> None:
    """UsageError when something listens on the address already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        if probe.connect_ex((host, port)) == 0:
            raise UsageError(
                f"port {port} is taken on {host}",
                action=f"stop the other `zanzibar up`, or choose another {option}",
            )
