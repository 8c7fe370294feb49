"""Imported once by the process that readers are forked from: libraries, calendars, contracts."""

import numba
import pandera.backends.polars.checks
import pandera.backends.polars.container
import pyarrow.fs
import pyarrow.parquet
import scipy
import sqlalchemy.dialects.sqlite

from zanzibar_assets.calendars import session_at
from zanzibar_assets.contracts.registry import schema_of
from zanzibar_assets.ingestion import cleaned, depth
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.store import migration
from zanzibar_assets_tests.benchmarks.tailing_writer import TICKS

WARM = (numba, pandera, pyarrow, scipy, sqlalchemy, cleaned, depth, migration)
session_at(load_instruments()[TICKS], 1_736_294_400_000_000)
for name in ("raw_ticks", "raw_depth"):
    schema_of(name)
