"""How events change each view. A view's function and its rebuild share this code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdas.contracts.catalog import OffersChanged
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import Event
from lambdas.contracts.inventory import StockEvent
from lambdas.contracts.orders import OrderConfirmed
from lambdas.runtime.batch import PoisonEventsError
from lambdas.storefront.availability import build_availabilities
from lambdas.storefront.customer_orders import build_order_upserts
from lambdas.storefront.products import build_product_offers
from lambdas.storefront.sales import build_sales, split_into_transactions
from lambdas.storefront.store import (
    AvailabilityView,
    CustomerOrdersView,
    PerOrderView,
    ProductView,
    SalesView,
)
from lambdas.storefront.timeline import build_timeline_upserts

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def update_availability(
    view: AvailabilityView, events: Sequence[EventEnvelope[StockEvent]]
) -> None:
    """Write the latest availability of each SKU in a batch: one write per SKU."""
    for availability in build_availabilities(events):
        view.put_if_newer(availability)


def update_products(view: ProductView, events: Sequence[EventEnvelope[OffersChanged]]) -> None:
    """Write the latest name and offers of each SKU in a batch: one write per SKU."""
    for product in build_product_offers(events):
        view.put_if_newer(product)


def update_timelines(view: PerOrderView, events: Sequence[EventEnvelope[Event]]) -> None:
    """Add a batch of events to the timelines of their orders: one write per order."""
    for upsert in build_timeline_upserts(events):
        view.upsert(upsert)


def update_customer_orders(
    view: CustomerOrdersView, events: Sequence[EventEnvelope[Event]]
) -> None:
    """Add a batch of events to the lists of customers' orders: one write per order."""
    for upsert in build_order_upserts(events):
        view.upsert(upsert)


def update_sales(view: SalesView, events: Sequence[EventEnvelope[OrderConfirmed]]) -> None:
    """Count each order of a batch once, in as few transactions as possible.

    Raises:
        PoisonEventsError: a counter of some orders was edited; all other orders were counted.
    """
    uncounted: dict[str, str] = {}
    for group in split_into_transactions(build_sales(events)):
        uncounted |= view.count(group)
    if uncounted:
        raise PoisonEventsError(
            {
                event.metadata.event_id: uncounted[event.data.order_id]
                for event in events
                if event.data.order_id in uncounted
            }
        )


@dataclass(frozen=True, slots=True)
class Projection:
    """A view's table, and the function that writes a batch of events into it."""

    view: Callable[..., Any]
    """The class of the view's table; it takes the name and boto3's client of DynamoDB."""
    update: Callable[[Any, Sequence[EventEnvelope[Any]]], None]
    """Writes a batch of events into the view's table."""

    def updater(
        self, table: str, *, dynamodb: "DynamoDBClient"
    ) -> Callable[[Sequence[EventEnvelope[Any]]], None]:
        """Return a function that writes events into the table of this name."""
        view = self.view(table, dynamodb=dynamodb)
        return lambda events: self.update(view, events)


PROJECTIONS: Mapping[str, Projection] = {
    "availability": Projection(AvailabilityView, update_availability),
    "orders": Projection(CustomerOrdersView, update_customer_orders),
    "products": Projection(ProductView, update_products),
    "sales": Projection(SalesView, update_sales),
    "timelines": Projection(PerOrderView, update_timelines),
}
"""The projection of each view, for its rebuild."""
