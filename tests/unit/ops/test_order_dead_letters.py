"""An order's dead letters are found and left where they are."""

import json

import pytest

from ops.dlq.decode import RawMessage
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.peek import peek
from ops.dlq.readers import Depth, LeasedMessages
from ops.dlq.templates import Resource
from ops.orders.dead_letters import dead_letters_of
from tests.unit.ops.dead_letter_samples import EVENT, twins
from tests.unit.ops.order_samples import ID, NOW


class Held:
    """The contents of a sink. Others may hold some of it."""

    def __init__(self, *bodies: str, held: int = 0) -> None:
        self.bodies = bodies
        self.held = held
        self.given_back = False

    def depth(self) -> Depth:
        return Depth(visible=len(self.bodies), in_flight=self.held, measured_at=NOW)

    def lease_messages(self) -> LeasedMessages:
        try:
            for number, body in enumerate(self.bodies):
                yield RawMessage(id=f"m{number}", body=body, sent_at=NOW)
        finally:
            self.given_back = True

    def delete(self, message: RawMessage) -> None:
        raise AssertionError("looking takes nothing away")


REPAIR = FailureSink(
    resource=Resource(stack="Orders-Dev-Orders", id="Repair12345678", kind="q", physical="u"),
    routes=(),
)


class TestDeadLetters:
    def test_dead_letters_that_mention_the_order_are_found_and_given_back(self):
        piece = {"compensation": "RefundPayment", "function": "f", "payload": {"order_id": ID}}
        other = {**piece, "payload": {"order_id": "another"}}
        held = Held(json.dumps(other), json.dumps(piece), f"nobody knows what of {ID}")

        contents = peek(REPAIR, held)
        pieces = dead_letters_of(ID, [contents])

        assert [(piece.queue, piece.id, piece.what) for piece in pieces] == [
            ("orders/Repair", "m1", "RefundPayment"),
            ("orders/Repair", "m2", "for an unknown reason"),
        ]
        assert (contents.is_complete, held.given_back) == (True, True)

    @pytest.mark.parametrize(
        ("held", "complete"),
        [(Held("{}", held=1), False), (Held(held=1), False), (Held(), True)],
    )
    def test_sink_of_which_others_hold_some_is_incomplete(self, held: Held, complete: bool):
        contents = peek(REPAIR, held)

        assert dead_letters_of(ID, [contents]) == []
        assert contents.is_complete == complete

    def test_twins_are_one_dead_letter_that_stands_in_two_queues(self):
        events, records = twins()

        (found,) = dead_letters_of(EVENT["detail"]["data"]["order_id"], [events, records])

        assert (found.queue, found.twin_in) == (events.sink.name, records.sink.name)
