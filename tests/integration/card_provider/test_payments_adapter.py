"""Payments' adapter understands every response of the simulator."""

import io
import json
from typing import Any
from uuid import uuid4

from lambdas.contracts.values import Money
from lambdas.payments.domain import Charged, Declined, Voided
from lambdas.payments.lambda_provider import LambdaProvider
from simulators.card_provider.handle_request import handler
from tests.support.doubles import ClientDouble


class InProcess(ClientDouble):
    """A Lambda client that runs the simulator in this process."""

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803
        answer = handler(json.loads(Payload), None)
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


def test_adapter_understands_charge_void_and_decline():
    provider = LambdaProvider("simulator", lambda_client=InProcess())
    key, price = uuid4().hex, Money(amount=415, currency="GBP")
    assert provider.charge(key, "c-1", price) == Charged()
    provider.refund(key)
    assert provider.charge(key, "c-1", price) == Voided()
    dear = Money(amount=100_001, currency="GBP")
    assert provider.charge(uuid4().hex, "c-1", dear) == Declined("above the card's limit")
