"""A consumer that is killed, wherever it is, loses nothing and does nothing twice."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.inventory import StockChanged
from lambdas.contracts.orders import OrderConfirmed
from lambdas.runtime.errors import PublishError
from tests.contracts.catalog import read, sample_of
from tests.support.worker_fakes import FakeBus, FakeQueue, FakeWarehouse, Killed, message
from workers.runtime import consumer as module
from workers.runtime.consumer import Consumer
from workers.runtime.queue import Message
from workers.runtime.shutdown import Shutdown
from workers.warehouse.handlers import MessageHandlers


def confirmed(order_id: str) -> Message:
    event = read(sample_of(OrderConfirmed))
    event["detail"]["metadata"]["subject"] = event["detail"]["data"]["order_id"] = order_id
    return message(json.dumps(event))


def stock(sku: str, sequence: int, available: int) -> Message:
    published = read(sample_of(StockChanged))
    published["metadata"] |= {"subject": sku, "sequence": sequence}
    published["data"] |= {"sku": sku, "available": available}
    return message(json.dumps(published), group=sku)


class Stage:
    """The parts of the program, and what they come to."""

    def __init__(self) -> None:
        self.warehouse, self.bus = FakeWarehouse(), FakeBus()
        self.handlers = MessageHandlers(self.warehouse, bus=self.bus, now=lambda: "now")  # type: ignore[arg-type]

    def consumer(self, queue: FakeQueue, handle: Callable[[Message], None]) -> Consumer:
        return Consumer(queue, handle, shutdown=Shutdown(grace=60))

    def die_at(self, step: int, queue: FakeQueue) -> None:
        """Be killed at the nth thing that is done anywhere, and do nothing from then on."""
        left = [step]

        def then(_: str) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Killed

        part: Any
        for part in (self.warehouse, self.bus, queue):
            part.then = then

    def live(self, queue: FakeQueue) -> None:
        part: Any
        for part in (self.warehouse, self.bus, queue):
            part.then = lambda _: None
        queue.leases_run_out()


@settings(max_examples=60)
@given(
    orders=st.lists(st.sampled_from(["o1", "o2", "o3", "o4"]), min_size=1, max_size=6),
    deaths=st.lists(st.integers(0, 25), max_size=4),
)
def test_orders_are_picked_once_whenever_a_worker_dies(orders: list[str], deaths: list[int]):
    stage = Stage()
    # SQS may deliver what it was sent once more than once, and each is a message of its own.
    sent = [confirmed(order) for order in orders]
    queue = FakeQueue(*(Message(id=str(i), body=m.body, receipt="") for i, m in enumerate(sent)))

    for step in deaths:
        stage.die_at(step, queue)
        with suppress(Killed):
            stage.consumer(queue, stage.handlers.pick).poll()
        stage.live(queue)
    for _ in range(2):
        stage.consumer(queue, stage.handlers.pick).poll()

    assert queue.bodies == []
    assert set(stage.warehouse.pickings) == set(orders)
    published = {event.metadata.event_id: event for event in stage.bus.published}
    assert sorted(event.data.order_id for event in published.values()) == sorted(set(orders))


def test_event_is_published_only_after_the_picking_is_stored():
    stage = Stage()
    stage.warehouse.then = lambda step: (_ for _ in ()).throw(Killed) if step == "pick" else None

    with pytest.raises(Killed):
        stage.handlers.pick(confirmed("o1"))

    assert stage.bus.published == []


def test_rejected_event_is_published_when_the_message_is_redelivered(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(module, "RETRY_DELAY", 0)
    stage = Stage()
    queue = FakeQueue(confirmed("o1"))
    consumer = stage.consumer(queue, stage.handlers.pick)

    stage.bus.full = True
    with pytest.raises(PublishError, match="o1"):
        stage.handlers.pick(confirmed("o1"))
    consumer.poll()
    assert len(queue.bodies) == 1

    stage.bus.full = False
    consumer.poll()
    assert queue.bodies == []
    assert [event.data.order_id for event in stage.bus.published] == ["o1"]


def test_latest_stock_is_kept():
    stage = Stage()
    queue = FakeQueue(*(stock("A", n, n * 10) for n in (2, 3, 1)), stock("B", 1, 7))

    stage.consumer(queue, stage.handlers.update_stock).poll()

    stock_levels: dict[str, Any] = stage.warehouse.stock_levels
    assert {sku: stock_level.available for sku, stock_level in stock_levels.items()} == {
        "A": 30,
        "B": 7,
    }
    assert queue.bodies == []
