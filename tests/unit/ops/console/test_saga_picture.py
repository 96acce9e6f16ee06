"""A saga's picture: actions forth, compensations back below them, and the way that was taken."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from ops.console.saga_picture import WIDTH, Picture, picture_of
from ops.orders.executions import Execution, execution_of
from simulation.saga_walk import STEPS
from tests.unit.ops.dead_letter_samples import templates
from tests.unit.ops.order_samples import ARN, OUT_OF_STOCK, STARTED, happened, task


def definition(machine: str) -> Any:
    (found,) = (r for r in templates().resources() if r.name == f"orders/{machine}")
    return json.loads(found.properties["DefinitionString"]["Fn::Join"][1][0])


def picture(machine: str, *history: Any) -> Picture:
    return picture_of(definition(machine), execution_of(ARN, [STARTED, *history]))


def row(picture: Picture, number: int) -> Sequence[str]:
    heights = sorted({box.y for box in picture.boxes})
    found = [box for box in picture.boxes if box.y == heights[number]]
    return [box.name for box in sorted(found, key=lambda box: box.x)]


@pytest.fixture
def idle() -> Picture:
    return picture("FulfilmentMachine")


def test_actions_are_in_their_order_and_each_compensation_is_below_its_action(idle: Picture):
    names = {step.action.name: step.compensation.name for step in STEPS}
    assert row(idle, 0) == ["Claim", *names, "Confirm"]
    back = ["Undo", *reversed(names.values())]
    assert row(idle, 1)[::-1][: len(back)] == back
    at = {box.name: box.x for box in idle.boxes}
    assert {at[action] - at[names[action]] for action in names} == {0}


def test_states_that_were_not_entered_are_idle_and_exits_are_hidden(idle: Picture):
    assert {box.look for box in idle.boxes} == {"idle"}
    assert not any(line.taken for line in idle.lines)
    assert idle.hidden > 5


def test_way_that_was_taken_is_drawn_with_attempts_and_errors():
    shown = picture(
        "FulfilmentMachine",
        *task("Claim", 0.2),
        *task("ReserveStock", 0.4),
        *task("TakePayment", 0.8, "States.Timeout", "PaymentDeclined: too little"),
        happened("ChoiceStateEntered", 1, name="AnythingToUndo"),
        *task("RecordReason", 1.1),
        happened("ChoiceStateEntered", 1.2, name="Undo"),
        *task("ReleaseStock", 1.3),
        *task("Reject", 1.5),
    )

    looks = {box.name: (box.look, box.note) for box in shown.boxes}
    assert looks["ReserveStock"] == ("done", "0.2 s")
    assert looks["TakePayment"] == ("failed", "0.2 s · 2 tries")
    assert looks["ReleaseStock"][0] == "done"
    assert looks["CancelShipment"][0] == "idle"
    assert sum(line.taken for line in shown.lines) == 7


def test_end_of_the_way_back_is_drawn_below_it_once_it_was_entered(idle: Picture):
    shown = picture(
        "FulfilmentMachine",
        *task("Claim", 0.2),
        *task("ReserveStock", 0.4, OUT_OF_STOCK),
        *task("Reject", 1.4),
        happened("ChoiceStateEntered", 1.5, name="AllUndone"),
    )

    assert "AllUndone" not in {box.name for box in idle.boxes}
    assert row(shown, 2)[:2] == ["Reject", "AllUndone"]
    assert shown.width == idle.width


def test_exit_that_was_entered_is_drawn_below():
    shown = picture(
        "FulfilmentMachine",
        *task("Claim", 0.2),
        *task("ReserveStock", 0.4, OUT_OF_STOCK),
        *task("Defer", 0.6),
    )

    assert row(shown, 2) == ["Defer"]
    assert {box.name: box.look for box in shown.boxes}["Defer"] == "deferred"


def test_task_in_progress_is_active_while_its_saga_runs():
    shown = picture(
        "FulfilmentMachine", happened("TaskStateEntered", 0.2, name="Claim"),
        happened("TaskScheduled", 0.2),
    )  # fmt: skip

    assert {box.name: box.look for box in shown.boxes}["Claim"] == "active"


def test_boxes_never_cover_each_other_and_are_inside_of_the_picture():
    states = definition("FulfilmentMachine")["States"]
    everywhere = Execution(arn=ARN, status="SUCCEEDED", entered=list(states))

    shown = picture_of(definition("FulfilmentMachine"), everywhere)

    assert {box.name for box in shown.boxes} == set(states)
    places = [(box.x, box.y) for box in shown.boxes]
    assert len({*places}) == len(places)
    assert all(x + WIDTH <= shown.width and y + 50 <= shown.height for x, y in places)


def test_saga_of_one_way_has_one_row():
    assert len({box.y for box in picture("WithdrawalMachine").boxes}) == 1
