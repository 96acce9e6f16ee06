from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from lambdas.runtime.status_queries import QueryOutcome
from tests.integration.inventory.stale_reservations import STALE_AT, poller, queries
from tests.support.aws_fakes import FakeEvents
from tests.support.inventory_tables import Inventory


@pytest.fixture
def inventory(dynamodb: Any, make_table: Callable[..., str]) -> Inventory:
    return Inventory(dynamodb, make_table)


@pytest.fixture
def reconcile_on(
    load_handler: Callable[..., Any], inventory: Inventory
) -> Callable[[dict[str, Any]], str]:
    """Handle an order's status event; return the outcome."""
    handler = load_handler(
        "lambdas.inventory.reconcile_reservation",
        RESERVATIONS_TABLE=inventory.reservations_table,
        STOCK_TABLE=inventory.stock_table,
    )
    return lambda event: str(handler(event, None)["outcome"])


@pytest.fixture
def query_stale(dynamodb: Any, inventory: Inventory) -> Callable[..., list[str]]:
    """Make a run whose queries the bus takes; return the orders that it queried."""

    def query_stale(now: datetime = STALE_AT, client: Any = dynamodb) -> list[str]:
        events = FakeEvents()
        queried = poller(client, inventory, events).query_stale(now=now)
        assert queried == QueryOutcome(queried=len(events.taken), rejected=0)
        return sorted(event.data.order_id for event in queries(events))

    return query_stale
