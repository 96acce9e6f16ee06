"""The simulator's API on a real table: idempotent by key, whichever request comes first."""

import threading
from typing import Any
from uuid import uuid4

import pytest

from lambdas.contracts.codec import ContractError
from simulators.card_provider import store
from simulators.card_provider.domain import KeyReusedError
from simulators.card_provider.handle_request import UnknownOperationError, handler

TAKEN = {"state": "CHARGED", "explanation": ""}
DECLINED = {"state": "DECLINED", "explanation": "above the card's limit"}
VOIDED = {"state": "VOIDED", "explanation": ""}


@pytest.fixture
def key() -> str:
    return uuid4().hex


def charge(key: str, amount: int = 415, currency: str = "GBP") -> dict[str, Any]:
    return handler(
        {
            "operation": "charge",
            "key": key,
            "customer_id": "c-1",
            "amount": amount,
            "currency": currency,
        },
        None,
    )


def refund(key: str) -> dict[str, Any]:
    return handler({"operation": "refund", "key": key}, None)


def test_repeated_charge_takes_effect_once_and_is_counted(key, items):
    assert [charge(key) for _ in range(3)] == [TAKEN] * 3
    assert items(key) == {
        "key": key,
        "customer_id": "c-1",
        "state": "CHARGED",
        "amount": "415",
        "currency": "GBP",
        "explanation": "",
        "attempts": "3",
    }


@pytest.mark.parametrize(("amount", "answer"), [(100_000, TAKEN), (100_001, DECLINED)])
def test_amount_above_the_limit_is_declined(key, amount, answer):
    assert charge(key, amount) == answer


def test_declined_key_stays_declined_when_the_limit_rises(key, settings):
    assert charge(key, 100_001) == DECLINED
    settings.setenv("CHARGE_LIMIT", "1000000")
    assert charge(key, 100_001) == DECLINED


@pytest.mark.parametrize(("amount", "currency"), [(416, "GBP"), (415, "EUR")])
@pytest.mark.parametrize("refunded", [False, True])
def test_key_used_for_another_amount_is_an_error(key, items, amount, currency, refunded):
    charge(key)
    if refunded:
        refund(key)
    with pytest.raises(KeyReusedError, match="415 GBP"):
        charge(key, amount, currency)
    assert (items(key)["amount"], items(key)["currency"]) == ("415", "GBP")


def test_refunded_charge_stays_refunded_and_counts_as_voided(key, items):
    charge(key)
    assert [refund(key)["state"] for _ in range(2)] == ["REFUNDED"] * 2
    assert charge(key) == VOIDED
    assert items(key)["state"] == "REFUNDED"


def test_refund_of_unknown_key_voids_a_later_charge(key, items):
    assert [refund(key)["state"] for _ in range(2)] == ["VOIDED"] * 2
    assert charge(key) == VOIDED
    assert items(key)["state"] == "VOIDED"
    assert "amount" not in items(key)


def test_refund_of_declined_key_changes_nothing(key):
    charge(key, 100_001)
    assert refund(key) == {"state": "DECLINED"}
    assert charge(key, 100_001) == DECLINED


def test_charge_that_arrives_during_a_refund_is_refunded(key, items, monkeypatch):
    void = store._void

    def late(table: str, key: str) -> bool:
        charge(key)
        return void(table, key)

    monkeypatch.setattr(store, "_void", late)
    assert refund(key) == {"state": "REFUNDED"}
    assert items(key)["state"] == "REFUNDED"


def test_concurrent_charges_of_a_key_take_effect_once(key, items):
    answers: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: answers.append(charge(key))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == [TAKEN] * 8
    assert items(key)["attempts"] == "8"


def test_invalid_request_is_an_error_and_has_no_effect(key, items):
    with pytest.raises(UnknownOperationError, match="'gift'"):
        handler({"operation": "gift", "key": key}, None)
    with pytest.raises(ContractError, match="amount must be an integer"):
        charge(key, "415")  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="key is missing"):
        handler({"operation": "refund"}, None)
    assert items(key) == {}


def act(operation: str, key: str, **more: Any) -> Any:
    return handler({"operation": operation, "key": key, **more}, None)["state"]


def test_disputed_charge_is_refunded_only_after_the_shop_has_won(key):
    charge(key)
    assert [act("dispute", key) for _ in range(2)] == ["DISPUTED"] * 2
    assert refund(key) == {"state": "DISPUTED"}
    assert charge(key) == TAKEN

    assert [act("decide", key, won=True) for _ in range(2)] == ["CHARGED"] * 2
    assert refund(key) == {"state": "REFUNDED"}
    assert act("dispute", key) == "REFUNDED"


def test_lost_dispute_gives_the_money_back_once(key, items):
    charge(key)
    act("dispute", key)
    assert act("decide", key, won=False) == "CHARGED_BACK"

    assert [refund(key) for _ in range(2)] == [{"state": "CHARGED_BACK"}] * 2
    assert charge(key) == VOIDED
    assert items(key)["state"] == "CHARGED_BACK"
    assert act("dispute", "no such key") == "UNKNOWN"
