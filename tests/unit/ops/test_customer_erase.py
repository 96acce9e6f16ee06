"""A customer is erased by notifications' own function; before that, it is said what would be."""

import io
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.contracts.notifications import EraseCustomer
from ops import __main__ as main

FOUND = {"contact": True, "emails": 2}


class Deployed:
    """The function that erases customers, which records its commands."""

    def __init__(self, answer: Any = FOUND) -> None:
        self.commands: list[Any] = []
        self._answer = answer

    def outputs(self, stack: str) -> Mapping[str, str]:
        assert stack == "Notifications"
        return {"EraseCustomerFunction": "erase-customer"}

    def client(self, service: str) -> Any:
        return SimpleNamespace(invoke=self._invoke)

    def _invoke(self, *, FunctionName: str, Payload: bytes) -> Mapping[str, Any]:  # noqa: N803
        assert FunctionName == "erase-customer"
        self.commands.append(EraseCustomer.decode(json.loads(Payload)))
        failed = {"FunctionError": "Unhandled"} if "errorType" in self._answer else {}
        return {"Payload": io.BytesIO(json.dumps(self._answer).encode()), **failed}


def erase(monkeypatch: pytest.MonkeyPatch, deployed: Deployed, *options: str) -> int:
    monkeypatch.setattr(main, "deployed", lambda _: deployed)
    monkeypatch.setattr("sys.argv", ["ops", "customer", "erase", "c1", *options])
    return main.main()


def test_erasing_without_yes_is_a_dry_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    deployed = Deployed()

    assert erase(monkeypatch, deployed) == 0

    assert deployed.commands == [EraseCustomer(customer_id="c1", dry_run=True)]
    said = capsys.readouterr().out
    assert said == (
        "a contact and the customer in 2 records of mails would be erased; to erase them, "
        "add --yes\n"
    )


def test_erasing_with_yes_reports_what_was_erased(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    deployed = Deployed({"contact": False, "emails": 3})

    assert erase(monkeypatch, deployed, "--yes") == 0

    assert deployed.commands == [EraseCustomer(customer_id="c1")]
    said = capsys.readouterr().out
    assert said == "erased no contact and the customer in 3 records of mails\n"


@pytest.mark.parametrize("options", [[], ["--yes"]])
def test_customer_of_whom_nothing_is_kept_may_be_a_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str]
):
    assert erase(monkeypatch, Deployed({"contact": False, "emails": 0}), *options) == 0

    said = capsys.readouterr().out
    assert said == "nothing is kept of customer c1: is this the id that order list shows?\n"


def test_erasing_as_json_has_the_customer_and_what_was_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    erase(monkeypatch, Deployed(), "--json")

    found = {"customer_id": "c1", "erased": False, **FOUND}
    assert json.loads(capsys.readouterr().out) == found


def test_failed_erasure_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    deployed = Deployed({"errorType": "ContractError", "errorMessage": "not an EraseCustomer"})

    assert erase(monkeypatch, deployed, "--yes") == 2

    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "not an EraseCustomer" in err
