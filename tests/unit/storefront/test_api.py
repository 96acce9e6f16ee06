"""What the routes of the storefront answer."""

from typing import Any

import pytest

from lambdas.contracts.codec import decode
from lambdas.storefront.api import MAX_SALES, Sales, Timeline

COUNT: dict[str, Any] = {"currency": "GBP", "orders": 1, "units": 1, "amount": 1}
ENTRY: dict[str, Any] = {"service": "orders", "event": "Held", "at": "2026-12-01T08:26:00.000Z"}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (Sales, {"day": "d", "per": "minute", "sales": [COUNT] * MAX_SALES, "next": None}),
        (Timeline, {"order_id": "o1", "events": [ENTRY] * 1_001}),
    ],
)
def test_report_of_any_length_is_a_response(kind: type, content: dict[str, Any]):
    """Contracts bound what services exchange; a report is as long as what it reports."""
    assert decode(kind, content)
