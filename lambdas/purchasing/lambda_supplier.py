"""The adapter to the supplier's simulator, which is a Lambda function.

A real supplier is reached over HTTPS or EDI; its adapter would implement the same port,
``Supplier``.
"""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.contracts.bounds import quoted
from lambdas.contracts.times import reformat_time
from lambdas.purchasing.domain import PurchaseOrder
from lambdas.purchasing.supplier import Confirmed, Delivered, SupplierError
from lambdas.runtime.function_calls import FunctionFailedError, call_function, state_of

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


class LambdaSupplier:
    """Implements ``Supplier`` by invoking the simulator's function and waiting for its answer."""

    def __init__(self, function: str, *, functions: "LambdaClient") -> None:
        """``function`` is the simulator's name, ``functions`` boto3's client of Lambda."""
        self._function = function
        self._functions = functions

    def send(self, order: PurchaseOrder) -> Confirmed | Delivered:
        """Send the order to the simulator; raise SupplierError if its answer is not valid."""
        request = {
            "purchase_order_id": order.purchase_order_id,
            "sku": order.sku,
            "quantity": order.quantity,
            "ordered_at": order.raised_at,
        }
        try:
            response = call_function(self._functions, self._function, request)
        except (BotoCoreError, ClientError) as no_answer:
            raise SupplierError(f"{type(no_answer).__name__}: {no_answer}") from no_answer
        except FunctionFailedError as failure:
            raise SupplierError(f"the supplier failed: {failure}") from failure
        match response:
            case {"state": "CONFIRMED", "due_at": str(due_at)}:
                return Confirmed(_time(due_at))
            case {"state": "DELIVERED"}:
                return Delivered()
            case _:
                state = state_of(response)
                raise SupplierError(f"the supplier's answer is not understood: {state}")


def _time(text: str) -> str:
    try:
        return reformat_time(text)
    except ValueError as no_time:
        raise SupplierError(f"the supplier's due_at is no time: {quoted(text)}") from no_time
