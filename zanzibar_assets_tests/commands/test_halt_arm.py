"""Commands halt, resume and arm."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from zanzibar_assets.calendars import session_at
from zanzibar_assets.cli import root
from zanzibar_assets.config import HOME_VARIABLE
from zanzibar_assets.errors import UsageError
from zanzibar_assets.execution.arming import Arming, arming_refusal, disarm, read_arming, write_arming
from zanzibar_assets.execution.halt import pull, read_halt, release
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.vocabulary import to_us


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    return tmp_path


def run(*arguments, **more):
    return CliRunner().invoke(root, list(arguments), **more)


def test_halt_and_resume_speak_json_alone(home):
    done = run("halt", "news in ten minutes", "--json")
    body = json.loads(done.stdout)
    assert (body["halted"], body["reason"]) == (True, "news in ten minutes")
    assert (home / "HALT.json").exists()
    done = run("resume", "--json")
    released = json.loads(done.stdout)
    assert released == {"halted": False, "reason": "news in ten minutes", "since": body["since"]}
    assert not (home / "HALT.json").exists()
    assert json.loads(run("resume", "--json").stdout) == {"halted": False, "reason": None, "since": None}


def test_halt_for_people(home):
    assert "halted since" in run("halt", "lunch").stdout
    assert "lunch" in run("resume").stdout
    assert "was not halted" in run("resume").stdout


def test_halt_needs_a_reason(home):
    assert isinstance(run("halt", "  ").exception, UsageError)
    assert run("halt").exit_code == 2


def test_a_second_halt_keeps_the_time(tmp_path):
    path = tmp_path / "HALT.json"
    first = pull(path, "one", "me", 0)
    second = pull(path, "two", "me", 10**15)
    assert second.since == first.since == "1970-01-01T00:00:00+00:00"
    assert read_halt(path).reason == "two"
    assert release(path).reason == "two"
    assert release(path) is None


@pytest.mark.parametrize("text", ["", "{}", "[1]", "not json"])
def test_a_damaged_halt_file_halts(tmp_path, text):
    path = tmp_path / "HALT.json"
    path.write_text(text)
    assert "damaged" in read_halt(path).reason


def now_session():
    now = datetime.now(UTC)
    return session_at(load_instruments()["BTCUSDT"], to_us(now)), now


def test_arming_asks_for_the_account_number(home):
    session, now = now_session()
    done = run("arm", "--session", session, "--account", "5123", "--json", input="5123\n")
    assert done.exit_code == 0, done.output
    body = json.loads(done.stdout)
    assert (body["armed"], body["session"], body["account"]) == (True, session, 5123)
    assert "REAL orders" in done.stderr
    path = home / "ARMED.json"
    assert arming_refusal(path, session, 5123, to_us(now + timedelta(seconds=5))) is None
    assert json.loads(run("arm", "--disarm", "--json").stdout) == {"armed": False, "was_armed": True}
    assert not path.exists()


def test_a_wrong_number_arms_nothing(home):
    session, _ = now_session()
    done = run("arm", "--session", session, "--account", "5123", input="5124\n")
    assert isinstance(done.exception, UsageError)
    assert not (home / "ARMED.json").exists()


def test_only_a_running_session_can_be_armed(home):
    done = run("arm", "--session", "2024-03-05", "--account", "5123", input="5123\n")
    assert isinstance(done.exception, UsageError)
    assert "not running" in str(done.exception)
    assert isinstance(run("arm").exception, UsageError)


def test_what_an_arming_covers(tmp_path):
    path = tmp_path / "ARMED.json"
    assert "not armed" in arming_refusal(path, "2024-03-05", 5, 10)
    write_arming(path, Arming("2024-03-05", 5, 10, 20))
    assert read_arming(path) == Arming("2024-03-05", 5, 10, 20)
    assert arming_refusal(path, "2024-03-05", 5, 10) is None
    assert "armed for session" in arming_refusal(path, "2024-03-06", 5, 10)
    assert "armed for account" in arming_refusal(path, "2024-03-05", 6, 10)
    assert "valid until" in arming_refusal(path, "2024-03-05", 5, 20)
    assert "valid until" in arming_refusal(path, "2024-03-05", 5, 9)
    path.write_text("damaged")
    assert "not armed" in arming_refusal(path, "2024-03-05", 5, 10)
    assert disarm(path)
    assert not disarm(path)
