"""Entry point of Alembic: migrates a database on a given connection."""

from alembic import context

from plexor.readers.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
