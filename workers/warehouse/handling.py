"""What is done about a message of each queue; both may be done again and again."""

from collections.abc import Callable

from lambdas.runtime.bus import Bus
from lambdas.runtime.log import log
from workers.warehouse.domain import announcement, picking_asked_for, shelf_told
from workers.warehouse.queue import Message
from workers.warehouse.store import Warehouse


class NotToldError(Exception):
    """The bus did not take an event: the message comes again, and the event is told then."""


class Handling:
    """Keeps the picture of the stock, and picks orders."""

    def __init__(self, warehouse: Warehouse, *, bus: Bus, now: Callable[[], str]) -> None:
        """``now`` is the time, UTC and ISO 8601."""
        self._warehouse = warehouse
        self._bus = bus
        self._now = now

    def note_stock(self, message: Message) -> None:
        """Keep what is told of a SKU, unless something later is known; raises ContractError."""
        shelf = shelf_told(message.body)
        news = self._warehouse.keep(shelf)
        log("stock told", sku=shelf.sku, sequence=shelf.sequence, news=news)

    def pick(self, message: Message) -> None:
        """Pick an order once, and tell so.

        The picking is on the list before it is told, and the message stays until it has been told:
        a crash in between tells the same event again, under the same id.

        Raises:
            ContractError: the message makes no sense.
            NotToldError: the bus did not take the event.
        """
        picking = self._warehouse.pick(picking_asked_for(message.body, now=self._now()))
        if self._bus.publish([announcement(picking)]):
            raise NotToldError(f"OrderPicked of {picking.order_id}")
        log("order picked", order_id=picking.order_id)
