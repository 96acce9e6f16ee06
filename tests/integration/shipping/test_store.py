from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.shipping import BookShipment
from lambdas.contracts.values import Line
from lambdas.runtime.dynamodb import from_item
from lambdas.shipping.domain import Shipment, plan_shipment, shipment_id
from lambdas.shipping.store import Shipments
from tests.support.spy import Spy

NOW, LATER = "2026-01-01T00:00:00+00:00", "2026-01-01T00:05:00+00:00"
LINES = (Line(sku="A", quantity=2),)


def planned(order_id: str, country: str = "France", now: str = NOW) -> Shipment:
    return plan_shipment(BookShipment(order_id=order_id, country=country, lines=LINES), now=now)


@pytest.fixture
def table(make_table: Callable[[str, str], str]) -> str:
    return make_table("shipments", "order_id")


@pytest.fixture
def shipments(dynamodb: Any, table: str) -> Shipments:
    return Shipments(table, dynamodb=dynamodb)


def rows(dynamodb: Any, table: str) -> list[dict[str, Any]]:
    items = dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    return [from_item(item) for item in items]


def test_booking_is_stored(shipments: Shipments, dynamodb: Any, table: str):
    assert shipments.book(planned("o1")).state == "BOOKED"
    assert rows(dynamodb, table) == [
        {
            "order_id": "o1",
            "shipment_id": shipment_id("o1"),
            "state": "BOOKED",
            "country": "France",
            "lines": [{"sku": "A", "quantity": 2}],
            "created_at": NOW,
            "changed_at": NOW,
            "reported_at": "",
            "explanation": "",
            "cause": "",
            "held": False,
            "picked": False,
            "hold_sequence": 0,
        }
    ]


def test_booking_again_is_the_same_shipment(shipments: Shipments):
    first = shipments.book(planned("o1"))

    assert shipments.book(planned("o1", now=LATER)) == first


def test_refusal_stays_whatever_is_requested_later(shipments: Shipments):
    refused = shipments.book(planned("o1", country="Unspecified"))

    assert refused.state == "REFUSED"
    assert shipments.book(planned("o1", now=LATER)) == refused
    assert shipments.cancel("o1", now=LATER) == refused


def test_cancellation_keeps_the_booked_lines(shipments: Shipments, dynamodb: Any, table: str):
    shipments.book(planned("o1"))
    cancelled = shipments.cancel("o1", now=LATER)

    assert (cancelled.state, cancelled.created_at, cancelled.changed_at) == (
        "CANCELLED",
        NOW,
        LATER,
    )
    assert (cancelled.country, cancelled.lines) == ("France", LINES)
    assert shipments.cancel("o1", now="later still") == cancelled
    assert shipments.book(planned("o1")) == cancelled


def test_cancelling_nothing_leaves_a_tombstone(shipments: Shipments, dynamodb: Any, table: str):
    tombstone = shipments.cancel("o1", now=NOW)

    assert rows(dynamodb, table) == [
        {
            "order_id": "o1",
            "shipment_id": shipment_id("o1"),
            "state": "CANCELLED",
            "created_at": NOW,
            "changed_at": NOW,
        }
    ]
    assert shipments.book(planned("o1", now=LATER)) == tombstone
    assert shipments.book(planned("o1", country="Unspecified")) == tombstone


def test_each_operation_is_one_request(dynamodb: Any, table: str):
    requests: list[str] = []
    shipments = Shipments(table, dynamodb=Spy(dynamodb, requests.append))

    for _ in range(2):
        shipments.book(planned("o1"))
    for order_id in ("o1", "o1", "o2"):
        shipments.cancel(order_id, now=LATER)

    assert requests == ["put_item"] * 2 + ["update_item"] * 3


def test_concurrent_duplicates_are_one_shipment(shipments: Shipments, dynamodb: Any, table: str):
    with ThreadPoolExecutor(16) as pool:
        booked = list(pool.map(lambda i: shipments.book(planned("o1", now=str(i))), range(16)))

    assert len(set(booked)) == 1
    assert len(rows(dynamodb, table)) == 1


@settings(max_examples=40)
@given(
    requests=st.lists(
        st.tuples(st.sampled_from(["book", "cancel"]), st.sampled_from(["o1", "o2", "nowhere"])),
        min_size=1,
        max_size=12,
    )
)
def test_first_request_decides_and_only_a_booking_can_change(
    dynamodb: Any, make_table: Callable[[str, str], str], requests: list[tuple[str, str]]
):
    table = make_table("shipments", "order_id")
    shipments = Shipments(table, dynamodb=dynamodb)
    expected: dict[str, str] = {}

    for verb, order_id in requests:
        if verb == "book":
            country = "" if order_id == "nowhere" else "France"
            expected.setdefault(order_id, "BOOKED" if country else "REFUSED")
            answer = shipments.book(planned(order_id, country=country))
        else:
            if expected.get(order_id) != "REFUSED":
                expected[order_id] = "CANCELLED"
            answer = shipments.cancel(order_id, now=LATER)
        assert answer.state == expected[order_id]

    assert {row["order_id"]: row["state"] for row in rows(dynamodb, table)} == expected
