"""From facts to what a view's table has of them: what its function does, and a rebuild as well."""

from collections.abc import Sequence

from lambdas.contracts.event import Event, EventEnvelope
from lambdas.contracts.inventory import StockEvent
from lambdas.contracts.orders import OrderConfirmed
from lambdas.storefront.domain import availabilities, order_notes, sales, timelines, transactions
from lambdas.storefront.store import Availabilities, CustomersOrders, Noted, Sales


def show_availability(view: Availabilities, facts: Sequence[EventEnvelope[StockEvent]]) -> None:
    """Show the latest that a batch tells of a SKU: one write, however much it tells."""
    for availability in availabilities(facts):
        view.show(availability)


def note_timelines(view: Noted, facts: Sequence[EventEnvelope[Event]]) -> None:
    """Note all that a batch tells of an order: one write, however much it tells."""
    for notes in timelines(facts):
        view.note(notes)


def note_orders(view: CustomersOrders, facts: Sequence[EventEnvelope[Event]]) -> None:
    """Note the states to which a batch's orders came: one write for an order."""
    for notes in order_notes(facts):
        view.note(notes)


def count_sales(view: Sales, facts: Sequence[EventEnvelope[OrderConfirmed]]) -> None:
    """Count each of a batch's orders once, in as few transactions as hold them."""
    for group in transactions(sales(facts)):
        view.count(group)
