"""An upgrade from nothing gives exactly the tables that the program knows, on both databases."""

import importlib
import re
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from broadcast.database import MIGRATIONS, Base, Database

REPOSITORY = Path(__file__).parents[2]
ROOMS = ("broadcast", "speakers", "monitoring", "web")


def every_table_is_known() -> None:
    """Import whatever module of the rooms has tables."""
    for room in ROOMS:
        for path in sorted((REPOSITORY / room).rglob("*.py")):
            if "__tablename__" in path.read_text():
                importlib.import_module(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))


def test_an_upgrade_from_nothing_gives_the_tables_of_the_program(database: Database) -> None:
    every_table_is_known()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": Base.metadata})
        assert compare_metadata(context, Base.metadata) == []
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_upgrading_again_changes_nothing(database: Database) -> None:
    database.upgrade()
    before = inspect(database.engine).get_table_names()
    database.upgrade()
    assert inspect(database.engine).get_table_names() == before != []


def test_migrations_stand_in_one_line() -> None:
    texts = [path.read_text() for path in sorted((MIGRATIONS / "versions").glob("*.py"))]
    revisions = [re.search(r'^revision: str = "(\w+)"', text, re.MULTILINE) for text in texts]
    parents = [re.search(r'^down_revision: .* = (None|"\w+")', text, re.MULTILINE) for text in texts]
    assert [parent[1].strip('"') for parent in parents if parent] == [
        "None",
        *[revision[1] for revision in revisions if revision][:-1],
    ]
