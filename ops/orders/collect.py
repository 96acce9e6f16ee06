"""Read each service's records of an order, with consistent reads. Nothing is changed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pg8000.native import DatabaseError, InterfaceError

from lambdas.contracts.orders_table import EXPIRED_AT
from lambdas.orders.domain import is_order_id
from lambdas.orders.rows import is_tombstone
from lambdas.runtime.dynamodb import from_item, to_item
from ops.deployed import Deployed, OperationError, named
from ops.mappings import mappings_of
from ops.orders import ledger
from ops.orders.dead_letters import find_dead_letters
from ops.orders.executions import UNKNOWN, Execution, execution_of, is_execution_arn, is_express
from ops.orders.problems import missing_from_timeline
from ops.orders.records import OrderRecords, Row
from ops.orders.row_checks import RowError, check_row, parse_order

ORDER_TABLES = {
    "inventory": ("Inventory", "ReservationsTable"),
    "shipping": ("Shipping", "ShipmentsTable"),
    "warehouse": ("Warehouse", "PickingsTable"),
    "storefront": ("Storefront", "TimelinesTable"),
}
"""Each service's table with a row per order: the stack, and its output that names the table."""
READERS = {"relay": "orders/RelayOutbox", "projection": "storefront/UpdateTimelines"}
"""The functions by which an order's events pass from the orders table to its timeline."""
READ_ERRORS = (
    OperationError,
    RowError,
    ClientError,
    BotoCoreError,
    DatabaseError,
    InterfaceError,
    OSError,
)
MAX_READS = 3
"""How often all records are read again because the order changed meanwhile."""
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class RecordCollector:
    """Reads the records of one order."""

    def __init__(self, deployed: Deployed, order_id: str) -> None:
        self._deployed = deployed
        self._order_id = order_id
        self._outputs = cache(deployed.outputs)
        self._client = cache(deployed.client)

    def collect(self) -> OrderRecords:
        """Return all records of the order, and for each service that could not be read, the reason.

        Raises:
            OperationError: there is no such order.
            ClientError, BotoCoreError: the order's row in the orders table cannot be read.
        """
        order = self.order()
        for _ in range(MAX_READS):
            before, known = order, self._collect(order)
            order = self.order()
            if order == before:
                break
        known = self._with_dead_letters(known)
        return self._with_readers(known) if missing_from_timeline(known) else known

    def order(self) -> Row:
        """Return the order's row in the orders table.

        Raises:
            OperationError: there is no such row, or it cannot be parsed as an order.
        """
        known = is_order_id(self._order_id)
        order = self._row("Orders", "OrdersTable") if known else None
        if order is None:
            raise OperationError(f"there is no order {self._order_id}")
        if is_tombstone(order):
            raise OperationError(f"order {self._order_id} expired at {order[EXPIRED_AT]}")
        try:
            parse_order(order)
        except RowError as error:
            raise OperationError(f"the row {self._order_id} is no order: {error}") from error
        return order

    def _collect(self, order: Row) -> OrderRecords:
        readers: dict[str, Callable[[], Any]] = {
            "payments": self._payment,
            **{name: partial(self._row, *sink) for name, sink in ORDER_TABLES.items()},
            "notifications": self._emails,
            "saga": partial(self._executions, order),
        }
        found, unreadable = dict[str, Any](), dict[str, str]()
        for name, read in readers.items():
            try:
                found[name] = read()
                if name != "saga" and found[name] is not None:
                    check_row(name, found[name])
            except READ_ERRORS as error:
                found.pop(name, None)
                unreadable[name] = _line(error)
        executions = found.pop("saga", ())
        return OrderRecords(
            order=order, records=found, executions=executions, unreadable=unreadable
        )

    def _with_dead_letters(self, known: OrderRecords) -> OrderRecords:
        try:
            pieces, unseen = find_dead_letters(self._deployed, self._order_id)
        except READ_ERRORS as error:
            return replace(known, unreadable={**known.unreadable, "dead_letters": _line(error)})
        why = {"dead_letters": "; ".join(unseen)} if unseen else {}
        unreadable = {**known.unreadable, **why}
        return replace(known, dead_letters=pieces, unreadable=unreadable)

    def _with_readers(self, known: OrderRecords) -> OrderRecords:
        """Add what Lambda says of those that pass on an order's events to its timeline."""
        readers, unreadable = dict[str, str](), dict(known.unreadable)
        templates = cache(self._deployed.templates)
        for reader, name in READERS.items():
            try:
                function = named(templates(), name).physical
                readers[reader] = str(mappings_of(self._client("lambda"), function))
            except READ_ERRORS as error:
                unreadable[reader] = _line(error)
        return replace(known, readers=readers, unreadable=unreadable)

    def _row(self, stack: str, output: str) -> Row | None:
        answer = self._client("dynamodb").get_item(
            TableName=self._outputs(stack)[output],
            Key=to_item({"order_id": self._order_id}),
            ConsistentRead=True,
        )
        return from_item(answer["Item"]) if "Item" in answer else None

    def _emails(self) -> Row:
        answer = self._client("dynamodb").query(
            TableName=self._outputs("Notifications")["EmailRecordsTable"],
            KeyConditionExpression="order_id = :order",
            ExpressionAttributeValues=to_item({":order": self._order_id}),
            ConsistentRead=True,
        )
        return {"emails": [from_item(item) for item in answer["Items"]]}

    def _payment(self) -> Row | None:
        endpoint = self._outputs("Payments")["LedgerEndpoint"]
        return ledger.read_payment(self._deployed, endpoint, self._order_id)

    def _executions(self, order: Row) -> list[Execution]:
        """Return the executions that have claimed the order, sorted by start."""
        claims = {*order.get("claimed_by", ()), order.get("claim_owner")} - {None}
        found = [self._execution(arn) for arn in sorted(claims)]
        return sorted(found, key=lambda execution: execution.began or END_OF_TIME)

    def _execution(self, arn: str) -> Execution:
        if not is_execution_arn(arn):
            return Execution(arn=arn, status=UNKNOWN, note="this is no execution's ARN")
        if is_express(arn):
            note = "an Express workflow: its steps are only in /aws/vendedlogs/states/..."
            return Execution(arn=arn, status=UNKNOWN, note=note)
        states = self._client("stepfunctions")
        try:
            pages = list(states.get_paginator("get_execution_history").paginate(executionArn=arn))
        except states.exceptions.ExecutionDoesNotExist:
            # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
            note = "its history is gone, as all are 90 days after their end"
            return Execution(arn=arn, status=UNKNOWN, note=note)
        return execution_of(arn, (event for page in pages for event in page["events"]))


def _line(error: Exception) -> str:
    """Return an error's message in one line. A PostgreSQL error has its fields under letters."""
    if isinstance(error, DatabaseError):
        return str(error.args[0].get("M", error))
    return str(error).partition("\n")[0]
