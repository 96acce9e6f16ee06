"""Of inventory's events, purchasing gets those that its function decodes."""

from lambdas.contracts.event import Event
from lambdas.contracts.inventory import StockBelowMinimum, StockSoldOut
from tests.contracts.subscribers import everywhere, matched_by
from tests.templates.kinds import SUBSCRIPTION
from tests.templates.synthesis import platform


@everywhere
def test_only_crossings_come_through(environment: str):
    subscription = platform(environment).one(SUBSCRIPTION, "Purchasing/LowStock")

    matched = matched_by(subscription.properties["FilterPolicy"])

    crossings: set[type[Event]] = {StockBelowMinimum, StockSoldOut}
    assert set(matched) == crossings
