"""A FIFO queue's batches: each group in order, each group on its own, poison parked whole."""

import base64
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.event import Fact, tell
from lambdas.contracts.inventory import STOCK_EVENTS, StockChanged, StockEvent, hear_stock
from lambdas.runtime.inbox import Inbox, Outcome, StreamInbox
from tests.unit.runtime.fakes import FakeSqs, records


def message(sku: str, sequence: int = 1) -> str:
    return tell(
        StockChanged(sku=sku, available=1, reserved=0, minimum=0),
        subject=sku,
        sequence=sequence,
        correlation_id="c",
        causation_id="c",
        occurred_at="2026-12-01T08:26:00+00:00",
    ).message()


class Desk:
    """Acts on facts, and fails on some."""

    def __init__(self, *, fails_on: set[tuple[str, int]] | None = None) -> None:
        self.acted: list[list[tuple[str, int]]] = []
        self._fails_on = fails_on or set()

    def act(self, facts: Sequence[Fact[StockEvent]]) -> None:
        step = [(fact.data.sku, fact.metadata.sequence) for fact in facts]
        if not self._fails_on.isdisjoint(step):
            raise ConnectionError("no database")
        self.acted.append(step)


def receive(
    desk: Desk, *bodies: tuple[str, str], sqs: FakeSqs | None = None, at_once: bool = False
) -> Outcome:
    inbox: Inbox[Any] = Inbox(
        hear=partial(hear_stock, STOCK_EVENTS),
        act=desk.act,
        parking_queue="parking",
        sqs=sqs or FakeSqs(),
        at_once=at_once,
    )
    return inbox.receive(records(*bodies))


BATCH = [("A", message("A", 1)), ("B", message("B", 1)), ("A", message("A", 2))]


def test_facts_come_one_by_one_in_their_order():
    desk = Desk()

    assert receive(desk, *BATCH) == Outcome(heard=3, parked=0, failed=[])
    assert desk.acted == [[("A", 1)], [("A", 2)], [("B", 1)]]


def test_or_all_of_a_group_at_once():
    desk = Desk()

    assert receive(desk, *BATCH, at_once=True).heard == 3
    assert desk.acted == [[("A", 1), ("A", 2)], [("B", 1)]]


def test_after_a_failure_the_rest_of_its_group_fails_and_the_others_go_on():
    desk = Desk(fails_on={("A", 2)})

    outcome = receive(desk, *BATCH, ("A", message("A", 3)), ("B", message("B", 2)))

    assert outcome == Outcome(heard=3, parked=0, failed=["m2", "m3"])
    assert outcome.response == {
        "batchItemFailures": [{"itemIdentifier": "m2"}, {"itemIdentifier": "m3"}]
    }
    assert desk.acted == [[("A", 1)], [("B", 1)], [("B", 2)]]


def test_a_failure_says_why(capsys: Any):
    receive(Desk(fails_on={("A", 1)}), ("A", message("A", 1)))

    assert json.loads(capsys.readouterr().out) == {
        "message": "group failed",
        "group": "A",
        "error": "ConnectionError: no database",
    }


