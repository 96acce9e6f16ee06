import json
import sqlite3
from types import SimpleNamespace
from typing import Any

import pytest

from demo.database import insert
from demo.errors import DemoError
from demo.stock_delivery import deliver_stock, delivered_quantity


def test_same_skus_fall_short_each_time_and_the_others_never():
    arrived = {f"{number}": delivered_quantity(f"{number}", 10) for number in range(20_000, 25_000)}
    assert set(arrived.values()) == {5, 10}
    assert 0.01 < list(arrived.values()).count(5) / len(arrived) < 0.03
    assert arrived == {sku: delivered_quantity(sku, 10) for sku in arrived}


def test_delivery_has_no_more_skus_than_a_transaction(database: sqlite3.Connection):
    sent: list[dict[str, Any]] = []

    def invoke(*, FunctionName: str, Payload: str):  # noqa: N803
        sent.append(json.loads(Payload))
        return {}

    cloud: Any = SimpleNamespace(client=lambda _: SimpleNamespace(invoke=invoke))
    demand = [(f"{number:05}", 4) for number in range(200)] + [("none-left", 0)]
    insert(database, "demand", demand)
    skus, units = deliver_stock(cloud, "receive", database)
    assert [len(delivery["lines"]) for delivery in sent] == [90, 90, 20]
    assert len({delivery["delivery_id"] for delivery in sent}) == 3
    assert skus == 200
    assert units == sum(line["quantity"] for delivery in sent for line in delivery["lines"])
    assert all(line["quantity"] > 0 for delivery in sent for line in delivery["lines"])


def test_unreceived_delivery_raises_an_error(database: sqlite3.Connection):
    payload = SimpleNamespace(read=lambda: b"no such table")
    failed = {"FunctionError": "Unhandled", "Payload": payload}
    cloud: Any = SimpleNamespace(client=lambda _: SimpleNamespace(invoke=lambda **_: failed))
    insert(database, "demand", [("A1", 4)])
    with pytest.raises(DemoError, match=r"delivery-1 was not received.*no such table"):
        deliver_stock(cloud, "receive", database)
