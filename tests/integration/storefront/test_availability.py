"""The availability view in DynamoDB, and the function that updates it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.inventory import (
    STOCK_EVENTS,
    StockEvent,
    StockSoldOut,
)
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.storefront.availability import build_availabilities
from lambdas.storefront.store import AvailabilityView
from tests.support.aws_fakes import FakeSqs, records
from tests.support.spy import Spy
from tests.support.stock_events import stock_event


@pytest.fixture
def table(make_table: Callable[..., str]) -> str:
    return make_table("availability", "sku")


class TestStore:
    def test_stale_or_redelivered_stock_changes_nothing(self, table: str, dynamodb: Any):
        store = AvailabilityView(table, dynamodb=dynamodb)
        (first,), (second,) = (
            build_availabilities([stock_event("A", 1, 9)]),
            build_availabilities([stock_event("A", 2, 0)]),
        )

        assert [store.put_if_newer(shown) for shown in (second, first, second)] == [
            True,
            False,
            False,
        ]
        assert store.find("A") == second

    def test_unknown_sku_has_no_availability(self, table: str, dynamodb: Any):
        assert AvailabilityView(table, dynamodb=dynamodb).find("A") is None


@pytest.fixture
def handle(load_handler: Callable[..., Any], table: str, monkeypatch: Any) -> Callable[..., Any]:
    """Call the handler with messages of (group, body) and a given dead-letter queue."""

    def call(
        *bodies: tuple[str, str], sqs: FakeSqs | None = None, dynamodb: Any = None
    ) -> list[str]:
        handler = load_handler(
            "lambdas.storefront.update_availability",
            AVAILABILITY_TABLE=table,
            DEAD_LETTER_QUEUE_URL="dead-letters",
        )
        dead_letters = DeadLetterQueue("dead-letters", sqs=sqs or FakeSqs())
        monkeypatch.setattr(handler.__globals__["consumer"], "_dead_letters", dead_letters)
        if dynamodb:
            monkeypatch.setattr(handler.__globals__["view"], "_dynamodb", dynamodb)
        answer = handler({"Records": records(*bodies)}, None)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    return call


def bodies(*events: EventEnvelope[StockEvent]) -> list[tuple[str, str]]:
    return [(event.data.sku, event.to_sns_message()) for event in events]


class TestHandler:
    def test_sku_is_written_once_per_batch(
        self, handle: Callable[..., Any], table: str, dynamodb: Any
    ):
        writes: list[str] = []
        published = [stock_event("A", number, number) for number in range(1, 9)] + [
            stock_event("B", 1, 3)
        ]

        assert handle(*bodies(*published), dynamodb=Spy(dynamodb, writes.append)) == []
        assert writes == ["put_item"] * 2
        shown = AvailabilityView(table, dynamodb=dynamodb).find("A")
        assert shown is not None
        assert (shown.available, shown.sequence) == (8, 8)

    def test_failed_group_is_retried_and_others_are_written(
        self, handle: Callable[..., Any], table: str, dynamodb: Any
    ):
        def fail_first(operation: str) -> None:
            if not failed:
                failed.append(operation)
                raise ConnectionError("no table")

        failed: list[str] = []
        published = bodies(stock_event("A", 1, 1), stock_event("B", 1, 3), stock_event("A", 2, 2))

        assert handle(*published, dynamodb=Spy(dynamodb, fail_first)) == ["m0", "m2"]
        store = AvailabilityView(table, dynamodb=dynamodb)
        assert store.find("A") is None
        assert store.find("B") is not None
        assert handle(*published) == []
        assert store.find("A") is not None

    def test_bad_message_is_dead_lettered_and_its_group_continues(
        self, handle: Callable[..., Any], table: str, dynamodb: Any
    ):
        sqs = FakeSqs()
        bad = stock_event("A", 2, 2).to_sns_message().replace('"available": 2', '"available": -2')

        assert handle(*bodies(stock_event("A", 1, 1)), ("A", bad), sqs=sqs) == []
        assert sqs.reasons == ["not a StockChanged: available must be at least 0, not -2"]
        shown = AvailabilityView(table, dynamodb=dynamodb).find("A")
        assert shown is not None
        assert shown.sequence == 1


drawn = st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 6)), min_size=1, max_size=20)


@settings(max_examples=40)
@given(drawn, st.lists(st.integers(1, 5), max_size=20))
def test_availability_converges_to_the_latest_event(
    dynamodb: Any,
    make_table: Callable[..., str],
    drawn: list[tuple[str, int]],
    sizes: list[int],
):
    """Late events, redelivery and batching do not matter."""
    store = AvailabilityView(make_table("availability", "sku"), dynamodb=dynamodb)
    events = [
        stock_event(sku, number, number % 4, STOCK_EVENTS[number % 4]) for sku, number in drawn
    ]
    latest: dict[str, int] = {}

    for size in [*sizes, *[3] * len(events)]:
        batch, events = events[:size], events[size:]
        for shown in build_availabilities(batch):
            store.put_if_newer(shown)
        for event in batch:
            known = latest.get(event.data.sku, 0)
            latest[event.data.sku] = max(known, event.metadata.sequence)
        for sku, number in latest.items():
            found = store.find(sku)
            assert found is not None
            assert (found.sequence, found.available) == (number, number % 4)


class TestGetProduct:
    @pytest.fixture
    def get(
        self, load_handler: Callable[..., Any], make_table: Callable[..., str], table: str
    ) -> Callable[[str], Any]:
        handler = load_handler(
            "lambdas.storefront.get_product",
            AVAILABILITY_TABLE=table,
            PRODUCTS_TABLE=make_table("products", "sku"),
        )
        return lambda sku: handler({"pathParameters": {"sku": sku}}, None)

    def test_known_product_is_returned(self, get: Callable[[str], Any], table: str, dynamodb: Any):
        (shown,) = build_availabilities([stock_event("85123A", 3, 0, StockSoldOut)])
        AvailabilityView(table, dynamodb=dynamodb).put_if_newer(shown)

        answer = get("85123A")

        assert answer["statusCode"] == 200
        assert '"state": "SOLD_OUT"' in answer["body"]

    def test_unknown_product_is_404(self, get: Callable[[str], Any]):
        answer = get("nope")

        assert answer["statusCode"] == 404
        assert "there is no product nope" in answer["body"]

    @pytest.mark.parametrize("sku", ["ä" * 1_025, "a\u202eb", "a\x1b[2J", ".."])
    def test_invalid_sku_is_400(self, get: Callable[[str], Any], sku: str):
        answer = get(sku)

        assert answer["statusCode"] == 400
        assert [each["field"] for each in json.loads(answer["body"])["errors"]] == ["sku"]
