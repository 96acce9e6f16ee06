"""A redrive is exact about what it moved, may be cut off anywhere, and may be run again."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from botocore.exceptions import ClientError

from ops.dlq.decode import DeadLetter, RawMessage
from ops.dlq.plan import Action
from ops.dlq.redrive import RateLimit, Redrive, Tally
from tests.unit.ops.dead_letter_samples import CONTEXT, message, sink
from tests.unit.ops.fakes import FakeConsumer, FakeSinkReader, Fuse, Interrupted

FAILED = sink("shipping/DispatchShipmentDeadLetters")
NAMES = [f"e{number}" for number in range(25)]


def dead_letter_of(name: str, group: str = "") -> RawMessage:
    function = "arn:aws:lambda:eu-west-1:1:function:f"
    body = {"requestContext": {**CONTEXT, "functionArn": function}, "requestPayload": {"id": name}}
    return replace(message(body, id=name), group_id=group)


def redrive(
    reader: FakeSinkReader,
    move: Callable[[Action], None] | None,
    is_selected: Callable[[DeadLetter], bool] = lambda record: True,
    tally: Tally | None = None,
) -> Tally:
    tally = tally or Tally()
    how = Redrive(
        is_selected=is_selected,
        execute=move,
        throttle=lambda: None,
        progress=lambda _: None,
        dead_lettered_before=reader.began,
    )
    how.run(FAILED, reader, tally)
    return tally


def test_every_message_is_moved_once_and_deleted():
    reader, consumer = FakeSinkReader([dead_letter_of(name) for name in NAMES]), FakeConsumer()

    tally = redrive(reader, consumer.execute)

    assert (consumer.got, reader.ids) == (NAMES, [])
    assert (tally.moved, tally.failed, tally.skipped) == (25, 0, 0)


def notified_of_failure(order: str, attempt: int) -> RawMessage:
    """Return the dead letter of a function that failed when SNS gave it another's failure."""
    function = {"functionArn": "arn:aws:lambda:eu-west-1:1:function:IssueInvoice"}
    failure = {"requestContext": {**CONTEXT, **function, "requestId": f"i{attempt}"},
               "timestamp": f"2026-12-01T09:00:0{attempt}Z",
               "requestPayload": {"id": order}}  # fmt: skip
    event = {"Records": [{"Sns": {"MessageId": f"m{attempt}", "Message": json.dumps(failure)}}]}
    said = {"RequestID": f"n{order}{attempt}", "ErrorCode": "200", "ErrorMessage": "no"}
    return message(event, said, id=f"{order}{attempt}")


@pytest.mark.parametrize("dry", [False, True])
def test_failure_that_each_redrive_published_again_is_handed_over_once(dry: bool):
    letters = [
        notified_of_failure("a", 1),
        notified_of_failure("a", 2),
        notified_of_failure("b", 1),
    ]
    reader, done = FakeSinkReader([*letters]), list[Action]()
    late = replace(notified_of_failure("a", 3), sent_at=reader.began)
    reader.messages.append(late)
    tally = Tally()
    how = Redrive(
        is_selected=lambda _: True,
        execute=None if dry else done.append,
        throttle=lambda: None,
        progress=lambda _: None,
        dead_lettered_before=reader.began,
    )

    how.run(sink("notifications/NotifyCustomerDeadLetters"), reader, tally)
    # In a dry run those that would be moved are still there, and are not their own twins.
    how.delete_twins(sink("notifications/NotifyCustomerDeadLetters"), reader, tally)

    assert (tally.moved, [*tally.twins], tally.came) == (2, ["a2"], 1)
    assert len(done) == (0 if dry else 2)
    assert reader.ids == (["a1", "a2", "b1", "a3"] if dry else ["a3"])


def test_dry_run_changes_nothing_and_counts_the_same():
    reader = FakeSinkReader([dead_letter_of(name) for name in NAMES])

    tally = redrive(reader, None)

    assert (reader.ids, reader.in_flight) == (NAMES, set())
    assert (tally.moved, tally.failed, tally.skipped) == (25, 0, 0)
    assert {str(result.action) for result in tally.results} == {"invoke shipping/DispatchShipment"}


def test_messages_behind_ten_of_their_group_are_not_received():
    reader, consumer = FakeSinkReader([dead_letter_of(name, "A") for name in NAMES]), FakeConsumer()

    dry = redrive(reader, None)
    done = redrive(reader, consumer.execute)

    assert (dry.moved, dry.not_received) == (10, 15)
    assert (done.moved, done.not_received) == (25, 0)


def test_messages_that_others_hold_are_not_received():
    reader, tally = (
        FakeSinkReader([dead_letter_of(name) for name in NAMES], in_flight={"e1", "e2"}),
        Tally(),
    )

    redrive(reader, None, lambda record: record.message.id == "e3", tally)
    redrive(FakeSinkReader([dead_letter_of("e0")]), None, tally=tally)

    assert (tally.moved, tally.skipped, tally.not_received) == (2, 22, 2)


