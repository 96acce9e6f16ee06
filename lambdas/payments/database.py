"""A connection to the service's Aurora DSQL cluster, and transactions that are retried.

DSQL takes no locks: if two transactions change the same row, the one that commits later fails with
SQLSTATE 40001 and has to be retried. If the schema changes meanwhile, the error is the same.
https://docs.aws.amazon.com/aurora-dsql/latest/userguide/working-with-concurrency-control.html
"""

import ssl
import time
from collections.abc import Callable
from typing import Any, TypeVar

from pg8000.native import Connection, DatabaseError, InterfaceError

from lambdas.runtime.aws import client
from lambdas.runtime.retry import NoAttemptError, RetryPolicy
from lambdas.runtime.settings import setting

T = TypeVar("T")
Row = list[Any]
Run = Callable[..., list[Row] | None]
"""Runs one statement: ``run(sql, name=value)`` fills in ``:name``."""

ADMIN = "admin"
TIMEOUT = 2
"""The limit, in seconds, of connecting and of each response: well below functions' time-outs."""
RETRY = RetryPolicy(max_attempts=5, base_delay=0.04)
"""Waits at most 0.6 s altogether."""
_CONFLICT = "40001"
# The server has ended the connection, or takes none: it shuts down, starts or moves, or the session
# was idle.
# https://www.postgresql.org/docs/16/errcodes-appendix.html
_CONNECTION_ENDED = ("57P01", "57P02", "57P03", "57P05", "25P03")
_CONNECTION_ERRORS = "08"
# The server accepts no more connections for now.
_TOO_BUSY = "53"
# DSQL ends a connection after 60 minutes; a token is only needed to open one.
# https://docs.aws.amazon.com/aurora-dsql/latest/userguide/CHAP_quotas.html
_LIFETIME = 50 * 60
_TOKEN_SECONDS = 60


def connect(timeout: float = TIMEOUT) -> Connection:
    """Open an encrypted connection to DATABASE_ENDPOINT as DATABASE_ROLE; ``timeout`` in seconds.

    The endpoint is ``host`` or ``host:port``; the password is a token signed with the function's
    own credentials. The server's certificate must be valid for its host name.
    https://docs.aws.amazon.com/aurora-dsql/latest/userguide/SECTION_authentication-token.html

    Raises:
        DatabaseError: the function may not connect as this role.
        InterfaceError, OSError: the server cannot be reached, or its certificate is not valid.
    """
    host, _, port = setting("DATABASE_ENDPOINT").partition(":")
    role = setting("DATABASE_ROLE")
    dsql = client("dsql")
    sign = (
        dsql.generate_db_connect_admin_auth_token
        if role == ADMIN
        else dsql.generate_db_connect_auth_token
    )
    return Connection(
        user=role,
        host=host,
        port=int(port or 5432),
        database="postgres",
        password=sign(host, dsql.meta.region_name, _TOKEN_SECONDS),
        ssl_context=ssl.create_default_context(),
        timeout=timeout,
    )


class DatabaseUnavailableError(DatabaseError):  # type: ignore[misc]
    """The database is too busy, or ends connections; nothing is wrong with the transaction.

    Its name is among the transient errors: a saga defers the order.
    """


class Database:
    """Runs transactions on one connection, which is replaced when it is broken or too old.

    A transaction is retried, after a random wait, if it conflicted with another, or if its
    connection broke or was ended by the server; so it must be idempotent. After a time-out it is
    not retried.
    """

    def __init__(
        self,
        connect: Callable[[], Connection] = connect,
        *,
        retry: RetryPolicy = RETRY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a database that connects at its first transaction.

        Args:
            connect: opens a connection.
            retry: how often a transaction is attempted, and how long to wait in between.
            clock: returns the time in seconds.
        """
        self._connect = connect
        self._retry = retry
        self._clock = clock
        self._connection: Connection | None = None
        self._expires = 0.0

    def run(self, sql: str, **values: object) -> list[Row]:
        """Run one statement as a transaction of its own; return its rows.

        Raises:
            DatabaseUnavailableError: conflicts, a busy server or ended connections in each attempt.
            DatabaseError: the statement failed.
            InterfaceError, OSError: there is no connection, or no response in time.
        """
        return self._repeat(lambda connection: connection.run(sql, **values) or [])

    def transaction(self, work: Callable[[Run], T]) -> T:
        """Run all statements of ``work`` in one transaction; return its result.

        Raises as ``run``.
        """

        def whole(connection: Connection) -> T:
            connection.run("BEGIN")
            result = work(connection.run)
            connection.run("COMMIT")
            return result

        return self._repeat(whole)

    def close(self) -> None:
        """Close the connection; this aborts a transaction in progress."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except InterfaceError:
                # The connection was broken; pg8000 has closed the socket nevertheless.
                return

    def _repeat(self, work: Callable[[Connection], T]) -> T:
        return _if_unavailable(lambda: self._attempt(work))

    def _attempt(self, work: Callable[[Connection], T]) -> T:
        for attempt in self._retry.attempts():
            # Outside of the try: a failure to connect is not retried.
            connection = self._connected()
            try:
                return work(connection)
            except BaseException as error:
                if _sqlstate(error) == _CONFLICT:
                    self._roll_back(connection)
                else:
                    self.close()
                if not _transient(error) or self._retry.is_last(attempt):
                    raise
        raise NoAttemptError

    def _roll_back(self, connection: Connection) -> None:
        """Roll back the transaction, or close the connection if that fails.

        On a connection left open, the next statement might receive the response to an earlier one.
        """
        try:
            connection.run("ROLLBACK")
        except BaseException as error:
            self.close()
            if not _transient(error):
                raise

    def _connected(self) -> Connection:
        if self._connection is not None and self._clock() >= self._expires:
            self.close()
        if self._connection is None:
            self._connection = self._connect()
            self._expires = self._clock() + _LIFETIME
        return self._connection


def _if_unavailable(work: Callable[[], T]) -> T:
    """Return the result of ``work``; convert its error if the database is unavailable.

    Raises:
        DatabaseUnavailableError: a conflict, a busy server or an ended connection.
        DatabaseError: any other error of the database.
    """
    try:
        return work()
    except DatabaseError as error:
        code = _sqlstate(error)
        if code == _CONFLICT or _is_unavailable(code):
            raise DatabaseUnavailableError(*error.args) from error
        raise


def _is_unavailable(code: str) -> bool:
    return code in _CONNECTION_ENDED or code.startswith((_CONNECTION_ERRORS, _TOO_BUSY))


def _sqlstate(error: BaseException) -> str:
    """Return the SQLSTATE of a server's error; empty if the error is not the server's."""
    return str(error.args[0].get("C", "")) if isinstance(error, DatabaseError) else ""


def _transient(error: BaseException) -> bool:
    if isinstance(error, DatabaseError):
        code = _sqlstate(error)
        return code == _CONFLICT or _is_unavailable(code)
    timed_out = isinstance(error, TimeoutError) or isinstance(error.__cause__, TimeoutError)
    return isinstance(error, InterfaceError | OSError) and not timed_out
