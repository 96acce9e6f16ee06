"""Events of orders that come in while a view is rebuilt, and the rows that views have of them."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderConfirmed, OrderPlaced
from lambdas.contracts.payments import PaymentTaken
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.contracts.values import Line
from tests.support.cli import run_ops
from tests.support.small_stacks import client
from tests.support.storefront_platform import LINES, TOTAL, Platform

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Puts events on the bus, of each order in any order and some of them twice."""

    platform: Platform
    customer: str
    published: list[EventEnvelope[Any]] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def order(self, order: str) -> None:
        by = self.customer
        units = (Line(sku="85123A", quantity=6),)
        events: list[tuple[int, Event]] = [
            (
                1,
                OrderPlaced(
                    order_id=order, customer_id=by, lines=LINES, total=TOTAL, country="Italy"
                ),
            ),
            (
                2,
                OrderConfirmed(
                    order_id=order, customer_id=by, lines=LINES, total=TOTAL, country="Italy"
                ),
            ),
            (1, PaymentTaken(order_id=order, customer_id=by, total=TOTAL)),
            (1, ShipmentDispatched(order_id=order, shipment_id="s", country="Italy", lines=units)),
        ]
        published = [self._envelope(order, number, event) for number, event in events]
        self.published.extend(published)
        published += self.dice.sample(published, 1)
        self.dice.shuffle(published)
        entries = [
            published.to_put_events_entry(self.platform.outputs["EventBus"])
            for published in published
        ]
        answer = client(self.platform.cloud, "events").put_events(Entries=entries)
        assert answer["FailedEntryCount"] == 0

    def _envelope(self, order: str, number: int, event: Event) -> EventEnvelope[Any]:
        return envelope(
            event,
            subject=order,
            sequence=number,
            correlation_id=order,
            causation_id=order,
            occurred_at=datetime.now(UTC).isoformat(),
        )

    @contextmanager
    def flowing(self, name: str) -> Iterator[None]:
        """Publish the events of one order after another until the block ends."""
        over = threading.Event()

        def flow() -> None:
            number, took = 0, 0.0
            # However slow the machine, most of it is left to those who follow. Each order that has
            # events makes all later rebuilds longer.
            while not over.wait(max(0.3, 5 * took)):
                began = time.monotonic()
                self.order(f"{name}-{number}")
                number, took = number + 1, time.monotonic() - began

        with self._in_background(flow, over):
            yield

    @contextmanager
    def asked(self, path: str, token: str) -> Iterator[list[int]]:
        """Ask for something again and again; the statuses of the answers."""
        over = threading.Event()
        statuses: list[int] = []

        def ask() -> None:
            while not over.wait(0.05):
                statuses.append(self.platform.get(path, token)[0])

        with self._in_background(ask, over):
            yield statuses

    @contextmanager
    def _in_background(self, work: Callable[[], None], over: threading.Event) -> Iterator[None]:
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def rebuilding(*arguments: str) -> tuple[str, ...]:
    """What came before now is to come of the archive."""
    return ("view", "rebuild", *arguments, "--overlap", "0")


def rebuilt(platform: Platform, *arguments: str) -> tuple[int, str]:
    return run_ops(platform.cloud, *rebuilding(*arguments))


def outputs(platform: Platform) -> Mapping[str, str]:
    """What storefront's stack says now."""
    stacks = client(platform.cloud, "cloudformation")
    (stack,) = stacks.describe_stacks(StackName="Orders-Dev-Storefront")["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def items(platform: Platform, table: str) -> list[Row]:
    pages = client(platform.cloud, "dynamodb").get_paginator("scan").paginate(TableName=table)
    return sorted((item for page in pages for item in page["Items"]), key=str)
