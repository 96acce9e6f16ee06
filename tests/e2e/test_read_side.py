"""Events of orders on the bus, and what the stream, the views and the queries make of them."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from lambdas.contracts.orders import SOURCE, OrderConfirmed, OrderPlaced
from lambdas.contracts.payments import PaymentTaken
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.contracts.values import Line
from tests.support.deliveries import eventually, received
from tests.support.faults import DeniedRole
from tests.support.grants import physical
from tests.support.storefront_platform import (
    LINES,
    TOTAL,
    Platform,
    ada,
    entry_of,
    platform,
)
from tests.support.tokens import subject

__all__ = ["ada", "platform"]

NOT_VIEWS = tuple(f"arn:aws:{service}:*" for service in ("kinesis", "logs", "s3", "sqs"))


def written(entry: Mapping[str, Any]) -> str:
    """What the bus writes on the stream of such an entry."""
    event = {"source": entry["Source"], "detail-type": entry["DetailType"]}
    return json.dumps({**event, "detail": json.loads(entry["Detail"])})


def place(platform: Platform, token: str, order: str, minute: int) -> None:
    placed = OrderPlaced(
        order_id=order, customer_id=subject(token), lines=LINES, total=TOTAL, country="Italy"
    )
    platform.publish(order, 1, placed, at=f"08:{minute:02}:00")


def confirmed(token: str, order: str) -> OrderConfirmed:
    return OrderConfirmed(
        order_id=order, customer_id=subject(token), lines=LINES, total=TOTAL, country="Italy"
    )


def confirm(platform: Platform, token: str, order: str, minute: int) -> None:
    platform.publish(order, 2, confirmed(token, order), at=f"08:{minute:02}:30")


def test_published_events_are_in_all_views(platform: Platform, ada: str):
    taken = PaymentTaken(order_id="o1", customer_id=subject(ada), total=TOTAL)
    left = ShipmentDispatched(
        order_id="o1", shipment_id="s1", country="Italy", lines=(Line(sku="85123A", quantity=6),)
    )

    platform.publish("o1", 1, left, at="09:00:00")
    confirm(platform, ada, "o1", 26)
    platform.publish("o1", 1, taken, at="08:26:20")
    confirm(platform, ada, "o1", 26)
    place(platform, ada, "o1", 26)
    place(platform, ada, "o2", 27)

    published = ["OrderPlaced", "PaymentTaken", "OrderConfirmed", "ShipmentDispatched"]
    assert eventually(lambda: platform.events("o1", ada) == published)
    assert platform.events("o1", platform.customers.token("bob")) == []

    def listed() -> list[tuple[str, str]]:
        orders = platform.get("/orders", ada)[1]["orders"]
        return [(order["order_id"], order["state"]) for order in orders]

    assert eventually(lambda: listed() == [("o2", "PLACED"), ("o1", "CONFIRMED")]), listed()
    status, first, headers = platform.get("/orders?limit=1", ada)
    assert (status, [order["order_id"] for order in first["orders"]]) == (200, ["o2"])
    place(platform, ada, "o3", 28)
    assert eventually(lambda: len(listed()) == 3)
    _, second, _ = platform.get(f"/orders?limit=1&page={first['next']}", ada)
    (order,) = second["orders"]
    assert (order["order_id"], order["state"], second["next"]) == ("o1", "CONFIRMED", None)
    assert platform.get("/orders?limit=1", ada, **{"If-None-Match": headers["etag"]})[0] == 200
    assert platform.get("/orders?limit=0&page=x", ada)[0] == 400


def test_sales_are_counted_once_and_shown_to_operators_only(platform: Platform, ada: str):
    for _ in range(3):
        confirm(platform, ada, "o4", 40)
    # It goes the way of their key, behind them: once it is counted, they have been.
    platform.write("o4", written(entry_of("o4b", 2, confirmed(ada, "o4b"), "08:41:00")))

    def sold() -> dict[str, Any]:
        _, content, _ = platform.get("/sales?day=2026-12-01&per=minute", platform.operator)
        return {sale["minute"]: sale for sale in content["sales"]}

    assert eventually(lambda: "08:41" in sold())
    once = {"currency": "GBP", "orders": 1, "units": 6, "amount": 1_530}
    assert sold()["08:40"] == {"minute": "08:40", **once}
    assert platform.get("/sales?day=2026-12-01&per=minute", ada)[0] == 401
    assert platform.get("/orders", platform.operator)[0] == 401
    status, content, headers = platform.get("/sales?day=2026-12-01&per=product", platform.operator)
    assert (status, content["sales"][0]["sku"]) == (200, "85123A")
    tag = {"If-None-Match": headers["etag"]}
    unchanged = platform.get("/sales?day=2026-12-01&per=product", platform.operator, **tag)
    assert unchanged[:2] == (304, None)


def test_poison_is_dead_lettered_with_its_reason_and_later_records_are_processed(
    platform: Platform, ada: str
):
    """Filters let nothing through that is not JSON, so that only one of the functions sees it."""
    hollow = json.dumps({"source": SOURCE, "detail-type": "OrderConfirmed", "detail": {}})

    platform.write("o5", "poison")
    platform.write("o5", hollow)
    place(platform, ada, "o5", 50)

    assert eventually(lambda: platform.events("o5", ada)) == ["OrderPlaced"]
    seen = {
        "TimelinesProjection": ["poison", hollow],
        "CustomerOrdersProjection": [hollow],
        "SalesProjection": [hollow],
    }
    for name, records in seen.items():
        queue = platform.queues[f"{name}DeadLetters"]
        dead_letters = [
            json.loads(m["Body"]) for m in received(platform.cloud, queue, len(records))
        ]
        data = [
            base64.b64decode(each["record"]["kinesis"]["data"]).decode() for each in dead_letters
        ]
        assert sorted(data) == sorted(records), name
        reasons = {text: each["reason"] for text, each in zip(data, dead_letters, strict=True)}
        assert reasons[hollow].startswith("not a Metadata: it must be an object")
        assert reasons.get("poison", "not a delivered event: it is not JSON").startswith(
            "not a delivered event: it is"
        )


def test_failed_batch_ends_in_the_bucket_whole(platform: Platform, ada: str):
    """The functions fail because they may not write their views for a while."""
    order = "unwritable"
    roles = physical(platform.cloud, "AWS::IAM::Role")
    denied = [
        DeniedRole(roles[f"{function}Role"], NOT_VIEWS)
        for function in ("UpdateTimelines", "UpdateCustomerOrders", "UpdateSales")
    ]
    s3, bucket = platform.cloud.client("s3"), platform.outputs["ProjectionDeadLettersBucket"]

    def given_up() -> dict[str, list[str]]:
        """The orders in each function's failed batches."""
        found: dict[str, list[str]] = {}
        for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            body = json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
            assert body["requestContext"]["condition"] == "RetryAttemptsExhausted"
            for record in json.loads(body["payload"])["Records"]:
                event = json.loads(base64.b64decode(record["kinesis"]["data"]))
                function = body["requestContext"]["functionArn"]
                found.setdefault(function, []).append(event["detail"]["metadata"]["subject"])
        return found

    for role in denied:
        role.begin(platform.cloud.client)
    try:
        platform.write(order, written(entry_of(order, 2, confirmed(ada, order), "08:55:00")))
        eventually(lambda: len(given_up()) == 3)
    finally:
        for role in denied:
            role.end(platform.cloud.client)

    assert len(given_up()) == 3
    place(platform, ada, "o6", 56)
    assert eventually(lambda: platform.events("o6", ada)) == ["OrderPlaced"]
    assert all(order in orders for orders in given_up().values())
