"""What alembic runs: the caller's connection, inside the caller's transaction and lock."""

from __future__ import annotations

from alembic import context

from zanzibar_assets.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