def test_poison_is_parked_as_it_came_with_its_reason_and_those_behind_it_flow():
    desk, sqs = Desk(), FakeSqs()
    poison = message("A", 1).replace('"available": 1', '"available": -1')

    outcome = receive(desk, ("A", poison), ("A", message("A", 2)), sqs=sqs)

    assert outcome == Outcome(heard=1, parked=1, failed=[])
    assert sqs.sent == [
        {
            "QueueUrl": "parking",
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
    assert desk.acted == [[("A", 2)]]


def test_what_came_beside_poison_is_parked_beside_it():
    sqs = FakeSqs()
    (record,) = records(("A", "poison"))
    beside = {"stringValue": "1", "stringListValues": [], "dataType": "Number"}
    hear = partial(hear_stock, STOCK_EVENTS)
    inbox: Inbox[Any] = Inbox(hear=hear, act=Desk().act, parking_queue="parking", sqs=sqs)

    inbox.receive([record | {"messageAttributes": {"redriven": beside}}])

    attributes = sqs.sent[0]["MessageAttributes"]
    assert attributes["redriven"] == {"DataType": "Number", "StringValue": "1"}
    assert "reason" in attributes


def test_a_group_of_poison_only_is_acted_on_by_nobody():
    for at_once in (True, False):
        desk = Desk()
        assert receive(desk, ("A", "x"), at_once=at_once) == Outcome(heard=0, parked=1, failed=[])
        assert desk.acted == []


def test_what_cannot_even_be_parked_comes_again():
    desk = Desk()

    batch = [("A", message("A")), ("A", "x"), BATCH[1]]
    outcome = receive(desk, *batch, sqs=FakeSqs(broken=True))

    assert outcome == Outcome(heard=2, parked=0, failed=["m1"])
    assert desk.acted == [[("A", 1)], [("B", 1)]]


steps = st.tuples(st.sampled_from("ABC"), st.sampled_from(["good", "fails", "poison"]))


@given(st.lists(steps, max_size=10), st.booleans())
def test_every_message_is_heard_parked_or_comes_again(drawn: list[tuple[str, str]], at_once: bool):
    fails = {(sku, i) for i, (sku, kind) in enumerate(drawn, start=1) if kind == "fails"}
    bodies = [
        (sku, "poison" if kind == "poison" else message(sku, i))
        for i, (sku, kind) in enumerate(drawn, start=1)
    ]
    desk, sqs = Desk(fails_on=fails), FakeSqs()

    outcome = receive(desk, *bodies, sqs=sqs, at_once=at_once)

    acted = [name for step in desk.acted for name in step]
    assert (len(acted), len(sqs.sent)) == (outcome.heard, outcome.parked)
    assert outcome.heard + outcome.parked + len(outcome.failed) == len(drawn)
    for sku in "ABC":
        known = [
            i
            for i, (name, kind) in enumerate(drawn, start=1)
            if (name, kind) != (sku, "poison") and name == sku
        ]
        first = min((i for i in known if (sku, i) in fails), default=len(drawn) + 1)
        broken = first <= len(drawn)
        done = [] if at_once and broken else [i for i in known if i < first]
        assert [i for name, i in acted if name == sku] == done
        assert [f"m{i - 1}" for i in known if i not in done] == [
            id_ for id_ in outcome.failed if drawn[int(id_[1:])][0] == sku
        ]


def test_poison_beside_a_failure_is_parked_for_it_does_not_come_again():
    sqs = FakeSqs()

    outcome = receive(Desk(fails_on={("A", 1)}), BATCH[0], ("B", "x"), ("A", "x"), sqs=sqs)

    assert outcome == Outcome(heard=0, parked=2, failed=["m0"])
    assert len(sqs.sent) == 2


class TestStream:
    """A stream's batches: each partition key in order, each on its own, poison parked whole."""

    def receive(
        self,
        desk: Desk,
        *bodies: tuple[str, str],
        sqs: FakeSqs | None = None,
        together: bool = False,
    ) -> Outcome:
        inbox: StreamInbox[Any] = StreamInbox(
            hear=lambda body: None if body == b"{}" else hear_stock(STOCK_EVENTS, body.decode()),
            act=desk.act,
            parking_queue="parking",
            sqs=sqs or FakeSqs(),
            together=together,
        )
        return inbox.receive(self.records(*bodies))

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

    def test_what_a_key_has_in_a_batch_comes_at_once(self):
        desk = Desk()

        assert self.receive(desk, *BATCH) == Outcome(heard=3, parked=0, failed=[])
        assert desk.acted == [[("A", 1), ("A", 2)], [("B", 1)]]

    def test_or_what_all_keys_have(self):
        desk = Desk()

        assert self.receive(desk, *BATCH, together=True).heard == 3
        assert desk.acted == [[("A", 1), ("B", 1), ("A", 2)]]

    def test_a_key_that_fails_is_reported_by_its_sequence_numbers_and_the_others_go_on(self):
        desk = Desk(fails_on={("A", 2)})

        outcome = self.receive(desk, *BATCH)

        assert outcome.response == {
            "batchItemFailures": [{"itemIdentifier": "n0"}, {"itemIdentifier": "n2"}]
        }
        assert desk.acted == [[("B", 1)]]

    def test_poison_is_parked_whole_with_its_reason_and_its_key_goes_on_in_order(self):
        desk, sqs = Desk(), FakeSqs()
        bodies = [BATCH[0], ("A", "poison"), BATCH[2]]

        assert self.receive(desk, *bodies, sqs=sqs) == Outcome(heard=2, parked=1, failed=[])
        assert desk.acted == [[("A", 1), ("A", 2)]]
        ((url, body),) = (message.values() for message in sqs.sent)
        assert url == "parking"
        assert json.loads(body)["record"] == self.records(*bodies)[1]
        assert json.loads(body)["reason"].startswith("not a message: it is not JSON")

    def test_poison_behind_a_failure_comes_again_and_is_parked_then_once(self):
        desk, sqs = Desk(fails_on={("A", 1)}), FakeSqs()
        bodies = [("B", "x"), BATCH[0], ("B", "y"), BATCH[1]]

        for start in (0, 1, 1):
            outcome = self.receive(desk, *bodies[start:], sqs=sqs)
            assert outcome.heard == 1
        assert (outcome.parked, list(outcome.failed)) == (0, ["n0", "n1"])
        assert len(sqs.sent) == 1

        assert self.receive(Desk(), *bodies[1:], sqs=sqs).failed == []
        parked = [json.loads(body["MessageBody"])["record"]["kinesis"] for body in sqs.sent]
        assert [base64.b64decode(record["data"]) for record in parked] == [b"x", b"y"]

    def test_what_cannot_even_be_parked_comes_again_with_all_behind_it(self, capsys: Any):
        desk = Desk()
        bodies = [BATCH[0], ("B", "x"), BATCH[1], ("A", "y")]

        outcome = self.receive(desk, *bodies, sqs=FakeSqs(broken=True))

        assert outcome == Outcome(heard=2, parked=0, failed=["n1", "n3"])
        assert desk.acted == [[("A", 1)], [("B", 1)]]
        # Of the first only it is tried: the other comes again in any case.
        assert json.loads(capsys.readouterr().out)["message"] == "not parked"

    @given(st.lists(steps, max_size=10), st.booleans())
    def test_however_often_a_batch_comes_again_poison_is_parked_once(
        self, drawn: list[tuple[str, str]], together: bool
    ):
        """Each time from its first failure on, with one failure less."""
        failing = [(sku, i) for i, (sku, kind) in enumerate(drawn) if kind == "fails"]
        bodies = [
            (sku, f"poison {i}" if kind == "poison" else message(sku, i + 1))
            for i, (sku, kind) in enumerate(drawn)
        ]
        sqs, start, heard = FakeSqs(), 0, set[tuple[str, int]]()
        for left in range(len(failing), -1, -1):
            desk = Desk(fails_on={(sku, i + 1) for sku, i in failing[:left]})
            outcome = self.receive(desk, *bodies[start:], sqs=sqs, together=together)
            heard.update(name for step in desk.acted for name in step)
            if outcome.failed:
                start += min(int(number[1:]) for number in outcome.failed)

        parked = [
            base64.b64decode(json.loads(body["MessageBody"])["record"]["kinesis"]["data"]).decode()
            for body in sqs.sent
        ]
        assert parked == [body for body in (body for _, body in bodies) if "poison" in body]
        good = {(sku, i + 1) for i, (sku, kind) in enumerate(drawn) if kind != "poison"}
        assert (heard, list(outcome.failed)) == (good, [])

    def test_what_does_not_matter_is_passed_over(self):
        desk, sqs = Desk(), FakeSqs()

        assert self.receive(desk, ("A", "{}"), BATCH[1], sqs=sqs).heard == 2
        assert (desk.acted, sqs.sent) == ([[("B", 1)]], [])
