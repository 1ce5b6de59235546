"""Run by Alembic: migrate over the connection that dashboard.store.migrations opened."""

from __future__ import annotations

from alembic import context

# The caller owns the transaction: a step that fails leaves the database as it was.
context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
