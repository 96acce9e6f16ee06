"""The views that can be rebuilt. The storefront's own projections write them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from lambdas.catalog.domain import Product
from lambdas.catalog.domain import event_for_change as catalog_event
from lambdas.contracts.catalog import OffersChanged
from lambdas.contracts.codec import decode
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import Event
from lambdas.contracts.inventory import StockEvent
from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.parsing import parse_event_if_known
from lambdas.inventory.domain import StockLevel
from lambdas.inventory.domain import event_for_change as stock_event
from lambdas.storefront.customer_orders import CUSTOMER_ORDER_EVENTS
from lambdas.storefront.projections import PROJECTIONS, Projection
from ops.views.sources import OrderEventSource, RebuildContext, RebuildSource, TableSource

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


Projector = Callable[[Sequence[EventEnvelope[Any]]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view of the storefront."""

    name: str
    """The name in the stack's outputs and parameters."""
    parse: Callable[[Any], EventEnvelope[Any] | None]
    """Returns the event in a body, or None; raises ContractError if it cannot be parsed."""
    projection: Projection
    """The storefront's own code that writes events into the view."""
    max_parallel_writes: int
    """How many batches may be written at a time."""
    source: Callable[[RebuildContext], RebuildSource] = OrderEventSource

    def projector(self, table: str, dynamodb: "DynamoDBClient") -> Projector:
        """Return the function that writes events into the table of this name."""
        return self.projection.updater(table, dynamodb=dynamodb)


def _order_event_parser(*events: type[Event]) -> Callable[[Any], EventEnvelope[Any] | None]:
    return partial(parse_event_if_known, events)


def _stock_event_of(row: Mapping[str, Any]) -> EventEnvelope[StockEvent] | None:
    """Return the event that inventory would publish if the row were new."""
    return stock_event(None, decode(StockLevel, row))


def _catalog_event_of(row: Mapping[str, Any]) -> EventEnvelope[OffersChanged] | None:
    """Return the event that the catalog would publish if the row were new."""
    return catalog_event(None, decode(Product, row))


VIEWS: Mapping[str, View] = {
    "timelines": View(
        name="Timelines",
        parse=_order_event_parser(*ORDER_STREAM_EVENTS),
        projection=PROJECTIONS["timelines"],
        max_parallel_writes=8,
    ),
    "orders": View(
        name="CustomerOrders",
        parse=_order_event_parser(*CUSTOMER_ORDER_EVENTS),
        projection=PROJECTIONS["orders"],
        max_parallel_writes=8,
    ),
    "sales": View(
        name="Sales",
        parse=_order_event_parser(OrderConfirmed),
        projection=PROJECTIONS["sales"],
        # More writers would conflict with each other on the same counters.
        max_parallel_writes=1,
    ),
    "availability": View(
        name="Availability",
        parse=_stock_event_of,
        projection=PROJECTIONS["availability"],
        max_parallel_writes=8,
        source=partial(TableSource, service="Inventory", output="StockTable"),
    ),
    "products": View(
        name="Products",
        parse=_catalog_event_of,
        projection=PROJECTIONS["products"],
        max_parallel_writes=8,
        source=partial(TableSource, service="Catalog", output="CatalogTable"),
    ),
}
