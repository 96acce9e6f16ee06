"""The connection: when it is kept, when it is replaced, and which servers it trusts."""

import socket
import ssl
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from pg8000.native import DatabaseError, InterfaceError

from emulator import certificate
from lambdas.payments.database import RETRY, Database, connect
from tests.support.payments import Watched

NO_WAIT = replace(RETRY, sleep=lambda _: None)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def connections():
    return []


@pytest.fixture
def counted(settings, connections):
    """A way to connect that remembers its connections."""

    def counting():
        connections.append(connect())
        return connections[-1]

    return counting


def test_one_connection_serves_many_transactions(counted, connections):
    database = Database(counted)
    for _ in range(3):
        assert database.run("SELECT 1") == [[1]]
        assert database.transaction(lambda run: run("SELECT 2")) == [[2]]
    assert len(connections) == 1
    database.close()


def test_old_connection_is_replaced_before_dsql_ends_it(counted, connections):
    clock = Clock()
    database = Database(counted, clock=clock)
    for clock.now in (0, 49 * 60, 50 * 60, 99 * 60):
        database.run("SELECT 1")
    assert len(connections) == 2
    database.close()


def test_broken_connection_is_replaced_and_its_transaction_retried(counted, connections):
    waits: list[float] = []
    database = Database(counted, retry=replace(RETRY, sleep=waits.append))
    database.run("SELECT 1")
    connections[0]._usock.shutdown(socket.SHUT_RDWR)
    assert database.run("SELECT 2") == [[2]]
    assert len(connections) == 2
    assert len(waits) == 1
    database.close()


def test_failed_transaction_is_rolled_back(admin, counted, connections):
    database = Database(counted)
    with pytest.raises(DatabaseError) as failed:
        database.transaction(lambda run: run("SELECT 1 / 0"))
    assert failed.value.args[0]["C"] == "22012"
    assert database.run("SELECT 1") == [[1]]
    database.close()


def test_timed_out_statement_is_an_error_and_not_retried(settings):
    connections: list[Any] = []
    waits: list[float] = []

    def connect_with_short_timeout():
        connections.append(connect(timeout=0.3))
        return connections[-1]

    database = Database(connect_with_short_timeout, retry=replace(RETRY, sleep=waits.append))
    started = time.monotonic()
    with pytest.raises((InterfaceError, OSError)):
        database.run("SELECT pg_sleep(5)")
    assert time.monotonic() - started < 2
    assert (len(connections), waits) == (1, [])
    assert database.run("SELECT 1") == [[1]]
    assert len(connections) == 2
    database.close()


class FailingRollback:
    """A connection that loses a conflict at COMMIT, and whose ROLLBACK fails with ``failure``."""

    def __init__(self, connection: Any, failure: Exception | None) -> None:
        self._connection = connection
        self._failure = failure
        self.closed = False

    def run(self, sql: str) -> Any:
        if self._failure and sql == "COMMIT":
            raise DatabaseError({"C": "40001"})
        if self._failure and sql == "ROLLBACK":
            raise self._failure
        return self._connection.run(sql)

    def close(self) -> None:
        self.closed = True
        self._connection.close()


def timed_out() -> InterfaceError:
    error = InterfaceError("network error")
    error.__cause__ = TimeoutError()
    return error


@pytest.fixture
def failing_rollback(counted):
    """The list of connections, where the first fails to roll back, and a way to make them."""
    made: list[FailingRollback] = []

    def database(failure: Exception) -> Database:
        def connecting() -> Any:
            made.append(FailingRollback(counted(), None if made else failure))
            return made[-1]

        return Database(connecting, retry=NO_WAIT)

    return made, database


@pytest.mark.parametrize(
    "failure",
    [
        InterfaceError("network error"),
        BrokenPipeError(),
        DatabaseError({"C": "40001"}),
        DatabaseError({"C": "57P01"}),
    ],
)
def test_connection_that_fails_to_roll_back_is_replaced_and_its_transaction_retried(
    failing_rollback, failure
):
    made, make = failing_rollback
    database = make(failure)
    assert database.transaction(lambda run: run("SELECT 1")) == [[1]]
    assert [connection.closed for connection in made] == [True, False]
    database.close()


@pytest.mark.parametrize(
    "failure", [timed_out(), TimeoutError(), DatabaseError({"C": "42501"}), ValueError()]
)
def test_timed_out_rollback_is_not_retried_and_its_connection_is_replaced(
    failing_rollback, failure
):
    made, make = failing_rollback
    database = make(failure)
    with pytest.raises(type(failure)):
        database.transaction(lambda run: run("SELECT 1"))
    assert [connection.closed for connection in made] == [True]
    assert database.transaction(lambda run: run("SELECT 2")) == [[2]]
    database.close()


def test_concurrent_schema_change_is_retried_as_a_conflict(admin, counted):
    changed: list[str] = []

    def watch(connection, sql):
        if sql == "SELECT 1" and not changed:
            changed.append(sql)
            admin.run("CREATE TABLE IF NOT EXISTS payments.schema_change (id text PRIMARY KEY)")

    database = Database(lambda: Watched(counted(), watch), retry=NO_WAIT)
    database.run("SELECT 2")
    assert database.transaction(lambda run: run("SELECT 1")) == [[1]]
    assert changed
    database.close()


def test_session_is_encrypted(settings):
    connection = connect()
    assert isinstance(connection._usock, ssl.SSLSocket)
    connection.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_server_without_a_trusted_certificate_is_rejected(settings, tmp_path):
    other, _ = certificate.write(tmp_path)
    settings.setenv("SSL_CERT_FILE", str(other))
    with pytest.raises(ssl.SSLCertVerificationError):
        connect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_server_under_another_name_is_rejected(settings, cluster):
    port = cluster["endpoint"].rpartition(":")[2]
    settings.setenv("DATABASE_ENDPOINT", f"127.0.0.2:{port}")
    forward = socket.create_server(("127.0.0.2", int(port)))

    def serve():
        client, _ = forward.accept()
        with client, socket.create_connection(("localhost", int(port))) as server:
            client.settimeout(2)
            server.settimeout(2)
            server.sendall(client.recv(8))
            client.sendall(server.recv(1))
            server.sendall(client.recv(4096))
            client.sendall(server.recv(16384))
            client.recv(64)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
            connect()
    finally:
        thread.join(5)
        forward.close()
