"""The database role of the service's functions, and its privileges.

A function's IAM role may connect as this database role. The database role has the privileges that
the functions need, and no more. Every statement here is a transaction of its own, and is idempotent
or runs only if needed.
https://docs.aws.amazon.com/aurora-dsql/latest/userguide/using-database-and-iam-roles.html
"""

from collections.abc import Iterable

from pg8000.native import identifier, literal

from lambdas.payments.database import Database

_PRIVILEGES = (
    "USAGE ON SCHEMA payments",
    "SELECT, INSERT, UPDATE ON payments.charges",
    "SELECT, INSERT ON payments.entries",
    "SELECT, INSERT, DELETE ON payments.outbox",
    "SELECT, INSERT, UPDATE, DELETE ON payments.unresolved_charges",
)


def grant(database: Database, role: str, iam_roles: Iterable[str]) -> None:
    """Create the database role, grant its privileges, and let the IAM roles connect as it.

    Args:
        database: connected as ``admin``.
        role: the name of the database role.
        iam_roles: the ARNs of the IAM roles that may connect as it. Other IAM roles keep their
            access.

    Raises:
        DatabaseError: a statement failed.
    """
    name = identifier(role)
    if not database.run("SELECT 1 FROM pg_roles WHERE rolname = :role", role=role):
        database.run(f"CREATE ROLE {name} WITH LOGIN")
    for privilege in _PRIVILEGES:
        database.run(f"GRANT {privilege} TO {name}")
    mapped = database.run("SELECT pg_role_name, arn FROM sys.iam_pg_role_mappings")
    for arn in iam_roles:
        if [role, arn] not in mapped:
            database.run(f"AWS IAM GRANT {name} TO {literal(arn)}")
