"""The supplier's stand-in: brings what is due, and hands it over to inventory.

Goods are handed over before their order is closed, under a delivery id of the order. A run that
ends in between hands them over again, which inventory recognises, and closes the order then.
"""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.contracts.codec import ContractError, encode
from lambdas.purchasing.domain import PurchaseOrder, delivery_command
from lambdas.purchasing.store import PurchaseOrders
from lambdas.runtime.log import log

MAX_DELIVERIES = 100
"""The most orders that one run delivers: what is left is the next run's."""


class DeliveryFailedError(Exception):
    """Inventory did not take all goods; the message says which, and why."""


class Supplier:
    """Delivers open purchase orders whose time has come."""

    def __init__(self, orders: PurchaseOrders, *, receive_stock: str, functions: Any) -> None:
        """``receive_stock`` is inventory's function, ``functions`` boto3's client of Lambda."""
        self._orders = orders
        self._receive_stock = receive_stock
        self._functions = functions

    def deliver(self, *, now: str) -> int:
        """Deliver what is due, and return how many orders that were.

        An order whose goods inventory refuses is closed with the reason; one that it fails on stays
        open, and is tried again behind those that are due by now. Neither keeps the others waiting.

        Raises:
            DeliveryFailedError: naming the orders of both kinds, when all the others are delivered.
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
        """Ask inventory to take the goods; return what is wrong, and whether that is final."""
        try:
            answer = self._functions.invoke(
                FunctionName=self._receive_stock,
                Payload=json.dumps(encode(delivery_command(order))),
            )
        except (BotoCoreError, ClientError) as no_answer:
            return f"{type(no_answer).__name__}: {no_answer}", False
        if "FunctionError" not in answer:
            return "", True
        error = json.load(answer["Payload"])
        problem = f"{error.get('errorType')}: {error.get('errorMessage')}"
        return problem, error.get("errorType") == ContractError.__name__
