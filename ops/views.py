"""The views that can be rebuilt: how each is made of facts, by the functions' own code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lambdas.contracts.event import Event, EventEnvelope
from lambdas.contracts.inventory import StockEvent
from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS, parse_order_record
from lambdas.contracts.orders import OrderConfirmed
from lambdas.inventory.domain import event_for_change
from lambdas.inventory.store import parse_stock_row
from lambdas.storefront import projections
from lambdas.storefront.domain import CUSTOMER_ORDER_EVENTS
from lambdas.storefront.store import AvailabilityView, CustomerOrdersView, PerOrderView, SalesView
from ops.origins import Facts, Origin, Plan, Stock

Project = Callable[[Sequence[EventEnvelope[Any]]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view of storefront: what it hears, and what it does with it."""

    name: str
    """As the stack calls it."""
    hear: Callable[[Any], EventEnvelope[Any] | None]
    """Raises ContractError if a body of the origin makes no sense."""
    store: Callable[..., Any]
    project: Callable[[Any, Any], None]
    at_once: int
    """How many batches may be written at a time."""
    origin: Callable[[Plan], Origin] = Facts

    def into(self, table: str, dynamodb: Any) -> Project:
        """What writes facts into that table."""
        return partial(self.project, self.store(table, dynamodb=dynamodb))


def _of_orders(*events: type[Event]) -> Callable[[Any], EventEnvelope[Any] | None]:
    return partial(parse_order_record, events)


def _latest(row: Mapping[str, Any]) -> EventEnvelope[StockEvent] | None:
    """What inventory told last of a SKU, by its own code; not by which of its events."""
    return event_for_change(None, parse_stock_row(row))


VIEWS: Mapping[str, View] = {
    "timelines": View(
        name="Timelines",
        hear=_of_orders(*ORDER_STREAM_EVENTS),
        store=PerOrderView,
        project=projections.update_timelines,
        at_once=8,
    ),
    "orders": View(
        name="CustomerOrders",
        hear=_of_orders(*CUSTOMER_ORDER_EVENTS),
        store=CustomerOrdersView,
        project=projections.update_customer_orders,
        at_once=8,
    ),
    "sales": View(
        name="Sales",
        hear=_of_orders(OrderConfirmed),
        store=SalesView,
        project=projections.update_sales,
        # More would be in each other's way at the same counters.
        at_once=1,
    ),
    "availability": View(
        name="Availability",
        hear=_latest,
        store=AvailabilityView,
        project=projections.update_availability,
        at_once=8,
        origin=Stock,
    ),
}
