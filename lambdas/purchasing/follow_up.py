"""Follow up on open purchase orders: send them to the supplier, receive what it has delivered.

Goods are received before their order is closed, under a delivery id made from the order's. If a run
dies in between, the next run receives them again, which inventory ignores, and closes the order.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.contracts.codec import ContractError, encode
from lambdas.contracts.times import format_time
from lambdas.purchasing.domain import PurchaseOrder, PurchaseOrderState, delivery_command
from lambdas.purchasing.store import PurchaseOrders
from lambdas.purchasing.supplier import Confirmed, Supplier, SupplierError
from lambdas.runtime.errors import ConcurrentUpdateError
from lambdas.runtime.function_calls import FunctionFailedError, call_function
from lambdas.runtime.log import log

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


MAX_ORDERS = 100
"""How many orders a run follows up at most; the next run does the rest."""
ASKED_AGAIN_AFTER = timedelta(days=1)
"""When an order is sent again at the latest: a supplier may correct the date that it promised."""


class FollowUpFailedError(Exception):
    """Some orders could not be followed up; the message names them and the reasons."""


class FollowUp:
    """Sends the open purchase orders that are due to the supplier, and receives delivered goods."""

    def __init__(
        self,
        orders: PurchaseOrders,
        *,
        supplier: Supplier,
        receive_stock: str,
        functions: "LambdaClient",
    ) -> None:
        """``receive_stock`` is the name of inventory's function, ``functions`` boto3's client."""
        self._orders = orders
        self._supplier = supplier
        self._receive_stock = receive_stock
        self._functions = functions

    def run(self, *, now: str) -> int:
        """Follow up on the due orders, and return how many were delivered.

        An order that is not needed, because another one is on its way, is not sent but closed. One
        that the supplier confirms is due again at its delivery date, or after a day. If inventory
        refuses an order's goods, the order is closed with the reason. If the supplier or inventory
        fails, or the row is no order, it is tried again after the orders that are due by then. One
        order's failure does not delay the others.

        Raises:
            FollowUpFailedError: names the refused and failed orders, after all were tried.
        """
        outcomes = Counter(confirmed=0, delivered=0, covered=0)
        problems: list[str] = []
        for id in self._orders.due_ids(now=now, limit=MAX_ORDERS):
            try:
                order = self._orders.find_open(id)
                if order is None:
                    continue
                outcome, problem = self._follow_up(order, now=now)
            except (ContractError, SupplierError, ConcurrentUpdateError) as error:
                outcome, problem = "failed", str(error)
                self._orders.postpone(id, until=now)
            if problem:
                problems.append(f"{id}: {problem}")
            else:
                outcomes[outcome] += 1
        log("purchase_orders_followed_up", **outcomes, problems=len(problems))
        if problems:
            raise FollowUpFailedError("; ".join(problems))
        return outcomes["delivered"]

    def _follow_up(self, order: PurchaseOrder, *, now: str) -> tuple[str, str]:
        """Send an order, and receive its goods if they are there; return the outcome and a problem.

        Raises what ``Supplier.send`` and ``PurchaseOrders.claim`` raise.
        """
        id = order.purchase_order_id
        if order.threshold and not order.sent_at:
            if (sent := self._orders.claim(order)) != id:
                covered, explanation = PurchaseOrderState.COVERED, f"{sent} is on its way"
                self._orders.close(order, now=now, state=covered, explanation=explanation)
                return "covered", ""
            if not self._orders.note_sending(id, now=now):
                # Another run has closed it, because the order on its way has been delivered since.
                return "covered", ""
        answer = self._supplier.send(order)
        if isinstance(answer, Confirmed):
            latest = format_time(datetime.fromisoformat(now) + ASKED_AGAIN_AFTER)
            self._orders.postpone(id, until=min(max(answer.due_at, now), latest))
            return "confirmed", ""
        self._orders.note_receipt(id, now=now)
        problem, final = self._receive(order)
        if not final:
            self._orders.postpone(id, until=now)
        elif problem:
            refused = PurchaseOrderState.REFUSED
            self._orders.close(order, now=now, state=refused, explanation=problem)
        else:
            self._orders.close(order, now=now)
        return "delivered", problem

    def _receive(self, order: PurchaseOrder) -> tuple[str, bool]:
        """Add the goods to the stock; return the problem, if any, and whether it is final.

        Without a problem the text is empty. Inventory answers a repeated delivery as it did the
        first.
        """
        command = encode(delivery_command(order))
        try:
            call_function(self._functions, self._receive_stock, command)
        except (BotoCoreError, ClientError) as no_answer:
            return f"{type(no_answer).__name__}: {no_answer}", False
        except FunctionFailedError as refusal:
            return str(refusal), refusal.error_type == ContractError.__name__
        return "", True
