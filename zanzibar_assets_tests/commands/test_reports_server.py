"""The reports server reads pages of one folder, for this machine's own browser only."""

from __future__ import annotations

import http.client
import os
import socket

import pytest

from zanzibar_assets.commands._reports_server import page_path, serving

OUTSIDE = (
    "/../secret.html", "/..%2fsecret.html", "/%2e%2e/secret.html", "/2025-01-06/../../secret.html",
    "//etc/passwd", "/./a.html", "/.hidden.html", "/a.html/", "/a.html%00", "/..\\secret.html", "/C:\\a.html",
    "/notes.txt", "/page.partial", "/link.html", "/linked/secret.html", "/2025-01-06", "/2025-01-06/",
    "/a/b/c/d.html", "/a.html%0d%0aX: y", "/missing.html", "http://elsewhere/../secret.html",
)  # fmt: skip


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    base = tmp_path_factory.mktemp("home")
    folder = base / "reports"
    (folder / "2025-01-06").mkdir(parents=True)
    (folder / "a.html").write_text("<p>a</p>")
    (folder / "x-1.0.min.js").write_text("1;")
    (folder / "2025-01-06" / "index.html").write_text("report")
    (folder / "session_chart-SIM_ES-2025-01-06.html").write_text("chart")
    (folder / "hit_rates-SIM_ES.html").write_text("worth")
    for name in ("notes.txt", "page.partial", ".hidden.html"):
        (folder / name).write_text("no")
    (base / "secret.html").write_text("secret")
    (base / "elsewhere").mkdir()
    (base / "elsewhere" / "secret.html").write_text("secret")
    if os.name != "nt":
        (folder / "link.html").symlink_to(base / "secret.html")
        (folder / "linked").symlink_to(base / "elsewhere")
    return folder


@pytest.fixture(scope="module")
def port(reports):
    with serving(reports, "127.0.0.1", 0) as port:
        yield port


def ask(port: int, target: str, method: str = "GET", host: str | None = None, headers: dict | None = None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(method, target, skip_host=True)
        if host != "":
            connection.putheader("Host", host or f"127.0.0.1:{port}")
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def test_pages_and_scripts_are_served_with_their_type(port):
    for target, content, kind in (
        ("/a.html", b"<p>a</p>", "text/html; charset=utf-8"),
        ("/x-1.0.min.js?v=1", b"1;", "text/javascript; charset=utf-8"),
        ("/2025-01-06/index.html", b"report", "text/html; charset=utf-8"),
    ):
        status, headers, body = ask(port, target)
        assert (status, body, headers["Content-Type"]) == (200, content, kind)


def test_pages_may_run_only_scripts_of_the_folder(port):
    _, headers, _ = ask(port, "/a.html")
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("target", OUTSIDE)
def test_nothing_outside_the_folder_and_nothing_but_pages(reports, target):
    assert page_path(reports, target) is None


@pytest.mark.parametrize("target", [t for t in OUTSIDE if not any(c in t for c in "\\ ")])
def test_refused_over_the_wire_too(port, target):
    status, _, body = ask(port, target)
    assert status == 404
    assert b"secret" not in body


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "localhost.evil:{port}"]
)
def test_another_host_name_is_refused(port, host):
    status, _, body = ask(port, "/a.html", host=host.format(port=port))
    assert status in (400, 421)
    assert b"<p>a</p>" not in body


def test_localhost_is_this_machine_too(port):
    assert ask(port, "/a.html", host=f"LOCALHOST:{port}")[0] == 200


def test_head_sends_no_body(port):
    status, headers, body = ask(port, "/a.html", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, "8", b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(port, method):
    assert ask(port, "/a.html", method)[0] == 501


def test_the_list_names_sessions_with_report_and_charts(port):
    status, _, body = ask(port, "/")
    text = body.decode()
    assert status == 200
    for link in ("2025-01-06/index.html", "session_chart-SIM_ES-2025-01-06.html", "hit_rates-SIM_ES.html"):
        assert f'href="{link}"' in text
    assert "secret" not in text
    assert "notes" not in text


def test_a_home_without_reports_says_so(tmp_path):
    with serving(tmp_path / "none", "127.0.0.1", 0) as port:
        status, _, body = ask(port, "/")
    assert status == 200
    assert b"No chart and no report" in body


def test_the_server_ends_with_its_block(reports):
    with serving(reports, "127.0.0.1", 0) as port:
        assert ask(port, "/a.html")[0] == 200
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
