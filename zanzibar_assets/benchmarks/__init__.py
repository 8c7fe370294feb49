"""Benchmarks: our figures beside those of what a user could pick instead, from one run."""
