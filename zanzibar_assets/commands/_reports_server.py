"""The reports folder over HTTP on loopback: reading only, pages and their parts only.

What it refuses: other methods than GET and HEAD, names that leave the folder or are no page, and
requests whose Host is not the loopback address that it serves (a page elsewhere could otherwise reach it
under a name of its own). Pages may run no script but those of this folder and load nothing from
elsewhere.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from urllib.parse import unquote, urlsplit

from zanzibar_assets.reporting.index_page import render_index

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".png": "image/png",
}
PART = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$")
"""A folder or file name: no leading dot, no separator of any system, nothing that must be quoted."""
MOST_PARTS = 3
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def page_path(reports: Path, target: str) -> Path | None:
    """File of a request's target within the folder; None when it is no page or leads out of it.

    Links that lead out of the folder are followed to where they lead, and refused.
    """
    parts = unquote(urlsplit(target).path).lstrip("/").split("/")
    if len(parts) > MOST_PARTS or not all(PART.match(part) for part in parts):
        return None
    root = reports.resolve()
    found = root.joinpath(*parts).resolve()
    if not found.is_relative_to(root) or found.suffix not in TYPES or not found.is_file():
        return None
    return found


def allowed_hosts(port: int) -> frozenset[str]:
    """Values of the Host header under which this machine's own browser reaches the server."""
    return frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))


class Handler(BaseHTTPRequestHandler):
    """Answers one request; ``reports`` is the folder served."""

    server_version = "Zanzibar"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 30

    def __init__(self, *args: object, reports: Path) -> None:
        self.reports = reports
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Send a page."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Send a page's headers."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        port = self.connection.getsockname()[1]
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0].lower() not in allowed_hosts(port):
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this server answers to its loopback address only")
            return
        if urlsplit(self.path).path == "/":
            self._send(render_index(self.reports).encode("utf-8"), TYPES[".html"], body=body)
            return
        found = page_path(self.reports, self.path)
        if found is None:
            self._refuse(HTTPStatus.NOT_FOUND, "no such page")
            return
        self._send(found.read_bytes(), TYPES[found.suffix], body=body)

    def _send(self, content: bytes, kind: str, *, body: bool, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True
        self._send(
            f"{why}\n".encode(), "text/plain; charset=utf-8", body=self.command != "HEAD", status=status
        )

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged: the terminal belongs to Dagster."""


class Server(ThreadingHTTPServer):
    """Server of one loopback address of either family."""

    daemon_threads = True

    def __init__(self, host: str, port: int, reports: Path) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), partial(Handler, reports=reports))

    def server_bind(self) -> None:
        """Bind without asking the resolver for the machine's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]


@contextmanager
def serving(reports: Path, host: str, port: int) -> Iterator[int]:
    """Serve the folder while the block runs; gives the port (0 asks for a free one)."""
    with Server(host, port, reports) as server:
        thread = threading.Thread(target=server.serve_forever, name="reports", daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
