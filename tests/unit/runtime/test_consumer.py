"""Batches of a FIFO queue: groups are independent and in order; poison is dead-lettered whole."""

import json
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.inventory import STOCK_EVENTS
from lambdas.contracts.parsing import parse_event
from lambdas.runtime.batch import BatchOutcome
from lambdas.runtime.consumer import BatchConsumer
from lambdas.runtime.dead_letters import DeadLetterQueue
from tests.support.aws_fakes import FakeSqs, records
from tests.support.event_batches import BATCH, Handler, message, messages


def process(
    handler: Handler, *bodies: tuple[str, str], sqs: FakeSqs | None = None, by_group: bool = False
) -> BatchOutcome:
    consumer: BatchConsumer[Any] = BatchConsumer(
        parse=partial(parse_event, STOCK_EVENTS),
        handle=handler.handle,
        dead_letters=DeadLetterQueue("dead-letters", sqs=sqs or FakeSqs()),
        by_group=by_group,
    )
    return consumer.process(records(*bodies))


def test_events_are_handled_one_by_one_in_order():
    handler = Handler()

    assert process(handler, *BATCH) == BatchOutcome(processed=3, dead_lettered=0, failed=[])
    assert handler.handled == [[("A", 1)], [("A", 2)], [("B", 1)]]


def test_by_group_handles_a_group_in_one_call():
    handler = Handler()

    assert process(handler, *BATCH, by_group=True).processed == 3
    assert handler.handled == [[("A", 1), ("A", 2)], [("B", 1)]]


def test_after_a_failure_the_rest_of_its_group_fails_and_the_others_go_on():
    handler = Handler(fails_on={("A", 2)})

    outcome = process(handler, *BATCH, ("A", message("A", 3)), ("B", message("B", 2)))

    assert outcome == BatchOutcome(processed=3, dead_lettered=0, failed=["m2", "m3"])
    assert outcome.response == {
        "batchItemFailures": [{"itemIdentifier": "m2"}, {"itemIdentifier": "m3"}]
    }
    assert handler.handled == [[("A", 1)], [("B", 1)], [("B", 2)]]


def test_failed_group_is_logged_with_its_error_and_correlation_ids(capsys: Any):
    process(Handler(fails_on={("A", 1)}), ("A", message("A", 1)))

    assert json.loads(capsys.readouterr().out) == {
        "message": "group_failed",
        "level": "ERROR",
        "group": "A",
        "correlation_ids": ["c"],
        "error": "ConnectionError: no database",
    }


def test_poison_is_dead_lettered_as_received_with_its_reason():
    handler, sqs = Handler(), FakeSqs()
    poison = message("A", 1).replace('"available": 1', '"available": -1')

    outcome = process(handler, ("A", poison), ("A", message("A", 2)), sqs=sqs)

    assert outcome == BatchOutcome(processed=1, dead_lettered=1, failed=[])
    assert sqs.sent == [
        {
            "QueueUrl": "dead-letters",
            "MessageBody": poison,
            "MessageGroupId": "A",
            "MessageDeduplicationId": "d0",
            "MessageAttributes": {
                "reason": {
                    "DataType": "String",
                    "StringValue": "not a StockChanged: available must be at least 0, not -1",
                }
            },
        }
    ]
    assert handler.handled == [[("A", 2)]]


def test_message_at_which_parsing_fails_unexpectedly_is_dead_lettered_alone():
    """It would fail whenever it came again, and its group would wait."""
    sqs, handler = FakeSqs(), Handler()

    def parse(body: str) -> Any:
        if body == "odd":
            raise KeyError("missing")
        return parse_event(STOCK_EVENTS, body)

    consumer: BatchConsumer[Any] = BatchConsumer(
        parse=parse, handle=handler.handle, dead_letters=DeadLetterQueue("dead-letters", sqs=sqs)
    )

    outcome = consumer.process(records(("A", "odd"), ("A", message("A", 2))))

    assert outcome == BatchOutcome(processed=1, dead_lettered=1, failed=[])
    assert handler.handled == [[("A", 2)]]
    assert sqs.sent[0]["MessageBody"] == "odd"
    reason = sqs.sent[0]["MessageAttributes"]["reason"]["StringValue"]
    assert reason == "KeyError: 'missing'"


def test_dead_letter_keeps_message_attributes():
    sqs = FakeSqs()
    (record,) = records(("A", "poison"))
    attribute = {"stringValue": "1", "stringListValues": [], "dataType": "Number"}
    parse = partial(parse_event, STOCK_EVENTS)
    consumer: BatchConsumer[Any] = BatchConsumer(
        parse=parse, handle=Handler().handle, dead_letters=DeadLetterQueue("dead-letters", sqs=sqs)
    )

    consumer.process([record | {"messageAttributes": {"redriven": attribute}}])

    attributes = sqs.sent[0]["MessageAttributes"]
    assert attributes["redriven"] == {"DataType": "Number", "StringValue": "1"}
    assert "reason" in attributes


def test_group_of_poison_only_is_not_handled():
    for by_group in (True, False):
        handler = Handler()
        assert process(handler, ("A", "x"), by_group=by_group) == BatchOutcome(
            processed=0, dead_lettered=1, failed=[]
        )
        assert handler.handled == []


def test_message_that_cannot_be_dead_lettered_is_reported_as_failed():
    handler = Handler()

    batch = [("A", message("A")), ("A", "x"), BATCH[1]]
    outcome = process(handler, *batch, sqs=FakeSqs(broken=True))

    assert outcome == BatchOutcome(processed=2, dead_lettered=0, failed=["m1"])
    assert handler.handled == [[("A", 1)], [("B", 1)]]


@given(st.lists(messages, max_size=10), st.booleans())
def test_every_message_is_processed_dead_lettered_or_failed(
    drawn: list[tuple[str, str]], by_group: bool
):
    fails = {(sku, i) for i, (sku, kind) in enumerate(drawn, start=1) if kind == "fails"}
    bodies = [
        (sku, "poison" if kind == "poison" else message(sku, i))
        for i, (sku, kind) in enumerate(drawn, start=1)
    ]
    handler, sqs = Handler(fails_on=fails), FakeSqs()

    outcome = process(handler, *bodies, sqs=sqs, by_group=by_group)

    handled = [name for step in handler.handled for name in step]
    assert (len(handled), len(sqs.sent)) == (outcome.processed, outcome.dead_lettered)
    assert outcome.processed + outcome.dead_lettered + len(outcome.failed) == len(drawn)
    for sku in "ABC":
        known = [
            i
            for i, (name, kind) in enumerate(drawn, start=1)
            if (name, kind) != (sku, "poison") and name == sku
        ]
        first = min((i for i in known if (sku, i) in fails), default=len(drawn) + 1)
        broken = first <= len(drawn)
        done = [] if by_group and broken else [i for i in known if i < first]
        assert [i for name, i in handled if name == sku] == done
        assert [f"m{i - 1}" for i in known if i not in done] == [
            id_ for id_ in outcome.failed if drawn[int(id_[1:])][0] == sku
        ]


def test_queue_poison_in_a_failed_group_is_dead_lettered():
    sqs = FakeSqs()

    outcome = process(Handler(fails_on={("A", 1)}), BATCH[0], ("B", "x"), ("A", "x"), sqs=sqs)

    assert outcome == BatchOutcome(processed=0, dead_lettered=2, failed=["m0"])
    assert len(sqs.sent) == 2
