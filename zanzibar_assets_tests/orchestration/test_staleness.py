"""After a correction the UI shows what was replaced and, on the dependents' pages, that they are stale."""

from __future__ import annotations

import dagster as dg

from zanzibar_assets.ingestion.formats import pack_scid_header
from zanzibar_assets.orchestration.graph import all_assets
from zanzibar_assets.orchestration.instance import open_instance
from zanzibar_assets.orchestration.partitions import dagster_key, register
from zanzibar_assets.orchestration.resources import ZanzibarResource
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets_tests.builders import sierra

SESSION = "2025-01-06"
DAY = PartitionKey("SIM_ES", SESSION)


def download(folder, *prices):
    records = [
        sierra.trade(f"2025-01-06T15:00:{second:02d}", price, price - 0.25, price)
        for second, price in enumerate(prices)
    ]
    sierra.write_scid(folder / "ESH25-SIM.scid", *records, header=pack_scid_header(simulated=True))


def build(instance, zanzibar, *tables):
    chosen = [asset for asset in all_assets() if {k.to_user_string() for k in asset.keys} <= set(tables)]
    done = dg.materialize(
        chosen, partition_key=dagster_key(DAY), instance=instance, resources={"zanzibar": zanzibar}
    )
    assert done.success
    return done


def test_a_correction_marks_what_was_made_from_the_old_rows(tmp_path):
    folder = tmp_path / "sierra"
    folder.mkdir()
    download(folder, 4700.0, 4700.25, 4700.5)
    zanzibar = ZanzibarResource(
        home=str(tmp_path / "home"), overrides={"sierra_dir": str(folder), "instruments": ["SIM_ES"]}
    )
    with open_instance(zanzibar.config()) as instance:
        register(instance, ["SIM_ES"], [SESSION])
        build(instance, zanzibar, "raw_ticks", "raw_depth", "clean_dom", "clean_ticks")
        download(folder, 4700.0, 4701.25, 4700.5)
        done = build(instance, zanzibar, "raw_ticks")
        (made,) = done.asset_materializations_for_node("raw_ticks")
        assert made.metadata["superseded_because"].value == "source changed"
        (seen,) = instance.fetch_observations(dg.AssetKey("clean_ticks"), limit=5).records
        observed = seen.asset_observation
        assert observed.partition == dagster_key(DAY)
        assert "raw_ticks SIM_ES|2025-01-06 was" in observed.metadata["because"].value
        assert "source changed" in observed.metadata["because"].value
        done = build(instance, zanzibar, "clean_ticks")
        (made,) = done.asset_materializations_for_node("clean_ticks")
        assert made.metadata["superseded_because"].value == "inputs changed"
