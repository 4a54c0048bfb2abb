"""Alembic's entry: it is handed the connection, inside the transaction that `store.migrate` began."""

from alembic import context
from sqlmodel import SQLModel

from leadsync.store import lead_tables, tables, trace_tables

del lead_tables, tables, trace_tables  # importing them is what fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
