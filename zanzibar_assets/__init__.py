"""Zanzibar: from raw market data to risk-checked orders, as one graph of Dagster assets."""

from zanzibar_assets.compiled import keep_by_code

__version__ = "0.1.0"

keep_by_code()
