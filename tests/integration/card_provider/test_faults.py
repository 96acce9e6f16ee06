"""Injected faults: responses fail, but each effect is recorded exactly once."""

import json
from typing import Any
from uuid import uuid4

import pytest

from lambdas.contracts.codec import ContractError
from simulators.card_provider.faults import InjectedFaultError
from simulators.card_provider.handle_request import handler

CHARGED = {"state": "CHARGED", "explanation": ""}


@pytest.fixture
def key() -> str:
    return uuid4().hex


@pytest.fixture
def inject(settings):
    def configure(**faults: Any) -> None:
        settings.setenv("FAULTS", json.dumps(faults))

    return configure


@pytest.fixture(autouse=True)
def waits(monkeypatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("simulators.card_provider.faults.time.sleep", slept.append)
    return slept


def charge(key: str) -> Any:
    return handler(
        {
            "operation": "charge",
            "key": key,
            "customer_id": "c-1",
            "amount": 415,
            "currency": "GBP",
        },
        None,
    )


def refund(key: str) -> Any:
    return handler({"operation": "refund", "key": key}, None)


@pytest.mark.parametrize(
    ("moment", "state", "attempts"), [("before", None, "1"), ("after", "CHARGED", "2")]
)
def test_charge_with_a_fault_fails_once_and_then_succeeds(
    key, items, inject, moment, state, attempts
):
    inject(charge={"moment": moment})
    with pytest.raises(InjectedFaultError, match=moment):
        charge(key)
    assert items(key).get("state") == state
    assert charge(key) == CHARGED
    assert items(key) == {
        "key": key,
        "customer_id": "c-1",
        "state": "CHARGED",
        "amount": "415",
        "currency": "GBP",
        "explanation": "",
        "attempts": attempts,
        "charge_faults": "1",
    }


@pytest.mark.parametrize(("moment", "state"), [("before", "CHARGED"), ("after", "REFUNDED")])
def test_refund_fails_as_often_as_configured(key, items, inject, moment, state):
    charge(key)
    inject(refund={"moment": moment, "attempts": 2})
    for _ in range(2):
        with pytest.raises(InjectedFaultError):
            refund(key)
        assert items(key)["state"] == state
    assert refund(key) == {"state": "REFUNDED"}
    assert items(key)["attempts"] == "1"


def test_operation_without_a_fault_succeeds(key, inject):
    inject(refund={"moment": "before"})
    assert charge(key) == CHARGED
    inject(charge={"moment": "before"})
    assert refund(key) == {"state": "REFUNDED"}


def test_key_whose_charge_failed_before_its_effect_can_be_voided(key, items, inject):
    inject(charge={"moment": "before"})
    with pytest.raises(InjectedFaultError):
        charge(key)
    assert refund(key) == {"state": "VOIDED"}
    assert charge(key) == {"state": "VOIDED", "explanation": ""}
    assert "amount" not in items(key)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_delayed_charge_succeeds(key, inject, waits, moment):
    inject(charge={"moment": moment, "fails": False, "delay_ms": 4500})
    assert [charge(key), charge(key)] == [CHARGED] * 2
    assert waits == [4.5]


def test_fault_of_no_key_is_never_injected(inject):
    inject(charge={"moment": "before", "percent": 0})
    assert charge(uuid4().hex) == CHARGED


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({}, "moment is missing"),
        ({"moment": "befor"}, "moment must be before or after"),
        ({"moment": "after", "percent": "all"}, "percent must be an integer"),
    ],
)
def test_invalid_fault_is_a_contract_error_and_has_no_effect(key, items, inject, fault, problem):
    inject(charge=fault)
    with pytest.raises(ContractError, match=problem):
        charge(key)
    assert items(key) == {}
