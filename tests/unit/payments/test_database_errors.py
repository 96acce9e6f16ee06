"""Which errors of the database say that it is busy, by the name that a saga knows."""

from dataclasses import replace
from typing import Any

import pytest
from pg8000.native import DatabaseError

from lambdas.contracts.transient import TRANSIENT_ERRORS
from lambdas.payments.database import RETRY, Database, DatabaseUnavailableError


class FailingConnection:
    """A connection on which every statement fails with the same code."""

    def __init__(self, code: str) -> None:
        self._code = code

    def run(self, sql: str, **values: object) -> Any:
        raise DatabaseError({"C": self._code})

    def close(self) -> None:
        """There is nothing to close."""


def database(code: str) -> Database:
    def connect() -> Any:
        return FailingConnection(code)

    return Database(connect, retry=replace(RETRY, sleep=lambda _: None))


@pytest.mark.parametrize("code", ["40001", "53300", "53400", "57P01", "57P03", "08006"])
def test_busy_database_is_unavailable(code: str):
    with pytest.raises(DatabaseUnavailableError):
        database(code).run("SELECT 1")


@pytest.mark.parametrize("code", ["42501", "23505", "22P02"])
def test_faulty_statement_is_not_an_unavailable_database(code: str):
    with pytest.raises(DatabaseError) as raised:
        database(code).run("SELECT 1")
    assert not isinstance(raised.value, DatabaseUnavailableError)


def test_refused_connection_is_an_unavailable_database():
    def connect() -> Any:
        raise DatabaseError({"C": "53400"})

    with pytest.raises(DatabaseUnavailableError):
        Database(connect).run("SELECT 1")


def test_sagas_defer_what_an_unavailable_database_refuses():
    assert DatabaseUnavailableError.__name__ in TRANSIENT_ERRORS
