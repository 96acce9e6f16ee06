"""Batches of a FIFO queue: groups are independent and in order; poison is dead-lettered whole."""

import base64
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.inventory import STOCK_EVENTS, StockChanged, StockEvent
from lambdas.contracts.parsing import parse_event
from lambdas.runtime.batch import BatchOutcome
from lambdas.runtime.consumer import BatchConsumer, StreamConsumer
from lambdas.runtime.dead_letters import DeadLetterQueue
from tests.support.aws_fakes import FakeSqs, records


def message(sku: str, sequence: int = 1) -> str:
    return envelope(
        StockChanged(sku=sku, available=1, reserved=0, minimum=0),
        subject=sku,
        sequence=sequence,
        correlation_id="c",
        causation_id="c",
        occurred_at="2026-12-01T08:26:00+00:00",
    ).to_sns_message()


class Handler:
    """Acts on events, and fails on some."""

    def __init__(self, *, fails_on: set[tuple[str, int]] | None = None) -> None:
        self.handled: list[list[tuple[str, int]]] = []
        self._fails_on = fails_on or set()

    def handle(self, events: Sequence[EventEnvelope[StockEvent]]) -> None:
        step = [(event.data.sku, event.metadata.sequence) for event in events]
        if not self._fails_on.isdisjoint(step):
            raise ConnectionError("no database")
        self.handled.append(step)


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


BATCH = [("A", message("A", 1)), ("B", message("B", 1)), ("A", message("A", 2))]


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


def test_failed_group_is_logged_with_its_error(capsys: Any):
    process(Handler(fails_on={("A", 1)}), ("A", message("A", 1)))

    assert json.loads(capsys.readouterr().out) == {
        "message": "group_failed",
        "group": "A",
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


messages = st.tuples(st.sampled_from("ABC"), st.sampled_from(["good", "fails", "poison"]))


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


class TestStream:
    """Batches of a stream: partition keys are independent and in order; poison is dead-lettered."""

    def process(
        self,
        handler: Handler,
        *bodies: tuple[str, str],
        sqs: FakeSqs | None = None,
        whole_batch: bool = False,
    ) -> BatchOutcome:
        consumer: StreamConsumer[Any] = StreamConsumer(
            parse=lambda body: None if body == b"{}" else parse_event(STOCK_EVENTS, body.decode()),
            handle=handler.handle,
            dead_letters=DeadLetterQueue("dead-letters", sqs=sqs or FakeSqs()),
            whole_batch=whole_batch,
        )
        return consumer.process(self.records(*bodies))

    def records(self, *bodies: tuple[str, str]) -> list[dict[str, Any]]:
        return [
            {
                "kinesis": {
                    "partitionKey": key,
                    "sequenceNumber": f"n{i}",
                    "data": base64.b64encode(body.encode()).decode(),
                }
            }
            for i, (key, body) in enumerate(bodies)
        ]

    def test_records_of_a_partition_key_are_handled_together(self):
        handler = Handler()

        assert self.process(handler, *BATCH) == BatchOutcome(
            processed=3, dead_lettered=0, failed=[]
        )
        assert handler.handled == [[("A", 1), ("A", 2)], [("B", 1)]]

    def test_whole_batch_hands_over_all_partition_keys(self):
        handler = Handler()

        assert self.process(handler, *BATCH, whole_batch=True).processed == 3
        assert handler.handled == [[("A", 1), ("B", 1), ("A", 2)]]

    def test_failed_key_is_reported_by_sequence_numbers_and_others_go_on(self):
        handler = Handler(fails_on={("A", 2)})

        outcome = self.process(handler, *BATCH)

        assert outcome.response == {
            "batchItemFailures": [{"itemIdentifier": "n0"}, {"itemIdentifier": "n2"}]
        }
        assert handler.handled == [[("B", 1)]]

    def test_poison_record_is_dead_lettered_whole_with_its_reason(self):
        handler, sqs = Handler(), FakeSqs()
        bodies = [BATCH[0], ("A", "poison"), BATCH[2]]

        assert self.process(handler, *bodies, sqs=sqs) == BatchOutcome(
            processed=2, dead_lettered=1, failed=[]
        )
        assert handler.handled == [[("A", 1), ("A", 2)]]
        ((url, body),) = (message.values() for message in sqs.sent)
        assert url == "dead-letters"
        assert json.loads(body)["record"] == self.records(*bodies)[1]
        assert json.loads(body)["reason"].startswith("not a delivered event: it is not JSON")

    def test_poison_behind_a_failure_is_dead_lettered_once(self):
        handler, sqs = Handler(fails_on={("A", 1)}), FakeSqs()
        bodies = [("B", "x"), BATCH[0], ("B", "y"), BATCH[1]]

        for start in (0, 1, 1):
            outcome = self.process(handler, *bodies[start:], sqs=sqs)
            assert outcome.processed == 1
        assert (outcome.dead_lettered, list(outcome.failed)) == (0, ["n0", "n1"])
        assert len(sqs.sent) == 1

        assert self.process(Handler(), *bodies[1:], sqs=sqs).failed == []
        dead_lettered = [json.loads(body["MessageBody"])["record"]["kinesis"] for body in sqs.sent]
        assert [base64.b64decode(record["data"]) for record in dead_lettered] == [b"x", b"y"]

    def test_record_that_cannot_be_dead_lettered_is_reported_as_failed(self, capsys: Any):
        handler = Handler()
        bodies = [BATCH[0], ("B", "x"), BATCH[1], ("A", "y")]

        outcome = self.process(handler, *bodies, sqs=FakeSqs(broken=True))

        assert outcome == BatchOutcome(processed=2, dead_lettered=0, failed=["n1", "n3"])
        assert handler.handled == [[("A", 1)], [("B", 1)]]
        # Of the first only it is tried: the other comes again in any case.
        assert json.loads(capsys.readouterr().out)["message"] == "dead_letter_failed"

    @given(st.lists(messages, max_size=10), st.booleans())
    def test_redelivered_batch_dead_letters_poison_once(
        self, drawn: list[tuple[str, str]], whole_batch: bool
    ):
        """Each time from its first failure on, with one failure less."""
        failing = [(sku, i) for i, (sku, kind) in enumerate(drawn) if kind == "fails"]
        bodies = [
            (sku, f"poison {i}" if kind == "poison" else message(sku, i + 1))
            for i, (sku, kind) in enumerate(drawn)
        ]
        sqs, start, processed = FakeSqs(), 0, set[tuple[str, int]]()
        for left in range(len(failing), -1, -1):
            handler = Handler(fails_on={(sku, i + 1) for sku, i in failing[:left]})
            outcome = self.process(handler, *bodies[start:], sqs=sqs, whole_batch=whole_batch)
            processed.update(name for step in handler.handled for name in step)
            if outcome.failed:
                start += min(int(number[1:]) for number in outcome.failed)

        dead_lettered = [
            base64.b64decode(json.loads(body["MessageBody"])["record"]["kinesis"]["data"]).decode()
            for body in sqs.sent
        ]
        assert dead_lettered == [body for body in (body for _, body in bodies) if "poison" in body]
        good = {(sku, i + 1) for i, (sku, kind) in enumerate(drawn) if kind != "poison"}
        assert (processed, list(outcome.failed)) == (good, [])

    def test_unknown_event_is_skipped(self):
        handler, sqs = Handler(), FakeSqs()

        assert self.process(handler, ("A", "{}"), BATCH[1], sqs=sqs).processed == 2
        assert (handler.handled, sqs.sent) == ([[("B", 1)]], [])
