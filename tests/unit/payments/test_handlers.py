"""The functions as Step Functions calls them, on the database and a provider in memory."""

import json

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.payments import PaymentAlreadyRefunded, PaymentDeclined
from lambdas.payments import refund_payment, take_payment


@pytest.fixture(autouse=True)
def wired(monkeypatch, store, provider):
    for module in (take_payment, refund_payment):
        monkeypatch.setattr(module, "store", lambda: store)
        monkeypatch.setattr(module, "provider", lambda: provider)


def event(order_id: str) -> dict[str, object]:
    return {
        "order_id": order_id,
        "customer_id": "c-1",
        "total": {"amount": 415, "currency": "GBP"},
        "something": "new",
    }


def test_take_refund_and_a_late_take(capsys):
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


def test_a_decline_is_a_named_refusal_every_time(provider):
    provider.declines = True
    for _ in range(2):
        with pytest.raises(PaymentDeclined, match="above the card's limit"):
            take_payment.handler(event("h-2"), None)


def test_what_does_not_fit_the_contract_is_refused_by_field(provider):
    with pytest.raises(ContractError, match=r"total\.amount must be an integer"):
        take_payment.handler(event("h-3") | {"total": {"amount": "1", "currency": "GBP"}}, None)
    with pytest.raises(ContractError, match="order_id is missing"):
        refund_payment.handler({}, None)
    assert provider.calls == []
