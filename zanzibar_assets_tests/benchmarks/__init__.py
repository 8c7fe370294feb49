"""Benchmarks: run by hand, never by pytest; each prints one JSON document."""
