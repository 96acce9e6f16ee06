"""Stock that runs low is ordered once for each time that it does."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.inventory import StockBelowMinimum, StockChanged, StockSoldOut
from lambdas.purchasing.domain import plan_purchase_order
from lambdas.purchasing.store import PurchaseOrders
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.runtime.dynamodb import to_item
from tests.contracts.catalog import sample_of
from tests.support.aws_fakes import FakeSqs, records
from tests.support.purchasing import low

START = datetime(2026, 1, 1, tzinfo=UTC)
Rows = Callable[[], list[dict[str, Any]]]
Handle = Callable[..., Any]


def order(event: EventEnvelope[Any], now: datetime = START) -> Any:
    return plan_purchase_order(event, now=now)


@pytest.fixture
def handle(load_handler: Callable[..., Any], table: str, monkeypatch: Any) -> Handle:
    """Return the handler, called with (group, body) messages; it dead-letters to ``sqs``."""

    def call(*bodies: tuple[str, str], sqs: FakeSqs | None = None) -> list[str]:
        handler = load_handler(
            "lambdas.purchasing.raise_purchase_orders",
            PURCHASE_ORDERS_TABLE=table,
            DEAD_LETTER_QUEUE_URL="dead-letters",
        )
        dead_letters = DeadLetterQueue("dead-letters", sqs=sqs or FakeSqs())
        monkeypatch.setattr(handler.__globals__["consumer"], "_dead_letters", dead_letters)
        answer = handler({"Records": records(*bodies)}, None)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    return call


class TestHandler:
    def test_repeated_event_raises_one_order(self, handle: Handle, rows: Rows):
        message = low("A", 7).to_sns_message()

        assert handle(("A", message), ("A", message)) == []
        first = rows()
        assert handle(("A", message)) == []
        assert rows() == first
        assert [(row["sku"], row["state"], row["awaiting"]) for row in first] == [
            ("A", "OPEN", "supplier")
        ]

    def test_repeated_event_leaves_an_edited_order_as_it_is(
        self, handle: Handle, rows: Rows, dynamodb: Any, table: str
    ):
        message = low("A", 7).to_sns_message()
        handle(("A", message))
        (row,) = rows()
        dynamodb.put_item(TableName=table, Item=to_item(row | {"quantity": "five"}))

        assert handle(("A", message), ("A", low("A", 9).to_sns_message())) == []
        assert sorted(str(row["quantity"]) for row in rows()) == ["5", "five"]

    def test_each_crossing_raises_an_order_of_its_own(self, handle: Handle, rows: Rows):
        below, out = low("A", 7), low("A", 9, kind=StockSoldOut)

        handle(
            ("A", below.to_sns_message()),
            ("A", out.to_sns_message()),
            ("A", low("A", 12).to_sns_message()),
        )

        assert len(rows()) == 3

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ("no JSON", "not a delivered event: it is not JSON"),
            (sample_of(StockChanged).read_text(), "StockChanged of com.aws.inventory is none of"),
            (
                low("A", 1).to_sns_message().replace('"schema_version": 1', '"schema_version": 99'),
                "is 99",
            ),
            (low("A", 1).to_sns_message().replace('"minimum": 5', '"minimum": -5'), "not -5"),
            (
                low("A", 1).to_sns_message().replace('"sku": "A"', '"sku": ""'),
                "sku must have 1 to 64 characters, not 0",
            ),
            (low("A", 1).to_sns_message().replace('"sku": "A"', '"sku": "B"'), "sku is B"),
        ],
    )
    def test_invalid_message_is_dead_lettered_with_its_reason_and_writes_nothing(
        self, handle: Handle, rows: Rows, body: str, reason: str
    ):
        sqs = FakeSqs()

        assert handle(("A", body), ("B", low("B", 1).to_sns_message()), sqs=sqs) == []
        assert [message["MessageBody"] for message in sqs.sent] == [body]
        assert reason in sqs.reasons[0]
        assert [row["sku"] for row in rows()] == ["B"]


crossings = st.lists(
    st.tuples(st.sampled_from("AB"), st.integers(1, 9), st.booleans()), min_size=1, max_size=25
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(crossings)
def test_each_crossing_leads_to_one_order(
    dynamodb: Any, make_table: Callable[..., str], drawn: list[tuple[str, int, bool]]
):
    """For every order and number of deliveries of the events."""
    table = make_table("purchase-orders", "purchase_order_id", index=("awaiting", "check_after"))
    store = PurchaseOrders(table, dynamodb=dynamodb)

    for i, (sku, sequence, sold_out) in enumerate(drawn):
        kind = StockSoldOut if sold_out else StockBelowMinimum
        store.put_once(order(low(sku, sequence, kind=kind), START + timedelta(minutes=i)))

    due = [store.find_open(id) for id in store.due_ids(now="2027", limit=100)]
    checks = [raised.check_after for raised in due if raised]
    assert len(checks) == len({(sku, sequence) for sku, sequence, _ in drawn})
    assert checks == sorted(checks)
