"""Migrations of the metadata database (alembic); ``store.migration`` runs them on opening."""

HEAD = "0004"
"""Newest revision."""
