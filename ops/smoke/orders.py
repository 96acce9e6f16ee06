"""The smoke test's product and orders."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.envelope import envelope
from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.times import format_time
from lambdas.contracts.values import Money, PricedLine
from ops.smoke.api import Answer, Api

SKU, PRICE, CURRENCY, COUNTRY = "SMOKE-TEST", 100, "EUR", "Nowhere"
TOO_MANY = 100_000
"""The largest quantity of a line. There is never so much stock, so the order is rejected."""
OPEN = {"PLACED", "CONFIRMED"}


class SmokeError(Exception):
    """A step failed. The message says how it ended."""


@dataclass(slots=True, kw_only=True)
class SmokeOrders:
    """Puts the product on offer, places orders, and waits for their states."""

    customer: Api
    operator: Api
    run_id: str
    """Begins the keys of orders and the id of the delivery."""
    wait_seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    placed: dict[str, str] = field(default_factory=dict)
    """By purpose, the id of the order."""

    def offer_product(self) -> str:
        """Put the product on offer and wait until the offer begins; return that time."""
        offer = {"currency": CURRENCY, "unit_price": PRICE}
        body = {"name": "Smoke test", "offers": [offer]}
        answer = self.operator.call("PUT", f"/products/{SKU}", body)
        _expect(answer, 200)
        begins = str(answer.body["offers"][-1]["valid_from"])
        self._await(lambda: _now() >= datetime.fromisoformat(begins), f"{SKU} is not on offer")
        return begins

    def withdraw_product(self) -> None:
        """Take the product off offer."""
        body: Mapping[str, Any] = {"name": "Smoke test", "offers": []}
        _expect(self.operator.call("PUT", f"/products/{SKU}", body), 200)

    def place(self, purpose: str, quantity: int) -> str:
        """Place an order, repeatedly until orders knows the offer; return the order's id."""
        line = {"sku": SKU, "quantity": quantity, "unit_price": PRICE}
        body = {"currency": CURRENCY, "country": COUNTRY, "lines": [line]}
        headers = {"Idempotency-Key": f"{self.run_id}-{purpose}"}
        answers: list[Answer] = []

        def is_accepted() -> bool:
            answers.append(self.customer.call("POST", "/orders", body, headers))
            # 409: orders has not received the offer yet.
            return answers[-1].status != 409

        self._await(is_accepted, f"the price of {SKU} is not on offer in orders")
        _expect(answers[-1], 202)
        self.placed[purpose] = str(answers[-1].body["order_id"])
        return self.placed[purpose]

    def cancel(self, order_id: str) -> bool:
        """Request an order's cancellation; return False if it has left already."""
        answer = self.customer.call("DELETE", f"/orders/{order_id}")
        _expect(answer, 200, 202, 409)
        return answer.status != 409

    def state(self, order_id: str) -> str:
        """Return the state of an order."""
        answer = self.customer.call("GET", f"/orders/{order_id}")
        _expect(answer, 200)
        return str(answer.body["state"])

    def await_state(self, order_id: str, wanted: str) -> None:
        """Wait until an order is in a state.

        Raises:
            SmokeError: it ended in another state, or did not reach the state in time.
        """
        seen = [""]

        def is_reached() -> bool:
            seen.append(self.state(order_id))
            if seen[-1] != wanted and seen[-1] not in OPEN:
                raise SmokeError(f"order {order_id} is {seen[-1]}, not {wanted}")
            return seen[-1] == wanted

        self._await(is_reached, lambda: f"order {order_id} is still {seen[-1]}, not {wanted}")

    def await_views(self) -> None:
        """Wait until the list of orders and the timelines show the orders' states."""
        states = {id: self.state(id) for id in self.placed.values()}
        problem = ""

        def are_equal() -> bool:
            nonlocal problem
            answer = self.customer.call("GET", "/orders")
            _expect(answer, 200)
            seen = {order["order_id"]: order["state"] for order in answer.body["orders"]}
            missing = [id for id in states if not self._has_timeline(id)]
            if seen != states:
                problem = f"orders has {states}, and the list of orders has {seen}"
            elif missing:
                problem = f"there is no timeline of {', '.join(missing)}"
            return seen == states and not missing

        self._await(are_equal, lambda: problem)

    def confirmed_event(self, order_id: str, customer_id: str, quantity: int) -> str:
        """Return an order's ``OrderConfirmed`` as EventBridge delivers it to a queue."""
        event = OrderConfirmed(
            order_id=order_id,
            customer_id=customer_id,
            lines=(PricedLine(sku=SKU, quantity=quantity, unit_price=PRICE),),
            total=Money(amount=PRICE * quantity, currency=CURRENCY),
            country=COUNTRY,
        )
        made = envelope(
            event,
            subject=order_id,
            sequence=2,
            correlation_id=order_id,
            causation_id=self.run_id,
            occurred_at=format_time(_now()),
        )
        return json.dumps(
            {"source": event.source, "detail-type": event.detail_type, "detail": made.detail}
        )

    def _has_timeline(self, order_id: str) -> bool:
        return self.customer.call("GET", f"/orders/{order_id}/timeline").status == 200

    def _await(self, is_done: Callable[[], bool], problem: str | Callable[[], str]) -> None:
        until = self.clock() + self.wait_seconds
        while not is_done():
            if self.clock() > until:
                said = problem if isinstance(problem, str) else problem()
                raise SmokeError(f"{said} after {self.wait_seconds:g} s")
            self.sleep(1)


def _expect(answer: Answer, *statuses: int) -> None:
    if answer.status not in statuses:
        raise SmokeError(f"the API answers {answer.status}: {json.dumps(answer.body)[:300]}")


def _now() -> datetime:
    return datetime.now(UTC)
