"""The relays of all services: a row that is not its service's is dead-lettered alone, and whole."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.codec import decode, encode
from lambdas.contracts.values import Line
from lambdas.inventory.domain import StockLevel
from lambdas.inventory.domain import event_for_change as stock_event
from lambdas.inventory.store import parse_stock_row
from lambdas.orders.domain import Hold, HoldState
from lambdas.orders.events import event_for_change as order_event
from lambdas.orders.rows import order_of, row_of
from lambdas.runtime.bus import Bus
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.runtime.dynamodb import to_item
from lambdas.runtime.publisher import Publisher
from lambdas.runtime.relay import Relay, ToEvent, relay_batch, row_to_event
from lambdas.runtime.topic import Topic
from lambdas.shipping.domain import Shipment, ShipmentState
from lambdas.shipping.domain import event_for_change as shipment_event
from tests.support.aws_fakes import FakeEvents, FakeSns
from tests.support.doubles import ClientDouble
from tests.support.order_requests import placed

NOW = "2026-12-01T08:26:00+00:00"
HOLD = Hold(cause="c", reason="PaymentDisputed", explanation="e", state=HoldState.HELD, at=NOW)
PLACED = placed()
HELD = replace(PLACED, holds=(HOLD,), sequence=2, out_of_band_events=1)
STOCK = StockLevel(
    sku="85123A",
    available=2,
    reserved=1,
    minimum=5,
    sequence=3,
    changed_at=NOW,
    cause="ReserveStock/o1",
)
SHIPMENT = Shipment(
    order_id="o1",
    shipment_id="s1",
    state=ShipmentState.DISPATCHED,
    created_at=NOW,
    changed_at=NOW,
    country="Italy",
    lines=(Line(sku="85123A", quantity=1),),
    cause="c",
)
Image = dict[str, Any]


class Sqs(ClientDouble):
    def __init__(self) -> None:
        self.bodies: list[Any] = []

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803
        self.bodies.append(json.loads(MessageBody))


def record(number: int, after: Image, before: Image | None = None) -> Image:
    images = {"NewImage": after} | ({"OldImage": before} if before else {})
    return {"eventID": str(number), "dynamodb": {"SequenceNumber": str(number), **images}}


ORDERS = row_to_event(order_of, order_event)
INVENTORY = row_to_event(parse_stock_row, stock_event)
SHIPPING = row_to_event(partial(decode, Shipment), shipment_event)
CHANGES: list[tuple[ToEvent, Mapping[str, Any], Mapping[str, Any] | None]] = [
    (ORDERS, row_of(PLACED), None),
    (ORDERS, row_of(HELD), row_of(PLACED)),
    (INVENTORY, encode(STOCK), encode(replace(STOCK, sequence=2))),
    (SHIPPING, encode(SHIPMENT), None),
]


def relayed(to_event: ToEvent, *records: Image) -> tuple[list[str], list[Any]]:
    """Relay a batch; return the subjects of what was published, and what was dead-lettered."""
    events, sns, sqs = FakeEvents(), FakeSns(), Sqs()
    publisher: Publisher = (
        Topic("topic", sns=sns) if to_event is INVENTORY else Bus("Orders", eventbridge=events)
    )
    relay = Relay(
        to_event=to_event, publisher=publisher, dead_letters=DeadLetterQueue("dead", sqs=sqs)
    )

    assert relay_batch(relay, {"Records": records}) == {"batchItemFailures": []}
    published = [json.loads(entry["Detail"])["metadata"]["subject"] for entry in events.taken]
    return published + [subject for subject, _ in sns.delivered], sqs.bodies


def replaced(image: Image, path: tuple[str, ...], value: object) -> Image:
    changed = deepcopy(image)
    inner: Any = changed
    for key in path[:-1]:
        inner = inner[int(key) if isinstance(inner, list) else key]
    inner[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("change", "path", "value", "reason"),
    [
        (0, ("total",), {"N": "19.99"}, "total must be an integer, not Decimal"),
        (0, ("total",), {"N": "1E+40"}, "total must be an integer from"),
        (0, ("total",), {"N": "abc"}, "total must be an integer, not Decimal"),
        (0, ("customer_id",), {"NULL": True}, "customer_id must be a string, not null"),
        (0, ("customer_id",), {"S": ""}, "customer_id must have 1 to 200 characters, not 0"),
        (0, ("placed_at",), {"S": ""}, "placed_at must be a time"),
        (0, ("lines",), {"S": "none"}, "lines must be an array, not str"),
        (0, ("lines",), {"L": []}, "lines must have 1 to 90 items"),
        (0, ("claimed_by",), {"NS": ["1"]}, "claimed_by[] must be a string, not Decimal"),
        (0, ("holds",), {"S": "x"}, "holds must be an array, not str"),
        (0, ("holds",), {"L": [{"S": "x"}]}, "holds[0] must be an object, not str"),
        (1, ("holds", "L", "0", "M", "at"), {"S": ""}, "holds[0].at must be a time"),
        (1, ("holds", "L", "0", "M", "state"), {"S": "NO"}, "holds[0].state must be one of"),
        (2, ("available",), {"N": "2.5"}, "available must be an integer, not Decimal"),
        (2, ("sku",), {"NULL": True}, "sku must be a string, not null"),
        (2, ("changed_at",), {"S": "0001-01-01T00:00:00+14:00"}, "occurred_at must be a time"),
        (3, ("lines", "L", "0", "M", "quantity"), {"N": "0"}, "lines[0].quantity must be"),
        (3, ("changed_at",), {"S": "yesterday"}, "occurred_at must be a time"),
    ],
)
def test_row_that_does_not_fit_is_dead_lettered_whole_and_the_rest_is_published(
    change: int, path: tuple[str, ...], value: object, reason: str
):
    to_event, after, before = CHANGES[change]
    old = to_item(before) if before else None
    good = to_item(after)
    bad = record(2, replaced(good, path, value), old)

    published, dead = relayed(to_event, record(1, good, old), bad, record(3, good, old))

    assert len(published) >= 1
    ((found, dead_letter),) = [(each["reason"], each["record"]) for each in dead]
    assert reason in found
    assert dead_letter == bad


ATTRIBUTES = st.recursive(
    st.one_of(
        st.text(max_size=5).map(lambda text: {"S": text}),
        st.sampled_from(["1", "0", "-1", "2.5", "1E+125", "9" * 38, "abc", "NaN", ""]).map(
            lambda number: {"N": number}
        ),
        st.just({"NULL": True}),
        st.booleans().map(lambda value: {"BOOL": value}),
        st.just({"NS": ["1", "2.5"]}),
        st.just({"SS": ["a"]}),
        st.just({"B": "AAAA"}),
        st.just({"S": "\ud800"}),
        st.just({"X": "unknown"}),
        st.just({}),
    ),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda items: {"L": items})
        | st.dictionaries(st.sampled_from(["sku", "at"]), inner, max_size=2).map(
            lambda entries: {"M": entries}
        )
    ),
    max_leaves=3,
)


@given(st.sampled_from(CHANGES), st.data())
def test_unreadable_row_does_not_stop_the_others(
    change: tuple[ToEvent, Any, Any], data: st.DataObject
):
    to_event, after, before = change
    good, old = to_item(after), to_item(before) if before else None
    column = data.draw(st.sampled_from(sorted(good)))
    changed = good | {column: data.draw(ATTRIBUTES)}
    subject = next(iter(good.values()))["S"]

    published, dead = relayed(to_event, record(1, changed, old), record(2, good, old))

    assert subject in published
    assert all(each["record"]["dynamodb"]["NewImage"] == changed for each in dead)
