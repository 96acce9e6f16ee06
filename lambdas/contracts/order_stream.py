"""The events in the order stream: all that services publish about orders."""

from lambdas.contracts import notifications, orders, payments, shipping, warehouse
from lambdas.contracts.event import Event

ORDER_STREAM_EVENTS: tuple[type[Event], ...] = (
    *orders.ORDER_EVENTS,
    *payments.ORDER_EVENTS,
    *shipping.EVENTS,
    *warehouse.EVENTS,
    *notifications.EVENTS,
)
"""The subject of each is the order, and its data has the ``order_id``.

The status queries of services and their answers are not among them.
"""
