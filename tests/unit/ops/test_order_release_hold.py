"""A hold is lifted by its cause, by orders' own function; before that, it is said what would be."""

import io
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.contracts.orders import LiftHold
from lambdas.orders.domain import Hold, HoldState
from lambdas.runtime.dynamodb import to_item
from ops import __main__ as main
from tests.unit.ops.order_samples import ID, at, order

ANSWER = {"order_id": ID, "state": "CONFIRMED", "held": []}


def held(*causes: str) -> Mapping[str, Any]:
    holds = [
        Hold(cause=cause, reason="R", explanation="why", state=HoldState.HELD, at=at(0))
        for cause in causes
    ]
    return order("CONFIRMED", 3, 0, holds=tuple(holds))


class Deployed:
    """An order, and the function that lifts its holds, which records its commands."""

    def __init__(self, row: Mapping[str, Any], answer: Any) -> None:
        self.commands: list[Any] = []
        self._row, self._answer = row, answer

    def outputs(self, stack: str) -> Mapping[str, str]:
        assert stack == "Orders"
        return {"OrdersTable": "orders", "LiftHoldFunction": "lift-hold"}

    def client(self, service: str) -> Any:
        return SimpleNamespace(
            get_item=lambda **_: {"Item": to_item(self._row)}, invoke=self._invoke
        )

    def _invoke(self, *, FunctionName: str, Payload: bytes) -> Mapping[str, Any]:  # noqa: N803
        assert FunctionName == "lift-hold"
        self.commands.append(LiftHold.decode(json.loads(Payload)))
        failed = {"FunctionError": "Unhandled"} if "errorType" in self._answer else {}
        return {"Payload": io.BytesIO(json.dumps(self._answer).encode()), **failed}


def lift(
    monkeypatch: pytest.MonkeyPatch, deployed: Deployed, cause: str, *options: str
) -> tuple[int, list[Any]]:
    monkeypatch.setattr(main, "deployed", lambda _: deployed)
    monkeypatch.setattr("sys.argv", ["ops", "order", "release-hold", ID, cause, *options])
    return main.main(), deployed.commands


@pytest.mark.parametrize(
    ("causes", "code", "left"), [(("a",), 0, "nothing"), (("a", "b", "c"), 1, "b, c")]
)
def test_release_without_yes_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    causes: tuple[str, ...],
    code: int,
    left: str,
):
    assert lift(monkeypatch, Deployed(held(*causes), ANSWER), "a") == (code, [])
    said = capsys.readouterr().out
    assert said == f"order {ID} would be held by {left}; to lift it, add --yes\n"


@pytest.mark.parametrize(("left", "code", "said"), [((), 0, "nothing"), (("b",), 1, "b")])
def test_release_reports_the_holds_that_orders_returns(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    left: tuple[str, ...],
    code: int,
    said: str,
):
    deployed = Deployed(held("a"), {**ANSWER, "held": list(left)})

    done = lift(monkeypatch, deployed, "a", "--yes")

    assert done == (code, [LiftHold(order_id=ID, cause="a")])
    assert capsys.readouterr().out == f"lifted; order {ID} is held by {said}\n"


def test_release_json_has_the_remaining_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    lift(monkeypatch, Deployed(held("a", "b"), ANSWER), "a", "--json")

    assert json.loads(capsys.readouterr().out) == {"order_id": ID, "lifted": False, "held": ["b"]}


REFUSED = {"errorType": "NoSuchHoldError", "errorMessage": "it has left"}


@pytest.mark.parametrize(
    ("deployed", "cause", "said"),
    [
        (Deployed(held("a"), ANSWER), "b", "CONFIRMED and held by a (R), not by 'b'"),
        (Deployed(held("a"), REFUSED), "a", "NoSuchHoldError: it has left"),
    ],
)
def test_refused_release_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    deployed: Deployed,
    cause: str,
    said: str,
):
    code, _ = lift(monkeypatch, deployed, cause, "--yes")

    err = capsys.readouterr().err
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


CANCEL = LiftHold(order_id=ID, cause="a", cancel=True)
UNTIL = "until everything is undone; then it is CANCELLED"


@pytest.mark.parametrize(
    ("before", "after", "options", "commands", "said"),
    [
        ("CONFIRMED", "", (), [], "is CONFIRMED and would be cancelled; to cancel it, add --yes"),
        ("CONFIRMED", "WITHDRAWN", ("--yes",), [CANCEL], f"is WITHDRAWN {UNTIL}"),
        ("PLACED", "PLACED", ("--yes",), [CANCEL], f"is PLACED {UNTIL}"),
        ("PLACED", "CANCELLED", ("--yes",), [CANCEL], "is CANCELLED"),
        # It is no error, and there is nothing to add --yes for.
        ("WITHDRAWN", "", (), [], f"is WITHDRAWN {UNTIL}"),
        ("CANCELLED", "", (), [], "is CANCELLED"),
    ],
)
def test_cancellation_says_whether_the_order_is_cancelled_yet(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    before: str,
    after: str,
    options: tuple[str, ...],
    commands: list[LiftHold],
    said: str,
):
    deployed = Deployed({**held("a"), "state": before}, {**ANSWER, "state": after, "held": ["a"]})

    assert lift(monkeypatch, deployed, "a", "--cancel", *options) == (0, commands)
    assert capsys.readouterr().out == f"order {ID} {said}\n"


def test_cancellation_json_says_whether_the_order_is_cancelled_yet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    deployed = Deployed(held("a"), {**ANSWER, "state": "WITHDRAWN", "held": ["a"]})

    lift(monkeypatch, deployed, "a", "--cancel", "--yes", "--json")

    outcome = {"order_id": ID, "cancelled": False, "state": "WITHDRAWN", "held": ["a"]}
    assert json.loads(capsys.readouterr().out) == outcome


def test_hold_that_is_lifted_already_needs_no_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    lifted = {**held("a")["holds"][0], "state": HoldState.LIFTED}
    deployed = Deployed({**held("a"), "holds": [lifted]}, ANSWER)

    assert lift(monkeypatch, deployed, "a") == (0, [])
    assert capsys.readouterr().out == f"lifted; order {ID} is held by nothing\n"


def test_hold_of_an_order_that_is_being_undone_can_no_longer_be_lifted(
    monkeypatch: pytest.MonkeyPatch,
):
    assert lift(monkeypatch, Deployed({**held("a"), "state": "WITHDRAWN"}, ANSWER), "a") == (2, [])
