"""Events of orders on the bus, and what the stream, the views and the queries make of them.

Only the stacks on their way are deployed, with fan-out as in prod.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from demo import api_client
from emulator.cloud import Cloud
from emulator.deploy import deploy
from lambdas.contracts.envelope import envelope
from lambdas.contracts.event import Event
from lambdas.contracts.orders import SOURCE, OrderConfirmed, OrderPlaced
from lambdas.contracts.payments import PaymentTaken
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.contracts.values import Line, Money, PricedLine
from stacks.environments import DEV
from tests.support.deliveries import eventually, received
from tests.support.faults import DeniedRole
from tests.support.grants import cloud_recording_grants, physical
from tests.support.storefront_env import declare_storefront_stacks
from tests.templates.synthesis import new_app

ENV = replace(DEV, enhanced_fan_out=True)
TOTAL = Money(amount=1_530, currency="GBP")
LINES = (PricedLine(sku="85123A", quantity=6, unit_price=255),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    cloud: Cloud
    outputs: Mapping[str, str]
    customers: api_client.Customers
    queues: Mapping[str, str]

    def publish(self, order: str, sequence: int, event: Event, at: str) -> None:
        """Put an event on the bus."""
        entry = entry_of(order, sequence, event, at) | {"EventBusName": self.outputs["EventBus"]}
        answer = self.cloud.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0

    def write(self, key: str, data: str) -> None:
        """Put a record on the stream, by the bus's back."""
        self.cloud.client("kinesis").put_record(
            StreamName=self.outputs["OrderStreamName"], PartitionKey=key, Data=data
        )

    def get(self, path: str, token: str, **headers: str) -> tuple[int, Any, Mapping[str, str]]:
        answer = api_client.http(self.cloud).request(
            "GET",
            self.outputs["ApiUrl"] + path,
            headers={"Authorization": f"Bearer {token}", **headers},
            retries=False,
        )
        return answer.status, json.loads(answer.data or b"null"), dict(answer.headers)

    def events(self, order: str, token: str) -> list[str]:
        status, content, _ = self.get(f"/orders/{order}/timeline", token)
        return [event["event"] for event in content["events"]] if status == 200 else []

    @property
    def operator(self) -> str:
        """A token of the operators' client, as its secret and Cognito's OAuth endpoint give it."""
        client = self.outputs["OperatorsClientId"]
        found = self.cloud.client("cognito-idp").describe_user_pool_client(
            UserPoolId=self.outputs["UserPoolId"], ClientId=client
        )
        secret = found["UserPoolClient"]["ClientSecret"]
        basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
        answer = api_client.http(self.cloud).request(
            "POST",
            self.outputs["OperatorsTokenUrl"],
            fields={
                "grant_type": "client_credentials",
                "scope": "operators/read",
            },
            headers={"Authorization": f"Basic {basic}"},
            encode_multipart=False,
        )
        return str(json.loads(answer.data)["access_token"])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    assembly: Path = tmp_path_factory.mktemp("assembly")
    app = new_app(outdir=str(assembly))
    declare_storefront_stacks(app, ENV)
    app.synth()
    with cloud_recording_grants(only=("Storefront", "Backbone")) as cloud:
        outputs = deploy(cloud, assembly=assembly, progress=lambda _: None)
        customers = api_client.create_customers(cloud, outputs, "ada", "bob")
        queues = physical(cloud, "AWS::SQS::Queue")
        yield Platform(cloud=cloud, outputs=outputs, customers=customers, queues=queues)


@pytest.fixture(scope="module")
def ada(platform: Platform) -> str:
    return platform.customers.token("ada")


NOT_VIEWS = tuple(f"arn:aws:{service}:*" for service in ("kinesis", "logs", "s3", "sqs"))


def subject(token: str) -> str:
    """Who a token's customer is to the services."""
    claims = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"])


def entry_of(order: str, sequence: int, event: Event, at: str) -> dict[str, Any]:
    """An event as it is put on the bus."""
    published = envelope(
        event,
        subject=order,
        sequence=sequence,
        correlation_id=order,
        causation_id=order,
        occurred_at=f"2026-12-01T{at}+00:00",
    )
    return published.to_put_events_entry("")


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
