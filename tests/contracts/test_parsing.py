"""A consumer parses the events that it names, ignores others, rejects what breaks a contract."""

import json
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import Event
from lambdas.contracts.inventory import STOCK_EVENTS, StockChanged, StockSoldOut
from lambdas.contracts.notifications import CustomerNotified
from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.contracts.orders import OrderPlaced, OrderRejected, OrderStatusReported
from lambdas.contracts.parsing import parse_detail, parse_event, parse_event_if_known
from lambdas.contracts.patterns import live_pattern
from tests.contracts.catalog import TUTORIAL, detail_of, matches, read, sample_of


class TestMessages:
    def test_message_is_parsed_by_the_contract_it_names(self):
        for event in STOCK_EVENTS:
            parsed = parse_event(STOCK_EVENTS, sample_of(event).read_text())

            assert type(parsed.data) is event

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            ("not JSON", "it is not JSON"),
            ("[" * 100_000, "it is not JSON"),
            ("[]", "it has no source and detail-type"),
            ('{"source": "com.aws.orders", "detail_type": "StockSoldOut"}', "of com.aws.orders"),
            ('{"source": ["x"], "detail_type": {}}', "it has no source and detail-type"),
        ],
    )
    def test_malformed_message_is_rejected_with_its_problem(self, body: str, problem: str):
        with pytest.raises(ContractError, match=problem):
            parse_event([StockSoldOut], body)

    def test_known_event_without_this_consumer_is_refused(self):
        with pytest.raises(ContractError, match=r"StockChanged of com\.aws\.inventory is none of"):
            parse_event([StockSoldOut], sample_of(StockChanged).read_text())

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            ({"available": -1}, "available must be at least 0, not -1"),
            ({"reserved": -2}, "reserved must be at least 0, not -2"),
            ({"minimum": -3}, "minimum must be at least 0, not -3"),
            ({"sku": ""}, "sku must have 1 to 64 characters, not 0"),
            ({"sku": "71053"}, "sku is 71053, and the event is about 85123A"),
        ],
    )
    def test_impossible_stock_is_refused(self, changed: dict[str, Any], problem: str):
        message = read(sample_of(StockChanged))
        message["data"] |= changed

        with pytest.raises(ContractError, match=problem):
            parse_event(STOCK_EVENTS, json.dumps(message))


class TestOrderStream:
    """What a reader of the order stream makes of what is on it."""

    about_orders = pytest.mark.parametrize(
        "event", ORDER_STREAM_EVENTS, ids=lambda event: event.__name__
    )

    @about_orders
    def test_stream_event_is_parsed_and_its_subject_is_the_order(self, event: type[Event]):
        parsed = parse_event_if_known(ORDER_STREAM_EVENTS, sample_of(event).read_bytes())

        assert parsed is not None
        assert type(parsed.data) is event

    def test_event_without_subscription_is_ignored(self):
        assert parse_event_if_known([OrderRejected], sample_of(OrderPlaced).read_bytes()) is None
        assert parse_event_if_known(ORDER_STREAM_EVENTS, json.dumps(TUTORIAL).encode()) is None

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            (b"\xff\x00", "not a delivered event: it is not JSON"),
            (b"[" * 100_000, "it is not JSON"),
            (b"[]", "it has no source and detail-type"),
            (b'{"source": "com.aws.orders"}', "it has no source and detail-type"),
            (b'{"source": [], "detail-type": "OrderPlaced"}', "it has no source and detail-type"),
            (b'{"source": "com.aws.orders", "detail-type": {}}', "no source and detail-type"),
        ],
    )
    def test_malformed_event_is_rejected(self, body: bytes, problem: str):
        with pytest.raises(ContractError, match=problem):
            parse_event_if_known(ORDER_STREAM_EVENTS, body)

    @pytest.mark.parametrize(
        ("part", "changed", "problem"),
        [
            ("metadata", {"subject": "another"}, "and the event is about another"),
            (
                "metadata",
                {"occurred_at": "yesterday"},
                "must be a time with its offset from UTC, .*'yesterday'",
            ),
            ("metadata", {"occurred_at": "2026-12-01T08:26:00"}, "must be a time with its offset"),
            ("metadata", {"schema_version": 99}, "schema_version is 99, this code reads"),
            ("data", {"total": None}, "total must be an object, not null"),
        ],
    )
    def test_event_that_violates_its_contract_is_rejected(
        self, part: str, changed: dict[str, Any], problem: str
    ):
        event = read(sample_of(OrderPlaced))
        event["detail"][part] |= changed

        with pytest.raises(ContractError, match=problem):
            parse_event_if_known(ORDER_STREAM_EVENTS, json.dumps(event).encode())


def test_event_whose_subject_is_no_field_is_parsed():
    parsed = parse_event([OrderStatusReported], sample_of(OrderStatusReported).read_text())

    assert type(parsed.data) is OrderStatusReported


class TestDestinationEvents:
    """A function's result, which a Lambda destination publishes in its own envelope."""

    def test_event_is_parsed_from_the_response_payload(self):
        matched = parse_event_if_known(
            ORDER_STREAM_EVENTS, sample_of(CustomerNotified).read_bytes()
        )

        assert matched == parse_detail(CustomerNotified, detail_of(CustomerNotified))

    @pytest.mark.parametrize("payload", [None, "done", {"state": "SENT"}])
    def test_result_of_another_function_is_rejected(self, payload: Any):
        event = read(sample_of(CustomerNotified))
        event["detail"]["responsePayload"] = payload
        pattern = live_pattern([CustomerNotified])

        assert not matches(pattern, event)
        with pytest.raises(ContractError, match="no source and detail-type"):
            parse_event_if_known(ORDER_STREAM_EVENTS, json.dumps(event).encode())

    def test_failed_invocation_is_ignored(self):
        event = read(sample_of(CustomerNotified))
        event["detail-type"] = "Lambda Function Invocation Result - Failure"

        assert not matches(live_pattern([CustomerNotified]), event)
        assert parse_event_if_known(ORDER_STREAM_EVENTS, json.dumps(event).encode()) is None

    def test_event_put_on_the_bus_directly_is_ignored(self):
        answer = detail_of(CustomerNotified)
        event = {"source": answer["source"], "detail-type": answer["detail_type"], "detail": answer}

        assert not matches(live_pattern([CustomerNotified]), event)
        assert parse_event_if_known(ORDER_STREAM_EVENTS, json.dumps(event).encode()) is None

    def test_result_with_an_event_of_the_bus_is_ignored(self):
        event = read(sample_of(CustomerNotified))
        event["detail"]["responsePayload"] = parse_detail(
            OrderPlaced, detail_of(OrderPlaced)
        ).to_lambda_response()

        assert not matches(live_pattern([OrderPlaced]), event)
        assert parse_event_if_known(ORDER_STREAM_EVENTS, json.dumps(event).encode()) is None
