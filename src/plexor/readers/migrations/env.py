"""Run by Alembic: brings a database to the wanted version, on a connection it is given."""

from alembic import context

from plexor.readers.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
