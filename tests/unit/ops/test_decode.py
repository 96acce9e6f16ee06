"""Dead letters are decoded, whatever wrote them; unknown ones are kept as they are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.dlq.decode import DeadLetter, decode
from ops.dlq.failure_sinks import Mechanism
from ops.dlq.report import describe_plan
from tests.unit.ops.dead_letter_samples import (
    EVENT,
    ORDER,
    RECORD,
    arn,
    compensation,
    dead_lettered_by,
    message,
    outcome,
    sink,
    sinks,
)


def decoded(name: str, how: Mechanism) -> DeadLetter:
    at = sink(name)
    return decode(dead_lettered_by(at.routes_by(how)[0], at), at)


def error_tries_time(record: DeadLetter) -> tuple[str, int, str]:
    return record.error, record.attempts, record.event_time


def test_undelivered_event_is_decoded():
    record = decoded("shipping/DispatchShipmentOnOrderPickedRuleUndelivered", Mechanism.RULE)

    assert record.event == EVENT
    assert error_tries_time(record) == ("NO_PERMISSIONS: it may not", 1, "2026-12-01T08:26:02.918Z")
    assert "DispatchShipment" in record.failed_at


def test_failed_scheduler_invocation_is_decoded():
    record = decoded("orders/JobsRepublishStalledDeadLetters", Mechanism.SCHEDULE)

    assert record.event == {}
    assert error_tries_time(record) == ("NO_PERMISSIONS: it may not", 1, "2026-12-01T09:00:00Z")


def test_event_that_a_function_failed_on_is_decoded():
    record = decoded("shipping/DispatchShipmentDeadLetters", Mechanism.DESTINATION)

    assert record.event == EVENT
    assert error_tries_time(record) == (
        "RetriesExhausted: NoShipmentError: there is no shipment",
        3,
        "2026-12-01T08:26:02.918Z",
    )


def test_pointer_to_a_batch_is_decoded():
    record = decoded("shipping/OutboxDeadLetters", Mechanism.STREAM_MAPPING)

    assert record.event["startSequenceNumber"] == "100"
    assert error_tries_time(record) == ("RetriesExhausted", 3, "2026-12-01T08:00:00Z")


def test_whole_batch_is_decoded():
    record = decoded("storefront/ProjectionDeadLetters", Mechanism.STREAM_MAPPING)

    assert record.event == {"Records": [{"kinesis": {"sequenceNumber": "1"}}]}


def test_record_that_its_function_dead_lettered_is_decoded():
    record = decoded("storefront/SalesProjectionDeadLetters", Mechanism.CONSUMER)

    assert (record.event, record.error) == (RECORD, "it makes no sense")


def test_event_that_is_an_invocation_record_is_no_report():
    at = sink("notifications/NotifyCustomerDeadLetters")
    (route,) = at.routes
    lambda_record = {"requestContext": {"functionArn": arn(route.source), "condition": "Success"},
                      "requestPayload": EVENT, "responsePayload": {"number": "1"}}  # fmt: skip
    attributes = {"RequestID": "r", "ErrorCode": "200", "ErrorMessage": "no"}

    record = decode(message(lambda_record, attributes), at)

    assert (record.mechanism, record.event, record.error) == (
        Mechanism.FUNCTION_DLQ,
        lambda_record,
        "200: no",
    )


def test_event_that_its_function_dead_lettered_is_decoded():
    record = decoded("orders/HoldOrderDeadLetters", Mechanism.CONSUMER)

    assert record.event == EVENT
    assert error_tries_time(record) == ("it makes no sense", 0, "2026-12-01T08:26:02.918Z")


def test_message_that_its_function_dead_lettered_is_decoded():
    record = decoded("storefront/AvailabilitySubscriberDeadLetters", Mechanism.CONSUMER)

    assert record.event["source"] == EVENT["source"]
    assert error_tries_time(record) == ("it makes no sense", 0, "2026-12-01T08:26:02.918Z")


def test_message_received_too_often_is_decoded():
    record = decoded("warehouse/PickingDeadLetters", Mechanism.REDRIVE_POLICY)

    assert record.error == "it was received too often"
    assert record.failed_at.endswith("-Picking" + record.failed_at[-8:])


def test_message_that_a_worker_dead_lettered_belongs_to_its_queue():
    at = sink("warehouse/PickingDeadLetters")

    record = decode(message("poison", {"reason": "it is no JSON"}), at)

    assert (record.mechanism, record.event, record.error) == (
        Mechanism.REDRIVE_POLICY,
        "poison",
        "it is no JSON",
    )


def test_compensation_and_unwritten_outcome_are_decoded():
    repair = sink("orders/Repair")
    machine = repair.routes[0].source

    failed, unwritten = (decode(each(machine), repair) for each in (compensation, outcome))

    assert failed.event == {"order_id": ORDER}
    assert failed.error == "ReleaseStock: NoStockError: no stock"
    assert unwritten.error == "Reject could not be written: DynamoDB.ThrottlingException: too fast"
    assert (failed.mechanism, unwritten.mechanism) == (Mechanism.SAGA, Mechanism.SAGA)


def test_redrive_count_and_previous_errors_are_decoded():
    at = sink("storefront/AvailabilitySubscriberDeadLetters")
    history = {"redriven": "2", "earlier": "first\nsecond", "reason": "third"}
    attributes = decode(message("x", history), at)
    stream_record = {**RECORD, "redriven": {"times": 2, "earlier": ["first", "second"]}}
    inside = decode(
        message({"reason": "third", "record": stream_record}),
        sink("storefront/SalesProjectionDeadLetters"),
    )

    for record in (attributes, inside):
        assert (record.redrive_count, list(record.previous_errors)) == (2, ["first", "second"])
    assert inside.event == RECORD


@pytest.mark.parametrize(
    "body",
    ["", "poison", "[]", "7", '{"a": 1}', '{"requestContext": {}}', '{"record": 1}', "\ud800"],
)
def test_unknown_message_is_kept_as_it_is(body: str):
    record = decode(message(body), sink("shipping/DispatchShipmentDeadLetters"))

    assert record.mechanism is None
    assert record.message.body == body


@pytest.mark.parametrize("body", ['{"a": NaN}', "[" * 100_000], ids=["NaN", "deep"])
def test_invalid_json_is_kept_as_text(body: str):
    assert decode(message(body), sink("shipping/DispatchShipmentDeadLetters")).event == body


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
FEEDS = [(route, sink) for sink in sinks() for route in sink.routes]


@given(number=st.integers(0, len(FEEDS) - 1), data=st.data())
def test_message_of_a_similar_shape_is_kept(number: int, data: st.DataObject):
    """Any value at any position of an envelope is shown."""
    route, sink = FEEDS[number]
    body = json.loads(dead_lettered_by(route, sink).body)
    inner, names = body, ["reason", "record", "requestContext", "payload"]
    while isinstance(inner, dict):
        name = data.draw(st.sampled_from([*inner, *names]))
        if not isinstance(inner.get(name), dict) or data.draw(st.booleans()):
            inner[name] = data.draw(ODD)
            break
        inner = inner[name]
    odd = message(json.dumps(body))

    record = decode(odd, sink)

    assert record.message == odd
    assert describe_plan(record, sink)


def test_dead_letters_are_found_by_text_and_by_field():
    record = decoded("shipping/DispatchShipmentDeadLetters", Mechanism.DESTINATION)
    order = EVENT["detail"]["data"]["order_id"]

    assert record.mentions(order)
    assert not record.mentions("another")
    assert record.has_field("detail.data.order_id", order)
    assert record.has_field("detail.metadata.schema_version", "1")
    assert not record.has_field("detail.data.order_id.more", order)
    assert not record.has_field("detail.nothing", "null")
