"""The people in a run: customers and the warehouse."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from lambdas.contracts.catalog import Offer, OffersChanged
from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import envelope
from lambdas.contracts.times import format_time
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from simulation.functions import Outcome
from simulation.kernel import START, Process, Signal
from simulation.queues import Queue, Sent
from simulation.world import World
from workers.runtime.queue import Message
from workers.warehouse.handlers import MessageHandlers
from workers.warehouse.store import Warehouse

SKUS = ("cup", "jug", "pan")
PRICE = 700
"""The price of every SKU. The provider declines an order of more than 142 units."""
COUNTRIES = ("France", "Japan", "Norway", "France", "Japan", "Norway", "Unspecified")
ORDERING = 1_800
"""How many seconds customers place orders."""
LIMITED = ({"orders": 1}, {"orders": 2}, {"units": 20}, {"value": 20 * PRICE})
"""Limits that a customer's few orders reach; a seed may have one of them."""
RETRY = 5
"""Seconds after which the warehouse returns a message that it failed at."""


@dataclass(slots=True)
class Request:
    """A customer's request for an order, and its result."""

    customer: str
    key: str
    body: dict[str, Any]
    order_id: str = ""
    """Present once the API has accepted it."""
    cancelled: bool = False
    """Whether the API accepted its cancellation."""
    limited: bool = False
    """Whether the API refused it at first, at a limit of its customer."""


@dataclass(slots=True)
class Customers:
    """Customers place up to five orders, some of them twice. They retry, and cancel some orders."""

    world: World
    are_limited: bool = False
    """Whether all orders, four or five, are one customer's, who has a limit."""
    requests: list[Request] = field(default_factory=list)

    def begin(self) -> None:
        """Schedule the requests, each at a random time."""
        chance = self.world.chance
        least, customers = (4, 1) if self.are_limited else (1, 2)
        for number in range(least + int(chance.draw("orders") * (6 - least))):
            repeats = self.requests and chance.draw("repeats") < 0.25
            body = self.requests[-1].body if repeats else self._body()
            customer = self.requests[-1].customer if repeats else f"customer-{number % customers}"
            request = Request(customer, f"key-{number}", body)
            self.requests.append(request)
            at = chance.between("order", 0, ORDERING)
            self.world.kernel.after(at, self.place, request)

    def place(self, request: Request) -> None:
        """Let a customer place an order now."""
        self._start("customer", partial(self._place, request))

    def cancel(self, request: Request) -> None:
        """Let a customer cancel an order now, if it was accepted."""
        if request.order_id:
            self._start("customer", partial(self._cancel, request))

    def cancel_later(self, request: Request) -> None:
        """Cancel an order seconds later, while its saga runs, or much later."""
        delay = self.world.chance.pick("cancel", (1, 3, 30, 600, 4_000))
        at = self.world.chance.between("cancel", 0, delay)
        self.world.kernel.after(at, self.cancel, request)

    def _body(self) -> dict[str, Any]:
        chance = self.world.chance
        skus = [sku for sku in SKUS if chance.draw("sku") < 0.5] or [SKUS[0]]
        quantity = chance.pick("quantity", (1, 2, 3, 5, 12, 80))
        return {
            "currency": "GBP",
            "country": chance.pick("country", COUNTRIES),
            "lines": [{"sku": sku, "quantity": quantity, "unit_price": PRICE} for sku in skus],
        }

    def _start(self, name: str, work: Callable[[], object]) -> None:
        self.world.kernel.start(Process(name, work))

    def _place(self, request: Request) -> None:
        for _ in range(6):
            answer = self._call("orders.place_order", request, body=json.dumps(request.body))
            if answer and answer["statusCode"] == 202:
                request.order_id = json.loads(answer["body"])["order_id"]
                if self.world.chance.draw("cancels") < 0.35:
                    self.cancel_later(request)
                if self.world.chance.draw("asks again") > 0.2:
                    return
            if answer and "customer-limit" in answer["body"]:
                request.limited = True
                self.world.kernel.sleep(self.world.chance.pick("at a limit", (60, 600, 3_600)))
            self.world.kernel.sleep(self.world.chance.between("again", 0.5, 30))

    def _cancel(self, request: Request) -> None:
        for _ in range(4):
            path = {"order_id": request.order_id}
            answer = self._call("orders.cancel_order", request, pathParameters=path)
            if answer:
                request.cancelled = answer["statusCode"] in (200, 202)
                return
            self.world.kernel.sleep(self.world.chance.between("again", 0.5, 30))

    def _call(self, function: str, request: Request, **more: Any) -> dict[str, Any] | None:
        event = {
            "headers": {"idempotency-key": request.key},
            "requestContext": {
                "requestId": f"request of {request.key}",
                "authorizer": {"jwt": {"claims": {"sub": request.customer}}},
            },
            **more,
        }
        signal = Signal()
        self.world.function(function).invoke(event, signal.fire)
        outcome: Outcome = signal.wait()
        return None if outcome.error else outcome.payload


