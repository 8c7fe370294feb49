"""The PostgreSQL server that a test run starts for itself: the benchmarks' own."""

from __future__ import annotations

from zanzibar_assets.benchmarks.postgres_server import PASSWORD, SUPERUSER, Server, server_programs

__all__ = ["PASSWORD", "SUPERUSER", "Server", "server_programs"]
