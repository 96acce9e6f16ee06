import sqlite3
from collections.abc import Iterator

import pytest

from demo import order_book
from demo.database import SCHEMA


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    """A run's database with the tables of the export and of the services' records."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(order_book.SCHEMA + SCHEMA)
    yield connection
    connection.close()
