"""A SKU that a thousand orders a second want: none is lost, refused in error, or late."""

import pytest

from bench.hot_sku import Batches, BatchesOfLargeTable, BatchesWithDepartures, OneRow, render
from bench.hot_sku_model import Model

RATE, SECONDS = 1_000, 4
MAX_WAIT, MAX_EVENTS = 10, 300
"""Seconds for 99 of 100 orders; events a second in a message group of an SNS FIFO topic.
https://docs.aws.amazon.com/sns/latest/dg/fifo-high-throughput.html
"""


@pytest.mark.parametrize("share", [1.0, 0.4])
@pytest.mark.parametrize("design", [Batches, BatchesOfLargeTable, BatchesWithDepartures])
def test_sku_is_sold_out_exactly_when_it_is_sold_out(design: type[Model], share: float):
    orders = RATE * SECONDS
    stock = int(share * orders)

    result = design(rate=RATE, seconds=SECONDS, stock=stock).run()

    assert (result.reserved, result.refused) == (stock, orders - stock)
    assert result.refused_in_error == 0
    assert len(result.waits) == orders
    assert result.percentile(0.99) < MAX_WAIT
    assert max(result.changes.values()) < MAX_EVENTS
    assert result.shipped == (stock if design.ships else 0)


def test_rare_orders_wait_for_one_transaction_only():
    result = Batches(rate=1, seconds=20, stock=20).run()

    assert result.reserved == 20
    assert result.percentile(1) == pytest.approx(0.01)


def test_undecided_orders_wait_for_ever():
    result = OneRow(rate=10, seconds=1, stock=10).run()
    result.orders += 90

    assert result.percentile(0.99) == float("inf")
    assert "| 90 |" in render([("one row", result)])
