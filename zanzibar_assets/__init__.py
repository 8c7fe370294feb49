"""Zanzibar: from raw market data to risk-checked orders, as one graph of Dagster assets."""

__version__ = "0.1.0"
