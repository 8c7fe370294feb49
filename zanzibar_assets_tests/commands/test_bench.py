"""``zanzibar bench``: one JSON document of figures, from files that hold what was asked for."""

from __future__ import annotations

import json

import numpy as np
from click.testing import CliRunner

from zanzibar_assets.benchmarks.ingest import naive_frame
from zanzibar_assets.cli import root
from zanzibar_assets.ingestion import formats, scid
from zanzibar_assets.ingestion.file_frame import decode_frame
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.simulator.bulk import write_bulk

KEYS = {"what", "value", "unit", "peer", "peer_value", "ratio"}


def bench(*arguments: str) -> dict:
    done = CliRunner().invoke(root, ["bench", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_ingest_reports_figures_beside_their_peers():
    found = bench("ingest", "--records", "2000")
    assert (found["name"], found["simulated"]) == ("ingest", True)
    assert all(set(figure) >= KEYS and figure["value"] > 0 for figure in found["figures"])
    by_name = {figure["what"]: figure for figure in found["figures"]}
    frame = by_name["scid_to_frame"]
    assert abs(frame["ratio"] - frame["peer_value"] / frame["value"]) < 0.01 * frame["ratio"]
    assert found["machine"]["processors"] >= 1


def test_book_says_that_its_peer_was_not_measured():
    found = bench("book", "--records", "2000")
    compared = [figure for figure in found["figures"] if figure["peer"]]
    assert {figure["what"] for figure in compared} == {
        "depth_file_to_top10_dense",
        "depth_file_to_top10_dense_processor",
        "depth_file_to_top10_sparse",
        "depth_file_to_top10_sparse_processor",
    }
    assert all(figure["peer_value"] is None and figure["ratio"] is None for figure in compared)
    assert all("--peer-python" in figure["note"] for figure in compared)


def test_bulk_files_repeat_a_session_on_later_days(tmp_path):
    instrument = load_instruments()["SIM_ES"]
    files = write_bulk(tmp_path, instrument, 1_500, seed=3, trades_per_session=600)
    for path in files:
        header = formats.read_header(path)
        assert (header.records, header.simulated, header.torn_bytes) == (1_500, True, 0)
        assert (np.diff(formats.map_records(path, header)["stamp"]) >= 0).all()


def test_naive_frame_agrees_where_the_records_are_single_trades(tmp_path):
    instrument = load_instruments()["SIM_ES"]
    path = write_bulk(tmp_path, instrument, 1_500, seed=3, trades_per_session=600).ticks
    ours = decode_frame(path, scid.scale_of(path.stem, instrument))
    assert naive_frame(path).equals(ours)
    assert naive_frame(path).schema == ours.schema
