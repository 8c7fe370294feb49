"""Exact SHAP interaction values of a LightGBM model, path-dependent as its own contributions are.

For one leaf the game is a product: each distinct feature k on the way to it counts z_k while it is unknown
(the share of training rows that went that way) and o_k (1 or 0) once known. Shapley's weights
s! (d - s - 2)! / (d - 1)! are integrals of y^s (1 - y)^(d - 2 - s), so the sum over coalitions of the
others is the integral over [0, 1] of the product of z_k (1 - y) + o_k y: a polynomial, which Gauss-Legendre
nodes integrate exactly. Lundberg et al. 2020 define the values; shap, whose import takes longer than the
whole computation, is what the tests compare with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import ModelError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A leaf: its value, and per distinct feature on its path the rows' indicator and the share."""

    value: float
    features: tuple[int, ...]
    known: Floats  # (rows, d)
    share: Floats  # (d,)


def tree_interactions(booster: Any, x: Floats) -> Floats:
    """Interaction values in log-odds, shape ``(rows, features, features)``, symmetric.

    A row of the matrix sums to that feature's contribution; the two halves of a pair's interaction stand
    on either side of the diagonal. Raises ModelError for splits other than numeric thresholds.
    """
    width = x.shape[1]
    found = np.zeros((len(x), width, width))
    for tree in booster.dump_model()["tree_info"]:
        root = tree["tree_structure"]
        if "split_feature" in root:
            for leaf in _leaves(root, x, {}):
                _add(found, leaf)
    return found


def _add(found: Floats, leaf: _Leaf) -> None:
    size = len(leaf.features)
    nodes, weights = np.polynomial.legendre.leggauss(size // 2 + 1)  # exact to degree size + 1
    gap = leaf.known - leaf.share
    pairs = np.zeros((len(gap), size, size))
    single = np.zeros((len(gap), size))
    for node, weight in zip((nodes + 1.0) / 2.0, weights / 2.0, strict=True):
        present = leaf.share * (1.0 - node) + leaf.known * node  # > 0: nodes lie inside (0, 1)
        product = weight * leaf.value * present.prod(axis=1, keepdims=True)
        ratio = gap / present
        single += product * ratio
        pairs += product[:, :, None] * ratio[:, :, None] * ratio[:, None, :]
    pairs *= 0.5
    diagonal = np.arange(size)
    pairs[:, diagonal, diagonal] = 0.0
    pairs[:, diagonal, diagonal] = single - pairs.sum(axis=2)
    index = np.asarray(leaf.features)
    found[:, index[:, None], index] += pairs


def _leaves(node: dict[str, Any], x: Floats, path: dict[int, tuple[Floats, float]]) -> Iterator[_Leaf]:
    """Leaves below a node; ``path`` holds each feature's indicator and share so far."""
    if "split_feature" not in node:
        indicators, shares = zip(*path.values(), strict=True)
        yield _Leaf(float(node["leaf_value"]), tuple(path), np.column_stack(indicators), np.array(shares))
        return
    feature, whole = int(node["split_feature"]), float(node["internal_count"])
    left = goes_left(node, x[:, feature])
    known, share = path.get(feature, (np.ones(len(x)), 1.0))
    for child, taken in ((node["left_child"], left), (node["right_child"], ~left)):
        rows = float(child["internal_count" if "split_feature" in child else "leaf_count"])
        yield from _leaves(child, x, {**path, feature: (known * taken, share * rows / whole)})


def goes_left(node: dict[str, Any], values: Floats) -> NDArray[np.bool_]:
    """Which rows a numeric split sends left; missing values as LightGBM treats them."""
    if node["decision_type"] != "<=" or node["missing_type"] not in ("None", "NaN"):
        raise ModelError(
            "interactions are of numeric splits alone",
            expected="<= with missing type None or NaN",
            got=f"{node['decision_type']} with {node['missing_type']}",
        )
    missing = np.isnan(values)
    # A feature that was never missing in training takes a missing value for 0.
    left = np.where(missing, 0.0, values) <= float(node["threshold"])
    return np.where(missing, bool(node["default_left"]), left) if node["missing_type"] == "NaN" else left
