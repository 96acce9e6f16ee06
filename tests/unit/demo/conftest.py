import sqlite3
from collections.abc import Iterator

import pytest

from demo import order_book
from demo.database import SCHEMA, insert
from tests.support.clean_records import CLEAN


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    """A run's database with the tables of the export and of the services' records."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(order_book.SCHEMA + SCHEMA)
    yield connection
    connection.close()


@pytest.fixture
def snapshot() -> Iterator[sqlite3.Connection]:
    """A run's database with records that break no promise."""
    database = sqlite3.connect(":memory:")
    database.executescript(SCHEMA)
    for table, rows in CLEAN.items():
        insert(database, table, rows)
    yield database
    database.close()


@pytest.fixture
def quiescent(snapshot: sqlite3.Connection) -> sqlite3.Connection:
    """The same records when all work is done; c, not dispatched, is of another run."""
    snapshot.execute("DELETE FROM accepted WHERE order_id = 'c'")
    return snapshot
