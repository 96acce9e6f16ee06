"""The supplier's simulator delivers each order after its lead time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from simulators.supplier.domain import PurchaseOrder, answer

ORDERED = datetime(2026, 1, 1, tzinfo=UTC)
LEAD_TIME = timedelta(minutes=10)
REQUEST = {
    "purchase_order_id": "po-1",
    "sku": "A",
    "quantity": 5,
    "ordered_at": "2026-01-01T00:00:00.000Z",
}
DELIVERED = {"state": "DELIVERED"}
CONFIRMED = {"state": "CONFIRMED", "due_at": "2026-01-01T00:10:00.000Z"}


@pytest.mark.parametrize(
    ("minutes", "expected"), [(0, CONFIRMED), (9, CONFIRMED), (10, DELIVERED), (99, DELIVERED)]
)
def test_order_is_confirmed_with_one_date_until_it_is_delivered(
    minutes: int, expected: dict[str, str]
):
    order = PurchaseOrder(**REQUEST)  # type: ignore[arg-type]

    now = ORDERED + timedelta(minutes=minutes)
    assert answer(order, now=now, lead_time=LEAD_TIME) == expected


@pytest.mark.parametrize(("lead_time", "state"), [("600.0", "DELIVERED"), ("9e8", "CONFIRMED")])
def test_handler_answers_by_its_lead_time(
    load_offline_handler: Callable[..., Any], lead_time: str, state: str
):
    handler = load_offline_handler(
        "simulators.supplier.answer_purchase_order", LEAD_TIME_SECONDS=lead_time
    )

    assert handler(REQUEST, None)["state"] == state


def test_handler_refuses_an_invalid_order(load_offline_handler: Callable[..., Any]):
    handler = load_offline_handler(
        "simulators.supplier.answer_purchase_order", LEAD_TIME_SECONDS="600"
    )

    with pytest.raises(ContractError, match="quantity"):
        handler({**REQUEST, "quantity": None}, None)
