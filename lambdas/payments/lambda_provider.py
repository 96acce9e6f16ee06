"""The adapter to the card provider's simulator, which is a Lambda function.

A real provider is reached over HTTPS; its adapter would implement the same port, ``Provider``.
"""

from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.contracts.text import printable
from lambdas.contracts.values import Money
from lambdas.payments.domain import Charged, ChargeResult, Declined, Voided
from lambdas.payments.provider import ChargeDisputedError, ProviderError
from lambdas.runtime.aws import CONFIG, client
from lambdas.runtime.function_calls import FunctionFailedError, call_function, state_of

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


# Charging a card may take seconds. boto3 makes one attempt: the saga retries the whole step.
_SINGLE_ATTEMPT = CONFIG.merge(
    Config(read_timeout=4, retries={"mode": "standard", "total_max_attempts": 1})
)


class LambdaProvider:
    """Implements ``Provider`` by invoking the simulator's function and waiting for its response."""

    def __init__(self, function: str, *, lambda_client: "LambdaClient | None" = None) -> None:
        """``lambda_client`` is boto3's client of Lambda, which must not retry a request by itself.

        ``function`` is the name of the simulator's function.
        """
        self._function = function
        self._lambda = lambda_client or client("lambda", _SINGLE_ATTEMPT)

    def charge(self, key: str, customer_id: str, amount: Money) -> ChargeResult:
        """Charge a card through the simulator; raise ProviderError if it has no valid response.

        Neither the ledger nor an event takes every character: those of an explanation are escaped.
        """
        response = self._invoke(
            operation="charge",
            key=key,
            customer_id=customer_id,
            amount=amount.amount,
            currency=amount.currency,
        )
        match response:
            case {"state": "CHARGED"}:
                return Charged()
            case {"state": "DECLINED", "explanation": str(explanation)}:
                return Declined(printable(explanation))
            case {"state": "VOIDED"}:
                return Voided()
            case _:
                raise _not_understood(response)

    def refund(self, key: str) -> None:
        """Refund through the simulator; raise ProviderError if it has no valid response.

        Raise ChargeDisputedError if the simulator refuses because of a dispute.
        """
        response = self._invoke(operation="refund", key=key)
        match response:
            case {"state": "REFUNDED" | "VOIDED" | "DECLINED" | "CHARGED_BACK"}:
                return
            case {"state": "DISPUTED"}:
                raise ChargeDisputedError(f"the charge of order {key} is disputed")
            case _:
                raise _not_understood(response)

    def _invoke(self, **request: object) -> Any:
        try:
            return call_function(self._lambda, self._function, request)
        except (BotoCoreError, ClientError) as no_answer:
            raise ProviderError(f"{type(no_answer).__name__}: {no_answer}") from no_answer
        except FunctionFailedError as failure:
            raise ProviderError(f"the provider failed: {failure}") from failure


def _not_understood(response: object) -> ProviderError:
    """Return the error with the response's state. What else is in it may be about the customer."""
    return ProviderError(f"the provider's response is not understood: {state_of(response)}")
