"""The functions as Step Functions calls them, on the database and a provider in memory."""

import json

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.payments import PaymentAlreadyRefunded, PaymentDeclined


@pytest.fixture
def take_payment(load, store, provider):
    function = load("take_payment")
    function.charges, function.provider = store, provider
    return function


@pytest.fixture
def refund_payment(load, store, provider):
    function = load("refund_payment")
    function.charges, function.provider = store, provider
    return function


def event(order_id: str) -> dict[str, object]:
    return {
        "order_id": order_id,
        "customer_id": "c-1",
        "total": {"amount": 415, "currency": "GBP"},
        "something": "new",
    }


def test_refunded_payment_is_not_taken_again(take_payment, refund_payment, capsys):
    assert take_payment.handler(event("h-1"), None) == {"order_id": "h-1", "state": "TAKEN"}
    done = refund_payment.handler({"order_id": "h-1"}, None)
    assert done == {"order_id": "h-1", "state": "REFUNDED"}
    with pytest.raises(PaymentAlreadyRefunded):
        take_payment.handler(event("h-1"), None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["order_id"], line["state"]) for line in lines] == [
        ("h-1", "TAKEN"),
        ("h-1", "REFUNDED"),
        ("h-1", "REFUNDED"),
    ]


def test_declined_payment_is_refused_at_every_attempt(take_payment, provider):
    provider.declines = True
    for _ in range(2):
        with pytest.raises(PaymentDeclined, match="above the card's limit"):
            take_payment.handler(event("h-2"), None)


def test_invalid_command_is_a_contract_error_naming_the_field(
    take_payment, refund_payment, provider
):
    with pytest.raises(ContractError, match=r"total\.amount must be an integer"):
        take_payment.handler(event("h-3") | {"total": {"amount": "1", "currency": "GBP"}}, None)
    with pytest.raises(ContractError, match="order_id is missing"):
        refund_payment.handler({}, None)
    assert provider.calls == []
