"""Deferred orders are resumed by orders' own function; without --yes, they are counted."""

import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.contracts.orders import ResumeOrder
from lambdas.runtime.dynamodb import to_item
from ops import __main__ as main
from tests.unit.ops.order_samples import order

Run = Callable[..., tuple[int, str, list[str]]]


def row(number: int, **more: Any) -> dict[str, Any]:
    return {**order("PLACED", 1, 0, **more), "order_id": f"{number:032x}"}


def deferred(number: int, error: str, **more: Any) -> dict[str, Any]:
    since = f"2026-12-01T08:0{9 - number}:00Z"
    waits = {"deferred_step": "TakePayment", "deferred_error": error, "deferrals": number}
    return row(number, deferred_since=since, check_after="2026-12-01T09:00:00Z", **waits, **more)


ROWS = (
    row(1),
    deferred(2, "States.Timeout"),
    deferred(3, "KeyError"),
    deferred(4, "KeyError", claim_owner="e", claim_until=4_000_000_000),
)


class Deployed:
    """A table of orders, and the function that resumes them, which records its commands."""

    def __init__(self, fails: str, error: str) -> None:
        self.resumed: list[str] = []
        self._fails = fails
        self._error = error

    def outputs(self, stack: str) -> Mapping[str, str]:
        assert stack == "Orders"
        return {"OrdersTable": "orders", "ResumeOrderFunction": "resume"}

    def client(self, service: str) -> Any:
        pages = [{"Items": [to_item(row) for row in ROWS]}]
        rows = {row["order_id"]: row for row in ROWS}
        return SimpleNamespace(
            get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: pages),
            get_item=lambda Key, **_: {"Item": to_item(rows[Key["order_id"]["S"]])},  # noqa: N803
            invoke=self._invoke,
        )

    def _invoke(self, *, FunctionName: str, Payload: bytes) -> Mapping[str, Any]:  # noqa: N803
        assert FunctionName == "resume"
        order_id = ResumeOrder.decode(json.loads(Payload)).order_id
        if order_id == self._fails:
            answer = {"errorType": self._error, "errorMessage": "this is why"}
            return {
                "Payload": io.BytesIO(json.dumps(answer).encode()),
                "FunctionError": "Unhandled",
            }
        self.resumed.append(order_id)
        return {"Payload": io.BytesIO(json.dumps({"order_id": order_id}).encode())}


@pytest.fixture
def resume(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def resume(
        *options: str, fails: str = "", error: str = "PublishError"
    ) -> tuple[int, str, list[str]]:
        deployed = Deployed(fails, error)
        monkeypatch.setattr(main, "deployed", lambda _: deployed)
        monkeypatch.setattr("sys.argv", ["ops", "saga", "resume", "--per-second", "1000", *options])
        code = main.main()
        said = capsys.readouterr()
        return code, said.out + said.err, deployed.resumed

    return resume


def ids(*numbers: int) -> list[str]:
    return [f"{number:032x}" for number in numbers]


def test_resume_without_yes_changes_nothing(resume: Run):
    said = "a saga works on 1 other already\n2 to resume; to do it, add --yes\n"
    assert resume("--all") == (0, said, [])


@pytest.mark.parametrize(
    ("options", "resumed", "others"),
    [
        (["--all"], ids(3, 2), 1),
        (["--reason", "KeyError"], ids(3), 1),
        (["--reason", "TakePayment"], ids(3, 2), 1),
        (["--reason", "BookShipment"], [], 0),
        (["--reason", "States.Timeout"], ids(2), 0),
        (ids(2), ids(2), 0),
    ],
)
def test_selected_orders_are_resumed_the_longest_deferred_first(
    resume: Run, options: list[str], resumed: list[str], others: int
):
    code, said, done = resume(*options, "--yes")

    assert (code, done) == (0, resumed)
    others_said = f"a saga works on {others} other already\n" if others else ""
    assert said == f"{others_said}{len(resumed)} resumed\n"


def test_scripts_learn_on_how_many_others_sagas_work(resume: Run):
    _, said, _ = resume("--all", "--json")

    counts = {"selected": 2, "worked_on": 1, "resumed": 0, "went_on": 0}
    assert json.loads(said) == {**counts, "failed": {}}


def test_order_that_could_not_be_resumed_is_named(resume: Run):
    (failing,) = ids(3)

    code, said, resumed = resume("--all", "--yes", fails=failing)

    assert (code, resumed) == (1, ids(2))
    assert f"order {failing} was not resumed: this is why\n" in said


def test_order_that_went_on_by_itself_meanwhile_is_no_failure(resume: Run):
    """The job resumes orders too, and so does another command."""
    (gone,) = ids(3)

    code, said, resumed = resume("--all", "--yes", fails=gone, error="NotDeferredError")

    assert (code, resumed) == (0, ids(2))
    assert said == "a saga works on 1 other already\n1 went on before this reached it\n1 resumed\n"


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
def test_interrupted_command_says_what_it_resumed(
    resume: Run,
    ending: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    def sleep(seconds: float) -> None:
        if seconds:
            raise ending

    monkeypatch.setattr("time.sleep", sleep)
    said = ""
    with suppress(SystemExit):
        _, said, _ = resume("--all", "--yes")

    assert "1 resumed" in said + capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "why"), [(1, "is not deferred"), (4, "a saga works on it already")]
)
def test_order_that_does_not_wait_is_no_order_to_resume(resume: Run, number: int, why: str):
    code, said, resumed = resume(*ids(number), "--yes")

    assert (code, resumed) == (2, [])
    assert why in said
