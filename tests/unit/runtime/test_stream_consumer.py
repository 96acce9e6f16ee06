"""Batches of a stream: partition keys are independent and in order; poison is dead-lettered."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.inventory import STOCK_EVENTS
from lambdas.contracts.parsing import parse_event
from lambdas.runtime.batch import BatchOutcome
from lambdas.runtime.consumer import StreamConsumer
from lambdas.runtime.dead_letters import DeadLetterQueue
from tests.support.aws_fakes import FakeSqs
from tests.support.event_batches import BATCH, Handler, message, messages


class TestStream:
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

    @pytest.mark.parametrize("whole_batch", [True, False])
    def test_event_that_can_never_be_handled_is_dead_lettered_and_others_are_processed(
        self, whole_batch: bool
    ):
        handler, sqs = Handler(poison={("A", 1)}), FakeSqs()

        outcome = self.process(handler, *BATCH, sqs=sqs, whole_batch=whole_batch)

        assert outcome == BatchOutcome(processed=2, dead_lettered=1, failed=[])
        (body,) = (json.loads(message["MessageBody"]) for message in sqs.sent)
        assert body == {"reason": "its row was edited", "record": self.records(*BATCH)[0]}

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
