"""A row that is no purchase order keeps no other from being followed up."""

from typing import Any

import pytest

from lambdas.contracts.codec import encode
from lambdas.purchasing.domain import plan_purchase_order
from lambdas.purchasing.follow_up import FollowUpFailedError
from lambdas.purchasing.store import PurchaseOrders
from lambdas.runtime.dynamodb import to_item
from tests.support.doubles import ClientDouble
from tests.support.purchasing import START, Inventory, deliver, low


class Rows(ClientDouble):
    """A table of purchase orders, all of them due; it notes which rows are written."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self._rows = {row["purchase_order_id"]: to_item(row) for row in rows}
        self.written: list[tuple[str, str]] = []

    def query(self, **_: object) -> dict[str, Any]:
        return {"Items": [{"purchase_order_id": {"S": id}} for id in self._rows]}

    def get_item(self, **request: Any) -> dict[str, Any]:
        return {"Item": self._rows[request["Key"]["purchase_order_id"]["S"]]}

    def update_item(self, **request: Any) -> None:
        id = request["Key"]["purchase_order_id"]["S"]
        self.written.append((id, request["UpdateExpression"].split()[1]))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ({"quantity": "five"}, "quantity must be an integer"),
        # To inventory, a negative quantity means units that are written off.
        ({"quantity": -5}, "quantity must be an integer from 1 to"),
        # A key of the table is made of these two.
        ({"sku": "x" * 1_500}, "sku must have 1 to 64 characters"),
        ({"threshold": "x" * 1_500}, "threshold must have 0 to 100 characters"),
    ],
    ids=["quantity", "negative", "sku", "threshold"],
)
def test_order_behind_an_unreadable_one_is_delivered(damage: dict[str, Any], problem: str):
    bad, good = (encode(plan_purchase_order(low(sku, 1), now=START)) for sku in "AB")
    table, inventory = Rows(bad | damage, good), Inventory()
    bad_id, good_id = bad["purchase_order_id"], good["purchase_order_id"]

    with pytest.raises(FollowUpFailedError, match=f"{bad_id}: .*{problem}"):
        deliver(PurchaseOrders("orders", dynamodb=table), inventory)

    assert set(inventory.units) == {"B"}
    # The unreadable one is tried again after all others.
    assert table.written[0] == (bad_id, "check_after")
    assert table.written[-1] == (good_id, "#state")