class WarehouseWorkers:
    """The warehouse's workers, with the real handlers of their messages."""

    def __init__(self, world: World, *, opens: int | None = None) -> None:
        """``opens`` is in how many seconds the warehouse opens; chance says it if it is None."""
        self._world = world
        if opens is None:
            opens = world.chance.pick("warehouse opens", (0, 0, ORDERING, 2 * ORDERING))
        self._opens = world.kernel.now + opens
        self._handlers = MessageHandlers(
            Warehouse(
                stock_table=world.table("Warehouse", "Stock"),
                pickings_table=world.table("Warehouse", "Pickings"),
                dynamodb=client("dynamodb"),
            ),
            bus=Bus(next(n for n in world.buses if "Backbone" in n), eventbridge=client("events")),
            now=lambda: format_time(world.kernel.moment),
        )
        for name, handle in (
            ("PickingE", self._handlers.pick),
            ("StockChangesQueue", self._handlers.update_stock),
        ):
            queue = world.queue("Warehouse", name)
            queue.on_arrival = partial(self._pump, queue, handle)

    def _pump(self, queue: Queue, handle: Callable[[Message], None]) -> None:
        kernel = self._world.kernel
        if kernel.now < self._opens:
            kernel.after(self._opens - kernel.now, queue.on_arrival)
            return
        groups: dict[str, list[Sent]] = {}
        for sent in queue.receive(10):
            groups.setdefault(sent.group or sent.id, []).append(sent)
        for group in groups.values():
            work = partial(self._handle_group, queue, handle, group)
            kernel.start(Process("warehouse", work))

    def _handle_group(
        self, queue: Queue, handle: Callable[[Message], None], group: list[Sent]
    ) -> None:
        """Handle a group's messages as the worker's consumer does.

        A failed message, and all later ones of its group, are delivered again.
        """
        kernel = self._world.kernel
        for i, sent in enumerate(group):
            message = Message(id=sent.id, body=sent.body, receipt=sent.id, group=sent.group or None)
            try:
                handle(message)
            except ContractError as poison:
                if queue.dead_letters:
                    reason = {"reason": {"StringValue": str(poison)}}
                    queue.dead_letters.send(sent.body, group=sent.group, attributes=reason)
            except Exception:  # noqa: BLE001 -- as the worker: SQS delivers it again
                for later in group[i:]:
                    later.visible_from = kernel.now + RETRY
                kernel.after(RETRY, queue.on_arrival)
                return
            queue.delete(sent)


def limit(customers: Customers) -> None:
    """Set, in some seeds, a limit of a customer that a few orders reach."""
    chance = customers.world.chance
    settings = customers.world.function("orders.place_order").settings
    limits = json.loads(settings["CUSTOMER_LIMITS"]) | chance.pick("limit", LIMITED)
    if chance.draw("is at a limit") < 0.3:
        settings["CUSTOMER_LIMITS"] = json.dumps(limits)
        customers.are_limited = True


def stock(world: World, *, least: int = 8) -> dict[str, int]:
    """Put offers and stock into the tables; return the units by SKU."""
    valid_from = format_time(START - timedelta(days=30))
    offer = Offer(currency="GBP", unit_price=PRICE, valid_from=valid_from)
    units = {sku: max(least, world.chance.pick("stock", (8, 100, 500))) for sku in SKUS}
    for sku in SKUS:
        changed = envelope(
            OffersChanged(sku=sku, name=sku, offers=(offer,)),
            subject=sku,
            sequence=1,
            correlation_id=sku,
            causation_id=sku,
            occurred_at=valid_from,
        )
        kind = {"source": changed.data.source, "detail-type": changed.data.detail_type}
        event = kind | {"detail": changed.detail}
        world.function("orders.update_offers").invoke(event, _expect_success)
    lines = [{"sku": sku, "quantity": count} for sku, count in units.items()]
    delivery = {"delivery_id": "first", "lines": lines}
    world.function("inventory.receive_stock").invoke(delivery, _expect_success)
    return units


def _expect_success(outcome: Outcome) -> None:
    if outcome.error:
        raise ValueError(f"the world could not be set up: {outcome}")
