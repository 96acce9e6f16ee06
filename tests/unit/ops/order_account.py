"""The account, as far as it knows of one order."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ops.deployed import OperationError
from ops.dlq.templates import Templates
from tests.support.items import any_item
from tests.unit.ops.dead_letter_samples import templates
from tests.unit.ops.order_samples import ID, mailed, reservation

(EMAIL,) = mailed("OrderConfirmed +invoice 2")["emails"]


class NoHistory(Exception):
    pass


class Account:
    """Each table is asked consistently."""

    class exceptions:  # noqa: N801
        ExecutionDoesNotExist = NoHistory

    def __init__(
        self, order: Any, *, without: str = "", denied: str = "", changes: int = 0, **history: Any
    ) -> None:
        self.tables: dict[str, Any] = {
            "OrdersTable": order,
            "ReservationsTable": reservation("RESERVED"),
            "EmailRecordsTable": EMAIL,
        }
        self.without = without
        self.denied = denied
        self.changes = changes
        self.histories = history
        self.asked: list[str] = []
        self.mappings: dict[str, list[dict[str, str]]] = {}

    def outputs(self, stack: str) -> Mapping[str, str]:
        if stack == self.without:
            raise OperationError(f"there is no stack Orders-Dev-{stack} in eu-west-1")
        output = {"Inventory": "Reservations", "Shipping": "Shipments", "Storefront": "Timelines"}
        more = {"Warehouse": "Pickings", "Notifications": "EmailRecords"}
        name = f"{(output | more).get(stack, stack)}Table"
        return {name: name, "LedgerEndpoint": "ledger"}

    def client(self, service: str) -> "Account":
        return self

    def get_item(self, *, TableName: str, Key: Any, ConsistentRead: bool) -> Any:  # noqa: N803
        assert (ConsistentRead, Key) == (True, {"order_id": {"S": ID}})
        self.asked.append(TableName)
        if TableName == self.denied:
            error: Any = {"Code": "AccessDeniedException", "Message": "no\nnot you"}
            raise ClientError({"Error": error}, "GetItem")
        row = self.tables.get(TableName)
        if TableName == "OrdersTable" and self.changes:
            self.changes -= 1
            row = {**self.tables[TableName], "sequence": self.changes + 1}
        return {"Item": any_item(row)} if row else {}

    def query(self, *, TableName: str, ConsistentRead: bool, **asked: Any) -> Any:  # noqa: N803
        assert (ConsistentRead, asked["ExpressionAttributeValues"]) == (True, {":order": {"S": ID}})
        self.asked.append(TableName)
        return {"Items": [any_item(self.tables[TableName])]}

    def templates(self) -> Templates:
        return templates()

    def list_event_source_mappings(self, *, FunctionName: str) -> Any:  # noqa: N803
        found = [each for name, each in self.mappings.items() if name in FunctionName]
        return {"EventSourceMappings": [one for each in found for one in each]}

    def get_paginator(self, verb: str) -> "Account":
        assert verb == "get_execution_history"
        return self

    def paginate(self, *, executionArn: str) -> Iterator[Any]:  # noqa: N803
        name = executionArn.rpartition(":")[2]
        if name not in self.histories:
            raise NoHistory
        for event in self.histories[name]:
            yield {"events": [event]}
