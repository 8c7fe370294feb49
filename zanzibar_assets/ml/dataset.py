"""Training data: features of each bar beside its label, as arrays in order of entry."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.catalogue import FEATURE_NAMES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows in order of ``event_ts``: ``x`` (rows, features) with NaN for nulls, ``up`` the target.

    ``up`` is 1 where the long side's gross return is positive; ``weight`` is average uniqueness;
    ``start_us``/``end_us`` are the labels' spans.
    """

    frame: pl.DataFrame
    x: Floats
    up: Floats
    weight: Floats
    start_us: Ints
    end_us: Ints
    features: tuple[str, ...]
    fingerprint: str

    @property
    def rows(self) -> int:
        """Labelled rows."""
        return len(self.up)

    @property
    def sessions(self) -> list[str]:
        """Sessions that have labelled rows, in order."""
        return sorted(self.frame["session"].unique().to_list())


def assemble(features: pl.DataFrame, labels: pl.DataFrame, through: str | None) -> Dataset:
    """Join FeatureMatrix and Labels (both with ``session``) on the entry bar's close.

    Sessions after ``through`` are left out. Raises ModelError when a bar has two rows on either side.
    """
    left = features.select("session", pl.col("known_at").alias("entry"), *FEATURE_NAMES)
    right = labels.select(
        "session",
        pl.col("event_ts").alias("entry"),
        pl.col("known_at").alias("exit"),
        "label", "gross_return", "net_return", "weight",
    )  # fmt: skip
    for name, side in (("features", left), ("labels", right)):
        if side.select("session", "entry").is_duplicated().any():
            raise ModelError(f"{name} hold two rows for one bar", action="pass each session once")
    joined = left.join(right, on=["session", "entry"], how="inner").sort("entry")
    if through is not None:
        joined = joined.filter(pl.col("session") <= through)
    matrix = feature_array(joined, FEATURE_NAMES)
    gross, net, weight = (joined[name].to_numpy() for name in ("gross_return", "net_return", "weight"))
    start, end = (joined[name].dt.epoch("us").to_numpy() for name in ("entry", "exit"))
    return Dataset(
        frame=joined.select("session", "entry", "exit", "label", "gross_return", "net_return"),
        x=matrix,
        up=(gross > 0).astype(np.float64),
        weight=weight,
        start_us=start,
        end_us=end,
        features=FEATURE_NAMES,
        fingerprint=_fingerprint(joined["session"].to_list(), matrix, [start, end, gross, net, weight]),
    )


def feature_array(frame: pl.DataFrame, names: tuple[str, ...]) -> Floats:
    """Columns as a C-ordered float array (rows, features); nulls become one canonical NaN.

    Raises ModelError when a feature is missing.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ModelError(
            "features are missing",
            expected=f"{len(names)} features of the model",
            got="no " + ", ".join(missing),
            action="build feature_matrix again or retrain the model",
        )
    values = frame.select(pl.col(name).cast(pl.Float64).fill_null(np.nan) for name in names)
    matrix = np.ascontiguousarray(values.to_numpy(), dtype=np.float64).reshape(frame.height, len(names))
    if not matrix.flags.writeable:
        matrix = matrix.copy()
    matrix[np.isnan(matrix)] = np.nan
    return matrix


def _fingerprint(sessions: list[str], matrix: Floats, arrays: list[NDArray[np.generic]]) -> str:
    digest = hashlib.blake2b(digest_size=12)
    digest.update(json.dumps([FEATURE_NAMES, sessions, matrix.shape]).encode())
    for values in (matrix, *arrays):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
