"""The schema of the ledger: the files in ``migrations/``, applied in order, each once.

A DSQL transaction may have one DDL statement and no DML. So a file has one statement, and applying
it and recording it are two transactions. A crash may come in between: each statement must be
idempotent (``IF NOT EXISTS``).
https://docs.aws.amazon.com/aurora-dsql/latest/userguide/working-with-ddl.html

The tables are in a schema of their own, because on DSQL only ``admin`` may use ``public``.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from lambdas.payments.database import Database

FOLDER = Path(__file__).with_name("migrations")
_BOOTSTRAP = (
    "CREATE SCHEMA IF NOT EXISTS payments",
    """
    CREATE TABLE IF NOT EXISTS payments.schema_migrations (
        name       text PRIMARY KEY,
        checksum   text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
    """,
)
_RECORD = """
INSERT INTO payments.schema_migrations (name, checksum) VALUES (:name, :checksum)
ON CONFLICT (name) DO NOTHING
"""


class MigrationChangedError(Exception):
    """An applied migration was edited. Write a new one instead."""


def files(folder: Path = FOLDER) -> Mapping[str, str]:
    """Return the migrations by name, sorted in the order in which they are applied."""
    return {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.sql"))}


def apply(database: Database, migrations: Mapping[str, str]) -> list[str]:
    """Apply the migrations that are not recorded as applied; return their names.

    Raises:
        MigrationChangedError: an applied migration was edited; nothing is applied.
        DatabaseError: a statement failed; the migrations before it stay applied.
    """
    for statement in _BOOTSTRAP:
        database.run(statement)
    rows = database.run("SELECT name, checksum FROM payments.schema_migrations")
    applied: dict[str, str] = dict(rows)
    checksums = {name: sha256(sql.encode()).hexdigest() for name, sql in migrations.items()}
    for name, checksum in applied.items():
        if checksums.get(name, checksum) != checksum:
            raise MigrationChangedError(f"{name} was edited after it was applied")
    missing = [name for name in migrations if name not in applied]
    for name in missing:
        database.run(migrations[name])
        database.run(_RECORD, name=name, checksum=checksums[name])
    return missing
