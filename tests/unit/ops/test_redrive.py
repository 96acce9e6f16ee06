"""A redrive is exact about what it moved, may be cut off anywhere, and may be run again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from botocore.exceptions import ClientError

from ops.records import Message, Record
from ops.redrive import Pace, Redrive, Tally
from ops.redriving import Action
from tests.unit.ops.fakes import FakeConsumer, FakeHolder, Fuse, Interrupted
from tests.unit.ops.parking import CONTEXT, message, place

FAILED = place("shipping/OnPickedDeadLetters")
NAMES = [f"e{number}" for number in range(25)]


def parked(name: str, group: str = "") -> Message:
    function = "arn:aws:lambda:eu-west-1:1:function:f"
    body = {"requestContext": {**CONTEXT, "functionArn": function}, "requestPayload": {"id": name}}
    return replace(message(body, id=name), group=group)


def redrive(
    holder: FakeHolder,
    move: Callable[[Action], None] | None,
    chosen: Callable[[Record], bool] = lambda record: True,
    tally: Tally | None = None,
) -> Tally:
    tally = tally or Tally()
    how = Redrive(chosen=chosen, move=move, pace=lambda: None, progress=lambda _: None)
    how.run(FAILED, holder, tally)
    return tally


def test_everything_is_moved_once_and_gone():
    holder, consumer = FakeHolder([parked(name) for name in NAMES]), FakeConsumer()

    tally = redrive(holder, consumer.do)

    assert (consumer.got, holder.ids) == (NAMES, [])
    assert (tally.moved, tally.failed, tally.left) == (25, 0, 0)


def test_a_dry_run_touches_nothing_and_says_the_same():
    holder = FakeHolder([parked(name) for name in NAMES])

    tally = redrive(holder, None)

    assert (holder.ids, holder.held) == (NAMES, set())
    assert (tally.moved, tally.failed, tally.left) == (25, 0, 0)
    assert {str(step.action) for step in tally.steps} == {"call shipping/DispatchShipment"}


def test_what_waits_behind_ten_of_its_group_is_said_to_be_unseen():
    holder, consumer = FakeHolder([parked(name, "A") for name in NAMES]), FakeConsumer()

    dry = redrive(holder, None)
    done = redrive(holder, consumer.do)

    assert (dry.moved, dry.unseen) == (10, 15)
    assert (done.moved, done.unseen) == (25, 0)


def test_what_somebody_else_holds_is_said_to_be_unseen_in_each_place():
    holder, tally = FakeHolder([parked(name) for name in NAMES], held={"e1", "e2"}), Tally()

    redrive(holder, None, lambda record: record.message.id == "e3", tally)
    redrive(FakeHolder([parked("e0")]), None, tally=tally)

    assert (tally.moved, tally.left, tally.unseen) == (2, 22, 2)


def test_what_is_not_meant_is_left():
    holder, consumer = FakeHolder([parked(name) for name in NAMES]), FakeConsumer()

    tally = redrive(holder, consumer.do, lambda record: record.message.id in ("e3", "e20"))

    assert consumer.got == ["e3", "e20"]
    assert (tally.moved, tally.failed, tally.left) == (2, 0, 23)
    assert len(holder.ids) == 23
    assert holder.held == set()


def test_what_fails_again_stays_and_the_others_go():
    bad = FakeHolder([parked(name) for name in NAMES] + [message("poison", id="p")])
    consumer = FakeConsumer(fails_on={"e1"})

    tally = redrive(bad, consumer.do)

    assert bad.ids == ["e1", "p"]
    assert (tally.moved, tally.failed, tally.left) == (24, 2, 0)
    reasons = [step.why for step in tally.steps if not step.moved]
    assert reasons[0] == "it failed again"
    assert reasons[1].startswith("nobody can tell")


def test_what_is_parked_again_while_it_goes_on_is_left():
    holder, number = FakeHolder([parked("e0")]), count()

    def park_again(action: Action) -> None:
        again = parked(f"again{next(number)}")
        holder.messages.append(replace(again, since=holder.began + timedelta(seconds=1)))

    tally = redrive(holder, park_again)

    assert (tally.moved, tally.failed, tally.left) == (1, 0, 1)
    assert holder.ids == ["again0"]


@pytest.mark.parametrize(("history", "left"), [({}, 0), ({"redriven": "1"}, 1)])
def test_in_the_second_in_which_it_begins_what_was_put_back_before_is_left(
    history: dict[str, str], left: int
):
    holder = FakeHolder([parked("e0")])
    holder.messages = [replace(parked("e0"), since=holder.began, attributes=history)]

    assert redrive(holder, None).left == left


def test_behind_one_that_fails_its_group_stays_in_its_order():
    pairs = [("a1", "A"), ("b1", "B"), ("a2", "A"), ("b2", "B"), ("a3", "A")]
    holder = FakeHolder([parked(*pair) for pair in pairs])
    consumer = FakeConsumer(fails_on={"a2"})

    tally = redrive(holder, consumer.do)

    assert consumer.got == ["a1", "b1", "b2"]
    assert holder.ids == ["a2", "a3"]
    assert (tally.moved, tally.failed) == (3, 2)


def test_a_group_of_more_than_ten_is_moved_in_order():
    holder = FakeHolder([parked(name, "A") for name in NAMES])
    consumer = FakeConsumer()

    redrive(holder, consumer.do)

    assert consumer.got == NAMES


@pytest.mark.parametrize("group", ["", "A"])
def test_cut_off_anywhere_and_run_again_it_has_each_effect_once(group: str):
    """At every step of the holder and of the consumer, before and after what it does."""
    for at in count(1):
        fuse = Fuse(at)
        holder = FakeHolder([parked(name, group) for name in NAMES[:4]], fuse)
        consumer = FakeConsumer(fuse=fuse)
        tally = Tally()
        try:
            redrive(holder, consumer.do, tally=tally)
        except Interrupted:
            assert holder.held == set()
        else:
            break
        moved = [step.record.message.id for step in tally.steps]
        doubtful = [tally.in_hand.message.id] if tally.in_hand else []
        assert set(moved) <= set(consumer.got)
        assert set(moved) | set(holder.ids) | set(doubtful) == set(NAMES[:4])
        assert set(moved).isdisjoint(holder.ids)

        redrive(holder, consumer.do)

        assert consumer.effects == NAMES[:4]
        assert holder.ids == []
        assert len(consumer.got) <= 5
    assert at > 16


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "AuthorizationError", "ExpiredTokenException"]
)
def test_without_a_right_it_ends_and_touches_no_other(code: str):
    def refused(action: Action) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Invoke")

    holder, tally = FakeHolder([parked(name) for name in NAMES]), Tally()

    with pytest.raises(ClientError):
        redrive(holder, refused, tally=tally)

    assert (holder.ids, holder.held, tally.steps, tally.in_hand) == (NAMES, set(), [], None)


def test_what_aws_refuses_of_one_is_said_of_that_one():
    def refused(action: Action) -> None:
        raise ClientError({"Error": {"Code": "InvalidParameterValue", "Message": "big"}}, "Send")

    holder = FakeHolder([parked(name) for name in NAMES[:2]])

    tally = redrive(holder, refused)

    assert (tally.moved, tally.failed, holder.ids) == (0, 2, NAMES[:2])
    assert "big" in tally.steps[0].why


def test_it_keeps_its_pace():
    now, slept = 0.0, list[float]()

    def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    pace = Pace(4, clock=lambda: now, sleep=sleep)
    for _ in range(5):
        pace.keep()
    assert slept == [0.25] * 4
    now += 10
    pace.keep()
    assert len(slept) == 4
