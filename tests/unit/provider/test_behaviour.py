"""The stand-in that was told to misbehave: its answers suffer, its record does not."""

import json
from typing import Any
from uuid import uuid4

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.provider.answer import handler
from lambdas.provider.behaviour import Fault, MisbehaviourError

CHARGED = {"state": "CHARGED", "explanation": ""}


@pytest.fixture
def key() -> str:
    return uuid4().hex


@pytest.fixture
def told(settings):
    def tell(**faults: Any) -> None:
        settings.setenv("BEHAVIOUR", json.dumps(faults))

    return tell


@pytest.fixture(autouse=True)
def waits(monkeypatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("lambdas.provider.behaviour.time.sleep", slept.append)
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
def test_a_charge_fails_once_and_then_goes_well(key, items, told, moment, state, attempts):
    told(charge={"moment": moment})
    with pytest.raises(MisbehaviourError, match=moment):
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
def test_a_refund_fails_as_often_as_told(key, items, told, moment, state):
    charge(key)
    told(refund={"moment": moment, "attempts": 2})
    for _ in range(2):
        with pytest.raises(MisbehaviourError):
            refund(key)
        assert items(key)["state"] == state
    assert refund(key) == {"state": "REFUNDED"}
    assert items(key)["attempts"] == "1"


def test_an_operation_that_was_not_named_goes_well(key, told):
    told(refund={"moment": "before"})
    assert charge(key) == CHARGED
    told(charge={"moment": "before"})
    assert refund(key) == {"state": "REFUNDED"}


def test_a_key_of_which_nothing_came_yet_can_be_voided(key, items, told):
    told(charge={"moment": "before"})
    with pytest.raises(MisbehaviourError):
        charge(key)
    assert refund(key) == {"state": "VOIDED"}
    assert charge(key) == {"state": "VOIDED", "explanation": ""}
    assert "amount" not in items(key)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_it_can_be_slow_and_right(key, told, waits, moment):
    told(charge={"moment": moment, "fails": False, "delay_ms": 4500})
    assert [charge(key), charge(key)] == [CHARGED] * 2
    assert waits == [4.5]


def test_a_share_of_the_keys_has_the_fault_and_always_the_same(told):
    fault = Fault(moment="before", percent=30)
    keys = [str(number) for number in range(1000)]
    having = [key for key in keys if fault.concerns("charge", key)]
    assert 250 < len(having) < 350
    assert having == [key for key in keys if fault.concerns("charge", key)]
    assert having != [key for key in keys if fault.concerns("refund", key)]
    told(charge={"moment": "before", "percent": 0})
    assert charge(uuid4().hex) == CHARGED


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({}, "moment is missing"),
        ({"moment": "befor"}, "moment must be before or after"),
        ({"moment": "after", "percent": "all"}, "percent must be an integer"),
    ],
)
def test_what_it_is_told_must_be_understood(key, items, told, fault, problem):
    told(charge=fault)
    with pytest.raises(ContractError, match=problem):
        charge(key)
    assert items(key) == {}
