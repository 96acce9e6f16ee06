"""The card provider: what payments asks of one, and how the stand-in is reached.

The adapter of a real provider, over HTTPS, would stand beside ``LambdaProvider``.
"""

import json
from functools import cache
from typing import Any, Protocol

import boto3
from botocore.config import Config

from lambdas.contracts.values import Money
from lambdas.payments.domain import Charged, ChargeResult, Declined, Voided
from lambdas.runtime.aws import CONFIG
from lambdas.runtime.settings import setting

# Charging a card takes its time. One attempt: the saga repeats the whole step, with backoff.
_SINGLE_ATTEMPT = Config(read_timeout=4, retries={"mode": "standard", "total_max_attempts": 1})


class ProviderError(Exception):
    """The provider did not answer the question: whether it acted on it is unknown."""


class Provider(Protocol):
    """A card provider that is idempotent by key.

    However often it is asked, a key is charged at most once and given back at most once.
    """

    def charge(self, key: str, customer_id: str, amount: Money) -> ChargeResult:
        """Charge the customer's card; the same answer whenever it is asked with the same key."""

    def refund(self, key: str) -> None:
        """Give the charge back. For an unknown key, make a later charge fail as voided."""


class LambdaProvider:
    """The stand-in, which is a Lambda function, invoked synchronously."""

    def __init__(self, client: Any, function: str) -> None:
        self._client = client
        self._function = function

    def charge(self, key: str, customer_id: str, amount: Money) -> ChargeResult:
        """See Provider; raises ProviderError."""
        answer = self._invoke(
            operation="charge",
            key=key,
            customer_id=customer_id,
            amount=amount.amount,
            currency=amount.currency,
        )
        match answer:
            case {"state": "CHARGED"}:
                return Charged()
            case {"state": "DECLINED", "explanation": str(explanation)}:
                return Declined(explanation)
            case {"state": "VOIDED"}:
                return Voided()
            case _:
                raise _not_understood(answer)

    def refund(self, key: str) -> None:
        """See Provider; raises ProviderError unless no money is held under the key by now."""
        answer = self._invoke(operation="refund", key=key)
        match answer:
            case {"state": "REFUNDED" | "VOIDED" | "DECLINED"}:
                return
            case _:
                raise _not_understood(answer)

    def _invoke(self, **request: object) -> Any:
        response = self._client.invoke(FunctionName=self._function, Payload=json.dumps(request))
        answer = json.load(response["Payload"])
        # https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html: an error of the function's
        # code is a successful invocation with FunctionError set.
        if "FunctionError" in response:
            raise ProviderError(f"the provider failed: {answer}")
        return answer


def _not_understood(answer: object) -> ProviderError:
    return ProviderError(f"the provider's answer is not understood: {answer}")


@cache
def provider() -> Provider:
    """The configured provider; made once per execution environment."""
    return LambdaProvider(
        boto3.client("lambda", config=CONFIG.merge(_SINGLE_ATTEMPT)),
        setting("CARD_PROVIDER_FUNCTION"),
    )
