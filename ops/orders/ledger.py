"""Read an order's charge and ledger entries, with the database role `admin`.

The functions use a database role that may write, and that only their IAM roles may connect as. The
database lists no role of an operator. `admin` needs no entry in that list: IAM decides who may
connect as it. Nothing is written.
https://docs.aws.amazon.com/aurora-dsql/latest/userguide/authentication-authorization.html
"""

import os
import ssl
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from pg8000.native import Connection

from lambdas.contracts.times import format_time
from ops.deployed import Deployed

TIMEOUT = 10
_QUERY = """
SELECT c.state, c.amount, c.currency, c.explanation, c.created_at, c.changed_at,
    e.kind, e.debit, e.credit, e.amount, e.currency, e.occurred_at, o.event_id IS NULL
FROM payments.charges c
LEFT JOIN payments.entries e ON e.order_id = c.order_id
LEFT JOIN payments.outbox o ON o.order_id = e.order_id AND o.kind = e.kind
WHERE c.order_id = :order_id
ORDER BY e.occurred_at
"""


def read_payment(deployed: Deployed, endpoint: str, order_id: str) -> Mapping[str, Any] | None:
    """Return the charge of an order with its ``entries``; None if there is none.

    Each entry has ``published``: whether its event was published.

    Raises:
        DatabaseError: the operator lacks ``dsql:DbConnectAdmin``.
        InterfaceError, OSError: the server cannot be reached, or its certificate is not valid.
    """
    with closing(_connect(deployed, endpoint)) as ledger:
        rows = ledger.run(_QUERY, order_id=order_id) or []
    if not rows:
        return None
    state, amount, currency, explanation, created, changed, *_ = rows[0]
    return {
        "state": state,
        "amount": amount,
        "currency": currency,
        "explanation": explanation,
        "created_at": format_time(created),
        "changed_at": format_time(changed),
        "entries": [
            {
                "kind": kind,
                "debit": debit,
                "credit": credit,
                "amount": amount,
                "currency": currency,
                "occurred_at": format_time(occurred),
                "published": published,
            }
            for *_, kind, debit, credit, amount, currency, occurred, published in rows
            if kind
        ],
    }


def _connect(deployed: Deployed, endpoint: str) -> Connection:
    host, _, port = endpoint.partition(":")
    trusted = ssl.create_default_context()
    if bundle := os.environ.get("AWS_CA_BUNDLE"):
        trusted.load_verify_locations(bundle)
    token = deployed.client("dsql").generate_db_connect_admin_auth_token(
        host, deployed.session.region_name
    )
    return Connection(
        user="admin",
        host=host,
        port=int(port or 5432),
        database="postgres",
        password=token,
        ssl_context=trusted,
        timeout=TIMEOUT,
    )
