"""The ledger's database: a real PostgreSQL whose ``now()`` is the virtual time.

A transaction runs without interruption, so each is either before or after another, as on DSQL;
chance decides which transactions conflict. A transaction may fail before its commit, or after it.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pg8000.native import Connection, DatabaseError, InterfaceError

from emulator import postgres
from simulation import chance as kinds
from simulation.chance import Chance
from simulation.kernel import Kernel, current
from simulation.templates import ROOT

MIGRATIONS = ROOT / "lambdas" / "payments" / "migrations"
TABLES = ("charges", "entries", "outbox", "unresolved_charges")
_SETUP = """
CREATE SCHEMA simulation
CREATE SCHEMA payments
CREATE FUNCTION simulation.now() RETURNS timestamptz STABLE LANGUAGE sql AS
 $$ SELECT current_setting('simulation.now')::timestamptz $$
"""
_READ = {table: f"TABLE payments.{table}" for table in TABLES}
_TRAVEL = 0.02
_started: list[tuple[postgres.Postgres, TemporaryDirectory[str]]] = []


@cache
def server() -> Connection:
    """Start the server, once in this process; return the one connection that all runs share."""
    folder = TemporaryDirectory(prefix="orders-simulation-")
    Path(folder.name).chmod(0o711)
    running = postgres.start(
        Path(folder.name) / "ledger", settings={"log_min_messages": "fatal"}, setup=""
    )
    _started.append((running, folder))
    # Unlike atexit, this also works in a process of a pool.
    Finalize(None, stop, exitpriority=10)
    connection = Connection("postgres", unix_sock=str(running.socket), database="postgres")
    for statement in _SETUP.strip().split("\nCREATE"):
        connection.run(statement if statement.startswith("CREATE") else f"CREATE{statement}")
    # The schema comes first in the path, so that the tables' defaults use its clock, too.
    connection.run("SET search_path = simulation, pg_catalog")
    connection.run("SET simulation.now = '2030-01-01T00:00:00Z'")
    for migration in sorted(MIGRATIONS.glob("*.sql")):
        connection.run(migration.read_text())
    return connection


def stop() -> None:
    """End the server, if this process has started it, and remove its folder."""
    while _started:
        running, folder = _started.pop()
        running.stop()
        folder.cleanup()


class Ledger:
    """The database of one run."""

    def __init__(self, kernel: Kernel, chance: Chance) -> None:
        self.kernel, self.chance = kernel, chance
        self.server = server()
        for table in TABLES:
            self.server.run(f"DELETE FROM payments.{table}")  # noqa: S608 -- a constant
        self.commits = 0
        """How many transactions were committed."""

    def connect(self, **_: Any) -> "LedgerConnection":
        """Open a connection; raise OSError during an outage of the database."""
        where = f"{current().name} ledger.connect"
        if self.chance.fault(where, [kinds.BEFORE]):
            self.kernel.sleep(_TRAVEL)
            raise ConnectionRefusedError("simulated")
        return LedgerConnection(self)

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a table."""
        found = self.server.run(_READ[table])
        names = [column["name"] for column in self.server.columns or []]
        yield from (dict(zip(names, row, strict=True)) for row in found or [])

    def begin(self) -> None:
        """Begin a transaction at the virtual time."""
        at: datetime = self.kernel.moment
        self.server.run(f"BEGIN; SET simulation.now = '{at.isoformat()}'")


class LedgerConnection:
    """A connection of one execution environment."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open = False

    def run(self, sql: str, **values: Any) -> Any:
        """Run a statement, as pg8000's connection does."""
        if sql == "BEGIN":
            self._travel()
            self._ledger.begin()
            self._open = True
            return None
        if sql == "COMMIT":
            return self._commit()
        if sql == "ROLLBACK":
            return self.close()
        if self._open:
            return self._ledger.server.run(sql, **values)
        self._travel()
        self._ledger.begin()
        self._open = True
        try:
            rows = self._ledger.server.run(sql, **values)
        except BaseException:
            self.close()
            raise
        self._commit()
        return rows

    def close(self) -> None:
        """Abort the transaction in progress, if there is one."""
        if self._open:
            self._open = False
            self._ledger.server.run("ROLLBACK")

    def _commit(self) -> None:
        chance, kernel = self._ledger.chance, self._ledger.kernel
        where = f"{current().name} ledger.commit"
        fault = chance.fault(
            where, [kinds.CONFLICT, kinds.BEFORE, kinds.LOST, kinds.LATE, kinds.DEATH], rate=2
        )
        if fault in (kinds.CONFLICT, kinds.BEFORE):
            self.close()
            if fault == kinds.CONFLICT:
                raise DatabaseError({"C": "40001", "M": "simulated"})
            raise InterfaceError("network error")
        if fault == kinds.DEATH:
            kernel.after(0, current().kill)
            if chance.draw(where) < 0.5:
                self.close()
                kernel.sleep(1)
        self._open = False
        self._ledger.server.run("COMMIT")
        self._ledger.commits += 1
        if fault == kinds.LOST:
            raise InterfaceError("network error")
        if fault == kinds.LATE:
            kernel.sleep(2)
            raise TimeoutError("timed out")
        self._travel()

    def _travel(self) -> None:
        self._ledger.kernel.sleep(self._ledger.chance.between("ledger", 0, _TRAVEL))
