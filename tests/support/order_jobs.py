"""Worlds of orders for the scheduled jobs, and jobs that die."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from lambdas.orders.dedup_key import with_dedup_key
from lambdas.orders.domain import Order
from lambdas.orders.order_request import parse_order_request
from lambdas.orders.rows import is_tombstone, order_of, row_of
from lambdas.orders.scans import OrderScans
from lambdas.runtime.dynamodb import from_item, to_item
from tests.support.order_requests import BODY
from tests.support.spy import Spy


class Killed(BaseException):
    """The machine on which the job ran is gone."""


class World:
    """A table with orders of every kind."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self.dynamodb, self.table = dynamodb, table

    def keep(self, order: Order) -> Order:
        """Keep an order as it is."""
        self.dynamodb.put_item(TableName=self.table, Item=to_item(row_of(order)))
        return order

    def placed(
        self,
        key: str,
        at: datetime,
        body: Mapping[str, Any] = BODY,
        *,
        customer: str = "17850",
        **changes: Any,
    ) -> Order:
        """Keep an order that was placed then, and changed since."""
        now = at.isoformat()
        order = parse_order_request(
            body, customer_id=customer, idempotency_key=key, request_id="r", now=now
        )
        return self.keep(replace(with_dedup_key(order), **changes))

    def garble(self, order: Order) -> None:
        """Replace the order's row by one that cannot be read."""
        row = {name: value for name, value in row_of(order).items() if name != "total"}
        self.dynamodb.put_item(TableName=self.table, Item=to_item(row))

    def rows(self) -> dict[str, Order]:
        """All orders there are."""
        found = [order_of(row) for row in self._rows() if not is_tombstone(row)]
        return {order.order_id: order for order in found}

    def tombstones(self) -> list[dict[str, Any]]:
        """What stays of expired orders."""
        return [row for row in self._rows() if is_tombstone(row)]

    def _rows(self) -> list[dict[str, Any]]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.table)
        return [from_item(item) for page in pages for item in page["Items"]]

    def row(self, order: Order) -> Order:
        return self.rows()[order.order_id]

    def orders(self) -> OrderScans:
        return OrderScans(self.table, dynamodb=self.dynamodb)

    def killed_at(self, operation: str, number: int) -> OrderScans:
        """Return the table for a job that dies at its ``number``-th request of that kind."""
        made = 0

        def before(name: str) -> None:
            nonlocal made
            made += name == operation
            if made >= number:
                raise Killed

        return OrderScans(self.table, dynamodb=Spy(self.dynamodb, before))


class Job:
    """A job's handler, loaded as Lambda does it; a test may change its module's names."""

    def __init__(
        self,
        load_handler: Callable[..., Any],
        patch: pytest.MonkeyPatch,
        name: str,
        **settings: str,
    ) -> None:
        self._handler = load_handler(f"lambdas.orders.{name}", **settings)
        self._module = sys.modules[f"lambdas.orders.{name}"]
        self._patch = patch

    def set(self, **names: Any) -> None:
        """Set names of the handler's module."""
        for name, value in names.items():
            self._patch.setattr(self._module, name, value)

    def at(self, now: datetime) -> None:
        """Have it run at that time from now on."""

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
                return now

        self.set(datetime=Clock)

    def run(self, *, dry_run: bool = False, **event: int) -> dict[str, Any]:
        """Run it once, with what else its schedule's event has; return its report."""
        report: dict[str, Any] = self._handler(
            {**event, **({"dry_run": True} if dry_run else {})}, None
        )
        assert report.pop("dry_run") == dry_run
        return report
