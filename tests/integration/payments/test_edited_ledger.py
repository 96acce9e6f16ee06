"""A row of the ledger that somebody edited: every column of every table, with every kind of value.

PostgreSQL refuses most of it: other types, and what no CHECK constraint allows. What it takes stops
nothing but its own order, and no event of it breaks its contract.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from pg8000.native import DatabaseError

from lambdas.contracts.codec import ContractError
from lambdas.contracts.orders import OrderStatusReported
from lambdas.contracts.parsing import parse_event
from lambdas.payments.charging import reconcile, refund, take
from lambdas.payments.database import Database
from lambdas.payments.domain import TotalMismatchError
from lambdas.payments.outbox import Outbox
from lambdas.payments.unresolved_charges import UnresolvedCharges
from lambdas.runtime.bus import Bus
from simulation.ledger import TABLES
from tests.contracts.catalog import EVENTS
from tests.support.aws_fakes import FakeEvents
from tests.support.payments import (
    CardProvider,
    ledger_of,
    make_stale,
    refund_command,
    take_command,
)
from tests.support.source_records import bus_event

VALUES = {
    "text": ("NULL", "''", "'letters'", "E'\\x1b[31m\\n'", "repeat('x', 100000)"),
    "bigint": ("NULL", "0", "-1", "9007199254740993", "9223372036854775807"),
    "integer": ("NULL", "0", "-1", "2147483647"),
    "timestamp with time zone": (
        *("NULL", "'infinity'", "'-infinity'", "'0001-01-01'", "'9999-12-31'"),
    ),
}
COLUMNS = """
SELECT column_name, data_type FROM information_schema.columns c
WHERE table_schema = 'payments' AND table_name = :table AND NOT EXISTS (
    SELECT 1 FROM information_schema.key_column_usage k
    WHERE k.table_schema = c.table_schema AND k.table_name = c.table_name
    AND k.column_name = c.column_name)
ORDER BY ordinal_position
"""
"""All but those of the primary key: another key is another row."""
EDITED, OTHER = "a" * 32, "b" * 32
STATUSES = ("PLACED", "CONFIRMED", "CANCELLED")


def set_up(admin: Database, provider: CardProvider) -> None:
    """Two payments that were taken, whose events and status queries are due."""
    for table in TABLES:
        admin.run(f"DELETE FROM payments.{table}")
    for order in (EDITED, OTHER):
        take(take_command(order), ledger_of(admin, FakeEvents(broken=True)), provider)
    admin.run("UPDATE payments.outbox SET recorded_at = now() - interval '1 minute'")
    make_stale(admin)


def edit(admin: Database, table: str, column: str, value: str) -> bool:
    """Edit the row of one order; return whether PostgreSQL takes it."""
    changed = f"UPDATE payments.{table} SET {column} = {value} WHERE order_id = :id"
    try:
        admin.run(changed, id=EDITED)
    except DatabaseError:
        return False
    return True


def problems_of(admin: Database, provider: CardProvider) -> list[str]:
    """Let everything read the rows of the edited order; return what is wrong."""
    events, problems = FakeEvents(), list[str]()
    bus = Bus("Orders", eventbridge=events)
    ledger, unresolved = ledger_of(admin, events), UnresolvedCharges(admin, bus)
    readers: dict[str, Callable[[], object]] = {
        "swept": Outbox(admin, bus).sweep,
        "queried": partial(unresolved.query_stale, stale_after=timedelta(hours=1)),
        "taken again": lambda: take(take_command(EDITED), ledger, provider),
        "refunded": lambda: refund(refund_command(EDITED), ledger, provider),
    }
    for status in STATUSES:
        readers[f"reported as {status}"] = partial(
            reconcile,
            OrderStatusReported(order_id=EDITED, state=status),
            charges=ledger,
            provider=provider,
            unresolved_charges=unresolved,
        )
    for how, read in readers.items():
        try:
            read()
        except TotalMismatchError:
            continue
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is a finding
            problems.append(f"{how}: {error!r}")
    delivered = list(map(bus_event, events.taken))
    for event in delivered:
        try:
            parse_event(EVENTS, event)
        except ContractError as refusal:
            problems.append(f"publishes what its contract refuses: {refusal}")
    of_other = [e["detail-type"] for e in delivered if e["detail"]["data"]["order_id"] == OTHER]
    if of_other != ["PaymentTaken", "ChargeUnresolved"]:
        problems.append(f"of the other order were published {of_other}")
    return problems


@pytest.mark.parametrize("table", TABLES)
def test_edited_row_of_the_ledger_stops_only_its_own_order(
    admin: Database, provider: CardProvider, table: str
):
    found = admin.run(COLUMNS, table=table)
    problems, tried = [], list[str]()
    for column, kind in found:
        for value in VALUES[kind]:
            set_up(admin, provider)
            if edit(admin, table, column, value):
                tried.append(f"{column} = {value}")
                problems += [f"{tried[-1]}: {each}" for each in problems_of(admin, provider)]

    assert tried
    assert not problems, "\n".join([f"{len(problems)} problems", *problems])
