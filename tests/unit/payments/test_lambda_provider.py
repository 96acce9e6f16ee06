"""The adapter to the card provider's function."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from lambdas.contracts.bounds import TextBounds
from lambdas.contracts.transient import TRANSIENT_ERRORS
from lambdas.contracts.values import Money
from lambdas.payments.domain import Charged, Declined, Voided
from lambdas.payments.lambda_provider import LambdaProvider
from lambdas.payments.provider import ChargeDisputedError, ProviderError
from tests.support.doubles import OneFunction


def charge(client: OneFunction) -> object:
    return LambdaProvider("simulator", lambda_client=client).charge(
        "o-1", "c-1", Money(amount=415, currency="GBP")
    )


@pytest.mark.parametrize(
    ("response", "result"),
    [
        ({"state": "CHARGED", "explanation": ""}, Charged()),
        ({"state": "DECLINED", "explanation": "no"}, Declined("no")),
        ({"state": "VOIDED", "explanation": ""}, Voided()),
    ],
)
def test_charge_is_requested_under_its_key_and_the_response_is_parsed(response, result):
    client = OneFunction(response)
    assert charge(client) == result
    assert client.requests == [
        {
            "operation": "charge",
            "key": "o-1",
            "customer_id": "c-1",
            "amount": 415,
            "currency": "GBP",
        }
    ]


@pytest.mark.parametrize("text", ["\0", "\ud800", "\x1b[2J", "\u202e"])
def test_explanation_is_escaped_so_that_ledger_and_events_can_have_it(text):
    result = charge(OneFunction({"state": "DECLINED", "explanation": f"no{text}" + "x" * 3_000}))

    assert isinstance(result, Declined)
    assert TextBounds(maximum=1_000).problem(result.explanation) == ""
    assert result.explanation.isprintable()


@pytest.mark.parametrize("state", ["REFUNDED", "VOIDED", "DECLINED", "CHARGED_BACK"])
def test_refund_is_requested_under_its_key(state):
    client = OneFunction({"state": state})
    LambdaProvider("simulator", lambda_client=client).refund("o-1")
    assert client.requests == [{"operation": "refund", "key": "o-1"}]


def test_refund_of_a_disputed_charge_is_an_error_that_waits_for_a_person():
    with pytest.raises(ChargeDisputedError, match="the charge of order o-1 is disputed"):
        LambdaProvider("simulator", lambda_client=OneFunction({"state": "DISPUTED"})).refund("o-1")
    assert ChargeDisputedError.__name__ not in TRANSIENT_ERRORS


@pytest.mark.parametrize("response", [{"state": "MAYBE"}, {"state": "DECLINED"}, None, "CHARGED"])
def test_unknown_response_to_a_charge_is_an_error(response):
    with pytest.raises(ProviderError, match="not understood"):
        charge(OneFunction(response))


@pytest.mark.parametrize("response", [{"state": "CHARGED"}, {"state": "MAYBE"}, {}, None, "VOIDED"])
def test_refund_whose_response_does_not_rule_out_held_money_is_an_error(response):
    with pytest.raises(ProviderError, match="not understood"):
        LambdaProvider("simulator", lambda_client=OneFunction(response)).refund("o-1")


@pytest.mark.parametrize(
    "call", [charge, lambda c: LambdaProvider("simulator", lambda_client=c).refund("o-1")]
)
def test_failure_of_the_function_is_an_error(call):
    with pytest.raises(ProviderError, match="boom"):
        call(OneFunction({"errorMessage": "boom", "state": "CHARGED"}, FunctionError="Unhandled"))


@pytest.mark.parametrize(
    ("response", "invocation"),
    [
        ({"card": "\x1b[2J" + 9_000 * "4000 0012 3456 7899 "}, {}),
        ({"errorMessage": "\x1b[2J" + 9_000 * "!"}, {"FunctionError": "Unhandled"}),
    ],
    ids=["no answer of ours", "an error"],
)
def test_error_repeats_little_of_what_the_provider_said(response: Any, invocation: Any):
    """Errors are logged, and shown in terminals."""
    with pytest.raises(ProviderError) as error:
        charge(OneFunction(response, **invocation))

    assert len(str(error.value)) < 1_100
    assert str(error.value).isprintable()
    assert "7899" not in str(error.value)


@pytest.mark.parametrize(
    "error",
    [
        boto3.client("lambda", "eu-west-1").exceptions.TooManyRequestsException(
            {"Error": {"Code": "TooManyRequestsException"}}, "Invoke"
        ),
        ReadTimeoutError(endpoint_url="lambda"),
    ],
    ids=["throttled", "no answer"],
)
@pytest.mark.parametrize(
    "call", [charge, lambda c: LambdaProvider("simulator", lambda_client=c).refund("o-1")]
)
def test_busy_function_is_an_error_that_sagas_defer(call, error):
    """By any other name, a refund that meets it would be dead-lettered."""
    with pytest.raises(ProviderError):
        call(OneFunction(error))
    assert ProviderError.__name__ in TRANSIENT_ERRORS
