"""Volatility, Kelly, VaR and CVaR."""
