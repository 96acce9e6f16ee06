"""On deployment, by a custom resource of CloudFormation: apply the migrations and grants.

It is invoked again if a property changes, so the stack passes a digest of the migrations as one.
Deleting the resource deletes nothing: the data is deleted with the cluster.
"""

import json
import time
from typing import Any

from pg8000.native import Connection, DatabaseError, InterfaceError

from lambdas.payments import migrations
from lambdas.payments.database import Database, connect
from lambdas.payments.grants import grant
from lambdas.runtime.custom_resource import respond

# Changing a schema takes longer than a query.
_TIMEOUT = 30
# At the first deployment our role is seconds old, and IAM is eventually consistent.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
_ROLE_WAIT = 60
_RETRY_DELAY = 2


def handler(event: dict[str, Any], context: object) -> None:
    """Handle a request of CloudFormation for the resource.

    The property ``Grants`` lists the IAM roles that may connect as each database role, as a map or
    as JSON: ``{"payments": ["arn:aws:iam::…:role/…"]}``.
    """
    respond(event, lambda: None if event["RequestType"] == "Delete" else _migrate(event))


def _migrate(event: dict[str, Any]) -> None:
    grants = event["ResourceProperties"]["Grants"]
    database = Database(_connect_with_retry)
    try:
        migrations.apply(database, migrations.files())
        for role, iam_roles in (json.loads(grants) if isinstance(grants, str) else grants).items():
            grant(database, role, iam_roles)
    finally:
        database.close()


def _connect_with_retry() -> Connection:
    deadline = time.monotonic() + _ROLE_WAIT
    while True:
        try:
            return connect(_TIMEOUT)
        except (DatabaseError, InterfaceError):
            if time.monotonic() >= deadline:
                raise
        time.sleep(_RETRY_DELAY)
