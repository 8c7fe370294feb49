"""Bars, liquidity, structure, factors, correlations and regimes. Pure: frames in, frames out."""
