import json

from click.testing import CliRunner

from zanzibar_assets.cli import root


def _run(*arguments):
    return CliRunner().invoke(root, ["simulate", *arguments])


def test_json_lists_files_alone_on_standard_output(tmp_path):
    done = _run("--out", str(tmp_path), "--sessions", "1", "--trades-per-session", "300", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["simulated"] is True
    assert document["sessions"] == ["2025-01-06"]
    by_name = {entry["path"]: entry["records"] for entry in document["files"]}
    path = str(tmp_path / "ESH25-SIM.scid")
    assert by_name[path] == ((tmp_path / "ESH25-SIM.scid").stat().st_size - 56) // 40
    assert "SIM_NQ 2025-01-06" in done.stderr


def test_live_ends_with_the_same_files(tmp_path):
    shared = ["--sessions", "2", "--instruments", "SIM_BTC", "--trades-per-session", "250", "--json"]
    shot = json.loads(_run("--out", str(tmp_path / "shot"), *shared).stdout)
    live = json.loads(_run("--out", str(tmp_path / "live"), "--live", "--speed", "1e9", *shared).stdout)
    assert [entry["records"] for entry in live["files"]] == [entry["records"] for entry in shot["files"]]
    for path in (tmp_path / "shot").rglob("*.scid"):
        assert path.read_bytes() == (tmp_path / "live" / path.name).read_bytes()


def test_help_has_an_example():
    done = _run("--help")
    assert done.exit_code == 0
    assert "Example:" in done.output


def test_a_real_instrument_is_wrong_usage(tmp_path):
    done = _run("--out", str(tmp_path), "--instruments", "ES")
    assert done.exit_code != 0
    assert "cannot be simulated" in str(done.exception)


def test_no_sessions_is_wrong_usage(tmp_path):
    assert _run("--out", str(tmp_path), "--sessions", "0").exit_code == 2
