"""Putting a product through the API, and publishing it, with a real table."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.catalog.domain import Product, event_for_change
from lambdas.catalog.store import Products
from lambdas.contracts.bounds import MAX_INTEGER
from lambdas.contracts.catalog import OffersChanged
from lambdas.contracts.codec import decode
from lambdas.contracts.parsing import parse_detail
from lambdas.runtime.bus import Bus
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.errors import ConcurrentUpdateError
from lambdas.runtime.relay import Relay, row_to_event
from tests.support.aws_fakes import FakeEvents, FakeSqs

NOW = "2026-12-01T08:26:00.000Z"
BODY = {"name": "Heart", "offers": [{"currency": "GBP", "unit_price": 255}]}


@pytest.fixture
def table(make_table: Callable[..., str]) -> str:
    return make_table("catalogue", "sku")


@pytest.fixture
def put(load_handler: Callable[..., Any], table: str) -> Callable[..., tuple[int, Any]]:
    handler = load_handler(
        "lambdas.catalog.put_product", PRODUCTS_TABLE=table, LEAD_TIME_SECONDS="120"
    )

    def put(body: object, *, sku: str = "85123A") -> tuple[int, Any]:
        answer = handler(
            {
                "pathParameters": {"sku": sku},
                "requestContext": {"requestId": "request-1"},
                "body": body if isinstance(body, str) else json.dumps(body),
            },
            None,
        )
        return answer["statusCode"], json.loads(answer["body"])

    return put


def rows(dynamodb: Any, table: str) -> list[dict[str, Any]]:
    return [from_item(item) for item in dynamodb.scan(TableName=table)["Items"]]


def test_product_is_stored_and_begins_two_minutes_later(
    put: Callable[..., tuple[int, Any]], dynamodb: Any, table: str
):
    status, product = put(BODY)

    assert status == 200
    begins = datetime.fromisoformat(product["offers"][0]["valid_from"])
    assert timedelta(seconds=100) < begins - datetime.now(UTC) <= timedelta(seconds=120)
    (row,) = rows(dynamodb, table)
    assert (row["sku"], row["name"], row["sequence"]) == ("85123A", "Heart", 1)


def test_product_that_is_put_again_stays_the_same(
    put: Callable[..., tuple[int, Any]], dynamodb: Any, table: str
):
    assert put(BODY) == put(BODY)

    (row,) = rows(dynamodb, table)
    assert row["sequence"] == 1


@pytest.mark.parametrize(
    ("body", "fields"), [({"name": "", "offers": 1}, ["name", "offers"]), ("{", ["body"])]
)
def test_bad_request_names_its_fields_and_leaves_no_trace(
    put: Callable[..., tuple[int, Any]], dynamodb: Any, table: str, body: object, fields: list[str]
):
    status, content = put(body)

    assert status == 400
    assert [problem["field"] for problem in content["errors"]] == fields
    assert rows(dynamodb, table) == []


@pytest.mark.parametrize(
    "edited", [{"changed_at": "noon"}, {"sequence": 0}, {"sequence": MAX_INTEGER}], ids=str
)
@pytest.mark.parametrize("name", ["Heart", "White heart"])
def test_edited_product_is_said_to_be_unreadable_and_stays(
    put: Callable[..., tuple[int, Any]],
    dynamodb: Any,
    table: str,
    edited: dict[str, Any],
    name: str,
):
    put(BODY)
    (row,) = rows(dynamodb, table)
    dynamodb.put_item(TableName=table, Item=to_item(row | edited))

    status, _ = put(BODY | {"name": name})

    unchanged = name == "Heart" and edited == {"sequence": MAX_INTEGER}
    assert status == (200 if unchanged else 503)
    assert rows(dynamodb, table) == [row | edited]


def test_change_of_a_row_is_published(
    put: Callable[..., tuple[int, Any]], dynamodb: Any, table: str
):
    put(BODY)
    before = rows(dynamodb, table)[0]
    put(BODY | {"name": "White heart"})
    after = rows(dynamodb, table)[0]
    bus = FakeEvents()
    relay = Relay(
        to_event=row_to_event(lambda row: decode(Product, row), event_for_change),
        publisher=Bus("Orders", eventbridge=bus),
        dead_letters=DeadLetterQueue("queue", sqs=FakeSqs()),
    )

    change = {"SequenceNumber": "1", "OldImage": to_item(before), "NewImage": to_item(after)}
    outcome = relay.relay([{"dynamodb": change}])

    assert outcome.processed == 1
    (entry,) = bus.taken
    event = parse_detail(OffersChanged, json.loads(entry["Detail"]))
    assert (entry["Source"], event.metadata.sequence) == ("com.aws.catalog", 2)
    assert (event.data.name, len(event.data.offers)) == ("White heart", 1)


def test_product_that_others_keep_changing_raises(dynamodb: Any, table: str):
    products = Products(table, dynamodb=dynamodb)

    def change(before: Product | None) -> Product:
        sequence = before.sequence + 1 if before else 1
        other = Product(
            sku="A", name="A", offers=(), sequence=sequence, changed_at=NOW, request_id=""
        )
        products._replace(before, other)
        return Product(
            sku="A", name="B", offers=(), sequence=sequence, changed_at=NOW, request_id=""
        )

    with pytest.raises(ConcurrentUpdateError, match="product A"):
        products.change("A", change=change)
