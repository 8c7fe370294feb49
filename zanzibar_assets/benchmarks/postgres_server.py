"""A PostgreSQL server of an installed version, started in a temporary folder and removed again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SUPERUSER = "zanzibar_tests"
PASSWORD = "not-a-secret-4711"
"""Of a server that listens on loopback for a few seconds and holds nothing but made-up rows."""
START_SECONDS = 30


def server_programs() -> Path | None:
    """Folder of an installed server's programs: where pg_config says, or the newest of the usual place."""
    asked = shutil.which("pg_config")
    candidates = []
    if asked is not None:
        done = subprocess.run([asked, "--bindir"], capture_output=True, text=True, check=False)
        candidates.append(Path(done.stdout.strip()))
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in candidates if (folder / "initdb").exists()), None)


class Server:
    """A running server: ``url`` opens its database; ``stop`` ends it and removes its folder.

    ``data`` is where its files stand, by default in that folder; ``settings`` go to its command line.
    """

    def __init__(self, programs: Path, data: Path | None = None, settings: Sequence[str] = ()) -> None:
        self._programs = programs
        self._settings = settings
        self.folder = Path(tempfile.mkdtemp(prefix="zpg-"))
        self._rights = _rights()
        if self._rights:
            shutil.chown(self.folder, self._rights["user"])
        self.data = data or self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"postgresql+psycopg2://{SUPERUSER}:{PASSWORD}@127.0.0.1:{self.port}/postgres"
        self._make()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = ["-p", str(self.port), "-c", "listen_addresses=127.0.0.1", "-k", str(self.folder)]
        options += [part for setting in self._settings for part in ("-c", setting)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self.data), *options],
                cwd=self.folder, stdout=log, stderr=log, **self._rights,
            )  # fmt: skip
        ready = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        ends = time.monotonic() + START_SECONDS
        while subprocess.run(ready, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError(self.log.read_text(encoding="utf-8")[-2000:])
            time.sleep(0.05)

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.folder.parent / f"{self.folder.name}.log"

    def kill(self) -> None:
        """End the server at once, as a crash does, and wait for its children."""
        self._end("immediate")

    def shut_down(self) -> None:
        """End the server in good order: everything is on its disk."""
        self._end("fast")

    def stop(self) -> None:
        """End the server, when it runs, and remove its folder."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder)
        self.log.unlink(missing_ok=True)

    def _end(self, mode: str) -> None:
        if self._process is None:
            raise RuntimeError("the server was not started")
        subprocess.run(
            [str(self._programs / "pg_ctl"), "-D", str(self.data), "-m", mode, "-w", "stop"],
            cwd=self.folder, check=True, stdout=subprocess.DEVNULL, **self._rights,
        )  # fmt: skip
        self._process.wait(30)

    def _make(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        if self._rights:
            shutil.chown(secret, self._rights["user"])
        subprocess.run(
            [str(self._programs / "initdb"), "-D", str(self.data), "-U", SUPERUSER, "-E", "UTF8",
             "--no-locale", "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync", "--data-checksums"],
            cwd=self.folder, check=True, capture_output=True, **self._rights,
        )  # fmt: skip


def _rights() -> dict[str, Any]:
    """The server refuses to run as root: then it runs as another user."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in known else "nobody"
    return {"user": user, "extra_groups": []}
