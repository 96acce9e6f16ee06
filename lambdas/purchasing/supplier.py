"""The simulated supplier: delivers to inventory what is due.

Goods are delivered before their order is closed, under a delivery id made from the order's. A run
that dies in between delivers them again: inventory ignores that, and the order is closed then.
"""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.contracts.codec import ContractError, encode
from lambdas.purchasing.domain import PurchaseOrder, delivery_command
from lambdas.purchasing.store import PurchaseOrders
from lambdas.runtime.log import log

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


MAX_DELIVERIES = 100
"""How many orders a run delivers at most; the next run delivers the rest."""


class DeliveryFailedError(Exception):
    """Some orders were not delivered; the message names them and the reasons."""


class Supplier:
    """Delivers the open purchase orders that are due."""

    def __init__(
        self, orders: PurchaseOrders, *, receive_stock: str, functions: "LambdaClient"
    ) -> None:
        """``receive_stock`` is inventory's function, ``functions`` boto3's client of Lambda."""
        self._orders = orders
        self._receive_stock = receive_stock
        self._functions = functions

    def deliver(self, *, now: str) -> int:
        """Deliver what is due, and return how many orders were delivered.

        If inventory refuses an order's goods, the order is closed with the reason. If inventory
        fails, the order stays open and is tried again after those that are due by then. Neither
        delays the others.

        Raises:
            DeliveryFailedError: names the refused and failed orders, after all were tried.
        """
        delivered = 0
        problems: list[str] = []
        for order in self._orders.due(now=now, limit=MAX_DELIVERIES):
            problem, final = self._deliver(order)
            if problem:
                problems.append(f"{order.purchase_order_id}: {problem}")
            else:
                delivered += 1
            if final:
                self._orders.close(order, now=now, refusal_reason=problem)
            else:
                self._orders.postpone(order, until=now)
        log("purchase_orders_delivered", delivered=delivered, problems=len(problems))
        if problems:
            raise DeliveryFailedError("; ".join(problems))
        return delivered

    def _deliver(self, order: PurchaseOrder) -> tuple[str, bool]:
        """Send the goods to inventory; return the problem, if any, and whether it is final."""
        try:
            answer = self._functions.invoke(
                FunctionName=self._receive_stock,
                Payload=json.dumps(encode(delivery_command(order))),
            )
        except (BotoCoreError, ClientError) as no_answer:
            return f"{type(no_answer).__name__}: {no_answer}", False
        if not answer.get("FunctionError"):
            return "", True
        error = json.load(answer["Payload"])
        problem = f"{error.get('errorType')}: {error.get('errorMessage')}"
        return problem, error.get("errorType") == ContractError.__name__
