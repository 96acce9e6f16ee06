"""The adapter to the supplier's function."""

import re
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ReadTimeoutError

from lambdas.purchasing.domain import plan_purchase_order
from lambdas.purchasing.lambda_supplier import LambdaSupplier
from lambdas.purchasing.supplier import Confirmed, Delivered, SupplierError
from tests.support.doubles import OneFunction
from tests.support.purchasing import low

ORDER = plan_purchase_order(low("A", 7), now=datetime(2026, 1, 1, tzinfo=UTC))


def send(client: OneFunction) -> object:
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
    client = OneFunction(response)

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
        send(OneFunction(response))


@pytest.mark.parametrize(
    "due_at", ["soon", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-12-01"]
)
def test_confirmation_without_a_time_is_an_error(due_at: str):
    """Any other exception would end the run, and with it all other purchase orders."""
    with pytest.raises(SupplierError, match=re.escape(f"due_at is no time: '{due_at}'")):
        send(OneFunction({"state": "CONFIRMED", "due_at": due_at}))


def test_error_repeats_little_of_what_the_supplier_said():
    response = {"state": "\x1b[2J" + 9_000 * "x"}

    with pytest.raises(SupplierError) as error:
        send(OneFunction(response))

    assert len(str(error.value)) < 200
    assert str(error.value).isprintable()


def test_failure_of_the_function_is_an_error():
    with pytest.raises(SupplierError, match="boom"):
        send(OneFunction({"errorMessage": "boom", "state": "DELIVERED"}, FunctionError="Unhandled"))


def test_function_that_does_not_answer_is_an_error():
    with pytest.raises(SupplierError, match="ReadTimeoutError"):
        send(OneFunction(ReadTimeoutError(endpoint_url="https://lambda")))
