"""From facts to what a view's table has of them: what its function does, and a rebuild as well."""

from collections.abc import Sequence

from lambdas.contracts.event import Event, EventEnvelope
from lambdas.contracts.inventory import StockEvent
from lambdas.contracts.orders import OrderConfirmed
from lambdas.storefront.domain import (
    build_availabilities,
    build_order_upserts,
    build_sales,
    build_timeline_upserts,
    split_into_transactions,
)
from lambdas.storefront.store import AvailabilityView, CustomerOrdersView, PerOrderView, SalesView


def update_availability(
    view: AvailabilityView, events: Sequence[EventEnvelope[StockEvent]]
) -> None:
    """Show the latest that a batch tells of a SKU: one write, however much it tells."""
    for availability in build_availabilities(events):
        view.put_if_newer(availability)


def update_timelines(view: PerOrderView, events: Sequence[EventEnvelope[Event]]) -> None:
    """Note all that a batch tells of an order: one write, however much it tells."""
    for upsert in build_timeline_upserts(events):
        view.upsert(upsert)


def update_customer_orders(
    view: CustomerOrdersView, events: Sequence[EventEnvelope[Event]]
) -> None:
    """Note the states to which a batch's orders came: one write for an order."""
    for upsert in build_order_upserts(events):
        view.upsert(upsert)


def update_sales(view: SalesView, events: Sequence[EventEnvelope[OrderConfirmed]]) -> None:
    """Count each of a batch's orders once, in as few transactions as hold them."""
    for group in split_into_transactions(build_sales(events)):
        view.count(group)
