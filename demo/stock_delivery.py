"""Deliver the stock that the export's orders need, or nearly all of it."""

import json
from hashlib import sha256
from itertools import islice
from sqlite3 import Connection

from demo.errors import DemoError
from emulator.cloud import Cloud
from lambdas.contracts.text import sku_problem
from lambdas.contracts.values import MAX_SKUS

SHORT_ONE_IN = 50
"""One SKU in this many gets only half of what is ordered, so that some orders run out of stock."""


def delivered_quantity(sku: str, demand: int) -> int:
    """Return how many units of a SKU to deliver, given how many are ordered.

    A hash of the SKU decides which one falls short, so that the same export always runs out of the
    same products.
    """
    is_short = int.from_bytes(sha256(sku.encode()).digest()[:4]) % SHORT_ONE_IN == 0
    return demand // 2 if is_short else demand


def deliver_stock(
    cloud: Cloud, function: str, database: Connection, *, name: str = "delivery"
) -> tuple[int, int]:
    """Deliver stock for the demand in the database; return the numbers of SKUs and of units.

    `function` is inventory's function that receives deliveries. The deliveries' ids begin with
    `name`: inventory receives a delivery id only once. SKUs that inventory refuses are left out; no
    order can have them.

    Raises:
        DemoError: A delivery was not received.
    """
    lambda_ = cloud.client("lambda")
    demand = database.execute("SELECT sku, quantity FROM demand ORDER BY sku")
    lines = (
        {"sku": sku, "quantity": quantity}
        for sku, ordered in demand
        if (quantity := delivered_quantity(sku, ordered)) > 0 and not sku_problem(sku)
    )
    skus = units = number = 0
    while delivery := list(islice(lines, MAX_SKUS)):
        number += 1
        payload = json.dumps({"delivery_id": f"{name}-{number}", "lines": delivery})
        answer = lambda_.invoke(FunctionName=function, Payload=payload)
        if "FunctionError" in answer:
            raise DemoError(f"{name}-{number} was not received: {answer['Payload'].read()!r}")
        skus += len(delivery)
        units += sum(line["quantity"] for line in delivery)
    return skus, units
