"""What Alembic runs. `Database.upgrade` gives the connection, inside a transaction.

The tables of the rooms (`metadata`) are given only by who compares or generates: an upgrade needs none of them.
"""

from alembic import context
from sqlalchemy import Connection, text

_LOCK = 7_164_910_021
"""Any number of our own: processes of a city's station that start together upgrade one after another."""

connection = context.config.attributes["connection"]
assert isinstance(connection, Connection)
if connection.dialect.name == "postgresql":
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
metadata = context.config.attributes.get("metadata")
context.configure(connection=connection, target_metadata=metadata, user_module_prefix="columns.")
context.run_migrations()
