"""The adapter to the supplier's function."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from lambdas.purchasing.domain import plan_purchase_order
from lambdas.purchasing.lambda_supplier import LambdaSupplier
from lambdas.purchasing.supplier import Confirmed, Delivered, SupplierError
from tests.support.doubles import ClientDouble
from tests.support.low_stock import low

ORDER = plan_purchase_order(low("A", 7), now=datetime(2026, 1, 1, tzinfo=UTC))


class Client(ClientDouble):
    """A Lambda client whose function returns ``response``, or which raises it."""

    def __init__(self, response: object, **invocation: object) -> None:
        self.response = response
        self.invocation = invocation
        self.requests: list[Any] = []

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "simulator"
        self.requests.append(json.loads(Payload))
        if isinstance(self.response, Exception):
            raise self.response
        return {"Payload": io.BytesIO(json.dumps(self.response).encode()), **self.invocation}


def send(client: Client) -> object:
    return LambdaSupplier("simulator", functions=client).send(ORDER)


@pytest.mark.parametrize(
    ("response", "result"),
    [
        (
            {"state": "CONFIRMED", "due_at": "2026-01-01T01:10:00+01:00"},
            Confirmed("2026-01-01T00:10:00.000Z"),
        ),
        ({"state": "DELIVERED"}, Delivered()),
    ],
)
def test_order_is_sent_whole_and_the_answer_is_parsed(response, result):
    client = Client(response)

    assert send(client) == result
    assert client.requests == [
        {
            "purchase_order_id": ORDER.purchase_order_id,
            "sku": "A",
            "quantity": 5,
            "ordered_at": "2026-01-01T00:00:00.000Z",
        }
    ]


@pytest.mark.parametrize("response", [{"state": "MAYBE"}, {"state": "CONFIRMED"}, {}, None])
def test_unknown_answer_is_an_error(response):
    with pytest.raises(SupplierError, match="not understood"):
        send(Client(response))


def test_confirmation_without_a_time_is_an_error():
    with pytest.raises(SupplierError, match="due_at is no time: soon"):
        send(Client({"state": "CONFIRMED", "due_at": "soon"}))


def test_failure_of_the_function_is_an_error():
    with pytest.raises(SupplierError, match="boom"):
        send(Client({"errorMessage": "boom", "state": "DELIVERED"}, FunctionError="Unhandled"))


def test_function_that_does_not_answer_is_an_error():
    with pytest.raises(SupplierError, match="ReadTimeoutError"):
        send(Client(ReadTimeoutError(endpoint_url="https://lambda")))