def test_unselected_messages_are_left():
    reader, consumer = FakeSinkReader([dead_letter_of(name) for name in NAMES]), FakeConsumer()

    tally = redrive(reader, consumer.execute, lambda record: record.message.id in ("e3", "e20"))

    assert consumer.got == ["e3", "e20"]
    assert (tally.moved, tally.failed, tally.skipped) == (2, 0, 23)
    assert len(reader.ids) == 23
    assert reader.in_flight == set()


def test_failed_messages_stay_and_the_others_are_moved():
    bad = FakeSinkReader([dead_letter_of(name) for name in NAMES] + [message("poison", id="p")])
    consumer = FakeConsumer(fails_on={"e1"})

    tally = redrive(bad, consumer.execute)

    assert bad.ids == ["e1", "p"]
    assert (tally.moved, tally.failed, tally.skipped) == (24, 2, 0)
    reasons = [result.error for result in tally.results if not result.moved]
    assert reasons[0] == "it failed again"
    assert reasons[1].startswith("where it came from is unknown")


def test_message_dead_lettered_during_the_redrive_is_left():
    reader, number = FakeSinkReader([dead_letter_of("e0")]), count()

    def dead_letter_again(action: Action) -> None:
        again = dead_letter_of(f"again{next(number)}")
        reader.messages.append(replace(again, sent_at=reader.began + timedelta(seconds=1)))

    tally = redrive(reader, dead_letter_again)

    assert (tally.moved, tally.failed, tally.skipped, tally.came) == (1, 0, 0, 1)
    assert reader.ids == ["again0"]


@pytest.mark.parametrize("history", [{}, {"redriven": "1"}])
def test_message_that_came_when_the_run_began_is_left(history: dict[str, str]):
    reader = FakeSinkReader([dead_letter_of("e0")])
    reader.messages = [replace(dead_letter_of("e0"), sent_at=reader.began, attributes=history)]

    assert redrive(reader, None).came == 1


def test_group_stays_in_order_behind_a_failed_message():
    pairs = [("a1", "A"), ("b1", "B"), ("a2", "A"), ("b2", "B"), ("a3", "A")]
    reader = FakeSinkReader([dead_letter_of(*pair) for pair in pairs])
    consumer = FakeConsumer(fails_on={"a2"})

    tally = redrive(reader, consumer.execute)

    assert consumer.got == ["a1", "b1", "b2"]
    assert reader.ids == ["a2", "a3"]
    assert (tally.moved, tally.failed) == (3, 2)


def test_group_of_more_than_ten_is_moved_in_order():
    reader = FakeSinkReader([dead_letter_of(name, "A") for name in NAMES])
    consumer = FakeConsumer()

    redrive(reader, consumer.execute)

    assert consumer.got == NAMES


@pytest.mark.parametrize("group", ["", "A"])
def test_interrupted_and_repeated_redrive_has_each_effect_once(group: str):
    """At every step of the holder and of the consumer, before and after what it does."""
    for at in count(1):
        fuse = Fuse(at)
        reader = FakeSinkReader([dead_letter_of(name, group) for name in NAMES[:4]], fuse)
        consumer = FakeConsumer(fuse=fuse)
        tally = Tally()
        try:
            redrive(reader, consumer.execute, tally=tally)
        except Interrupted:
            assert reader.in_flight == set()
        else:
            break
        moved = [result.dead_letter.message.id for result in tally.results]
        doubtful = [tally.in_progress.message.id] if tally.in_progress else []
        assert set(moved) <= set(consumer.got)
        assert set(moved) | set(reader.ids) | set(doubtful) == set(NAMES[:4])
        assert set(moved).isdisjoint(reader.ids)

        redrive(reader, consumer.execute)

        assert consumer.effects == NAMES[:4]
        assert reader.ids == []
        assert len(consumer.got) <= 5
    assert at > 16


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "AuthorizationError", "ExpiredTokenException"]
)
def test_missing_permission_ends_the_redrive_of_a_sink(code: str):
    def refused(action: Action) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Invoke")

    reader, tally = FakeSinkReader([dead_letter_of(name) for name in NAMES]), Tally()

    with pytest.raises(ClientError):
        redrive(reader, refused, tally=tally)

    assert (reader.ids, reader.in_flight, tally.results, tally.in_progress) == (
        NAMES,
        set(),
        [],
        None,
    )


def test_error_of_one_message_is_reported_for_it():
    def refused(action: Action) -> None:
        raise ClientError({"Error": {"Code": "InvalidParameterValue", "Message": "big"}}, "Send")

    reader = FakeSinkReader([dead_letter_of(name) for name in NAMES[:2]])

    tally = redrive(reader, refused)

    assert (tally.moved, tally.failed, reader.ids) == (0, 2, NAMES[:2])
    assert "big" in tally.results[0].error


def test_rate_limit_spaces_calls():
    now, slept = 0.0, list[float]()

    def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    pace = RateLimit(4, clock=lambda: now, sleep=sleep)
    for _ in range(5):
        pace.wait()
    assert slept == [0.25] * 4
    now += 10
    pace.wait()
    assert len(slept) == 4
