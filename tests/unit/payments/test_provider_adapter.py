import io
import json
from typing import Any

import pytest

from lambdas.contracts.values import Money
from lambdas.payments.domain import Charged, Declined, Voided
from lambdas.payments.provider import LambdaProvider, ProviderError


class Client:
    """A Lambda client whose function answers ``answer``."""

    def __init__(self, answer: object, **reply: object) -> None:
        self.answer = answer
        self.reply = reply
        self.asked: list[Any] = []

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "stand-in"
        self.asked.append(json.loads(Payload))
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode()), **self.reply}


def charge(client: Client) -> object:
    return LambdaProvider(client, "stand-in").charge(
        "o-1", "c-1", Money(amount=415, currency="GBP")
    )


@pytest.mark.parametrize(
    ("answer", "understood"),
    [
        ({"state": "CHARGED", "explanation": ""}, Charged()),
        ({"state": "DECLINED", "explanation": "no"}, Declined("no")),
        ({"state": "VOIDED", "explanation": ""}, Voided()),
    ],
)
def test_a_charge_is_asked_for_under_our_key_and_its_answer_understood(answer, understood):
    client = Client(answer)
    assert charge(client) == understood
    assert client.asked == [
        {
            "operation": "charge",
            "key": "o-1",
            "customer_id": "c-1",
            "amount": 415,
            "currency": "GBP",
        }
    ]


@pytest.mark.parametrize("state", ["REFUNDED", "VOIDED", "DECLINED"])
def test_a_refund_is_asked_for_under_our_key(state):
    client = Client({"state": state})
    LambdaProvider(client, "stand-in").refund("o-1")
    assert client.asked == [{"operation": "refund", "key": "o-1"}]


@pytest.mark.parametrize("answer", [{"state": "MAYBE"}, {"state": "DECLINED"}, None, "CHARGED"])
def test_an_answer_that_is_not_understood_is_no_answer(answer):
    with pytest.raises(ProviderError, match="not understood"):
        charge(Client(answer))


@pytest.mark.parametrize("answer", [{"state": "CHARGED"}, {"state": "MAYBE"}, {}, None, "VOIDED"])
def test_a_refund_is_done_only_if_the_answer_says_that_no_money_is_held(answer):
    with pytest.raises(ProviderError, match="not understood"):
        LambdaProvider(Client(answer), "stand-in").refund("o-1")


@pytest.mark.parametrize("ask", [charge, lambda c: LambdaProvider(c, "stand-in").refund("o-1")])
def test_an_error_of_the_function_is_an_error(ask):
    with pytest.raises(ProviderError, match="boom"):
        ask(Client({"errorMessage": "boom", "state": "CHARGED"}, FunctionError="Unhandled"))
