"""Writes of an order's row that meet the transaction of a repeated request to place it."""

from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas.contracts.order_states import OrderState
from lambdas.orders.cancellation import cancel
from lambdas.orders.rows import row_of
from lambdas.orders.store import Orders
from lambdas.runtime.dynamodb import to_item
from tests.support.doubles import ClientDouble
from tests.support.order_requests import placed


class BusyRow(ClientDouble):
    """A table whose one row is in a transaction for the first ``busy`` writes."""

    exceptions = boto3.client("dynamodb", "eu-west-1").exceptions

    def __init__(self, *, busy: int) -> None:
        self._busy = busy
        self.written: list[Any] = []

    def get_item(self, **_: object) -> dict[str, Any]:
        return {"Item": to_item(row_of(placed()))}

    def put_item(self, **request: Any) -> None:
        self._busy -= 1
        if self._busy >= 0:
            conflict: Any = {"Error": {"Code": "TransactionConflictException", "Message": "busy"}}
            raise ClientError(conflict, "PutItem")
        self.written.append(request["Item"]["state"])


def cancel_in(table: BusyRow) -> Any:
    change = partial(cancel, now="2026-12-01T08:27:00.000Z")
    return Orders("orders", dynamodb=table).update(placed().order_id, change=change)


def test_row_in_a_transaction_is_written_after_it():
    table = BusyRow(busy=2)

    assert cancel_in(table).state == OrderState.CANCELLED
    assert table.written == [{"S": "CANCELLED"}]


def test_row_that_stays_in_transactions_is_not_written():
    with pytest.raises(ClientError, match="TransactionConflictException"):
        cancel_in(BusyRow(busy=99))
