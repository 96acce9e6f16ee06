"""The handlers of the messages of both queues; both are idempotent."""

from collections.abc import Callable

from lambdas.runtime.bus import Bus
from lambdas.runtime.errors import PublishError
from lambdas.runtime.log import log
from workers.runtime.queue import Message
from workers.warehouse.domain import order_picked_event, parse_picking, parse_stock_level
from workers.warehouse.store import Warehouse


class MessageHandlers:
    """Updates the warehouse's copy of the stock levels, and picks orders."""

    def __init__(self, warehouse: Warehouse, *, bus: Bus, now: Callable[[], str]) -> None:
        """``now`` returns the time, UTC and ISO 8601."""
        self._warehouse = warehouse
        self._bus = bus
        self._now = now

    def update_stock(self, message: Message) -> None:
        """Store a SKU's stock level unless a later one is stored.

        Raises:
            ContractError: the message is no stock event, or does not fit its contract.
        """
        stock_level = parse_stock_level(message.body)
        is_newer = self._warehouse.put_stock_level(stock_level)
        log(
            "stock_level_updated",
            sku=stock_level.sku,
            sequence=stock_level.sequence,
            is_newer=is_newer,
        )

    def pick(self, message: Message) -> None:
        """Pick an order once, and publish OrderPicked.

        The picking is stored before its event is published, and the message is deleted last. After
        a crash in between, the same event is published again, under the same id.

        Raises:
            ContractError: the message is no OrderConfirmed, or its lines cannot be picked.
            PublishError: the bus rejected the event.
        """
        picking = self._warehouse.put_picking(parse_picking(message.body, now=self._now()))
        if self._bus.publish([order_picked_event(picking)]):
            raise PublishError(f"the bus rejected OrderPicked of order {picking.order_id}")
        log("order_picked", order_id=picking.order_id)
