"""A peer that needs an interpreter of its own: started once, then asked to run in turns with ours."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from zanzibar_assets.errors import UsageError

ANSWER_SECONDS = 900.0
ERROR_CHARACTERS = 300


class PeerProcess:
    """A script that prints a JSON line when it is ready and one for each line it is sent.

    Raises UsageError when it cannot be started, ends early, or is silent for a quarter of an hour.
    """

    def __init__(self, python: Path, script: Path, arguments: list[str], errors: Path) -> None:
        self._errors = errors
        with errors.open("w") as stderr:
            try:
                self._process = subprocess.Popen(
                    [str(python), str(script), *arguments],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
                )  # fmt: skip
            except OSError as error:
                raise UsageError(f"{python} does not start", got=str(error)) from error

    def __enter__(self) -> PeerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        if kind is not None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def answer(self) -> dict[str, Any]:
        """The next line it prints."""
        assert self._process.stdout is not None
        watchdog = threading.Timer(ANSWER_SECONDS, self._process.kill)
        watchdog.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            self._process.wait()
            said = self._errors.read_text().strip()[-ERROR_CHARACTERS:]
            raise UsageError("the peer ended before it answered", got=said or "no output")
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line and take the answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise UsageError("the peer ended", got=str(error)) from error
        return self.answer()
