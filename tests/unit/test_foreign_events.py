"""No handler trusts the rule that calls it: an event that is not its own is refused by name."""

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderPlaced, OrderRejected
from lambdas.contracts.parsing import UnknownEventError
from lambdas.contracts.payments import PaymentTaken
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.contracts.warehouse import OrderPicked
from tests.contracts.catalog import read, sample_of

SETTINGS = dict.fromkeys(
    (
        *("ORDERS_TABLE", "SHIPMENTS_TABLE", "RESERVATIONS_TABLE", "STOCK_TABLE"),
        *("INVOICES_BUCKET", "DEAD_LETTER_QUEUE_URL"),
    ),
    "x",
)


@pytest.mark.parametrize(
    ("module", "foreign"),
    [
        ("lambdas.notifications.issue_invoice", OrderPlaced),
        ("lambdas.shipping.apply_hold", OrderRejected),
        ("lambdas.shipping.dispatch_shipment", ShipmentDispatched),
        ("lambdas.orders.mark_dispatched", OrderPicked),
        ("lambdas.orders.hold_order", PaymentTaken),
        ("lambdas.inventory.ship_stock", OrderPicked),
    ],
)
def test_event_of_another_type_is_refused(
    load_offline_handler: Callable[..., Any],
    module: str,
    foreign: type[Event],
):
    handler = load_offline_handler(module, **SETTINGS)

    with pytest.raises(UnknownEventError, match=f"{foreign.detail_type} of {foreign.source}"):
        handler(read(sample_of(foreign)), None)
