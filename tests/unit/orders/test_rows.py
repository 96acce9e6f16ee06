"""Reading an order from its row."""

from dataclasses import asdict, replace

from lambdas.orders.domain import Hold, HoldState
from lambdas.orders.rows import order_of, row_of
from tests.support.order_requests import placed


def test_unknown_columns_are_ignored():
    hold = Hold(cause="c", reason="r", explanation="e", state=HoldState.HELD, at=NOW)
    held = replace(placed(), holds=(hold,))

    assert order_of(row_of(held) | {"colour": "red", "holds": [asdict(hold) | {"by": "a"}]}) == held


NOW = "2026-12-01T09:00:00+00:00"
