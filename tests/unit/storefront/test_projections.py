"""The projections of the order stream converge: order, batches and redelivery do not matter."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderConfirmed
from lambdas.storefront.order_upserts import OrderUpsert
from lambdas.storefront.store import PerOrderView
from tests.support.aws_fakes import FakeSqs
from tests.support.order_events import (
    bus_event,
    confirmed,
    needs_attention,
    notified,
    order_history,
    placed,
    records,
    rejected,
)
from tests.support.projections import SETTINGS, Projection, projection_maker
from tests.support.view_tables import FakeTable

Batch = Sequence[EventEnvelope[Event]]
Make = Callable[..., Projection]


@pytest.fixture(params=[*SETTINGS])
def make(request: pytest.FixtureRequest, load_offline_handler: Callable[..., Any]) -> Make:
    """Make a projection with an empty table, for each of the three."""
    return projection_maker(load_offline_handler, request.param)


def batchings(published: Batch) -> Iterator[list[Batch]]:
    """All ways to cut a sequence into batches."""
    if not published:
        yield []
    for size in range(1, len(published) + 1):
        for rest in batchings(published[size:]):
            yield [published[:size], *rest]


def two_orders() -> list[EventEnvelope[Event]]:
    return [placed("o1"), confirmed("o1"), placed("o2", "bob"), rejected("o2", "bob")]


class TestConvergence:
    def test_six_events_converge_in_any_order(self, make: Make):
        expected = make()
        assert expected.deliver(*order_history()) == []
        assert expected.table.items != {}
        for published in permutations(order_history()):
            one_by_one, in_twos = make(), make()
            for each in published:
                one_by_one.deliver(each)
            for i in (0, 2, 4):
                in_twos.deliver(*published[i : i + 2])
            assert one_by_one.table.items == in_twos.table.items == expected.table.items

    def test_two_orders_converge_in_any_order_batching_and_redelivery(self, make: Make):
        expected = make()
        expected.deliver(*two_orders())
        for published in permutations(two_orders()):
            for batches in batchings(published):
                for again in range(len(batches)):
                    projection = make()
                    for batch in [*batches, *batches[again:]]:
                        projection.deliver(*batch)
                    assert projection.table.items == expected.table.items

    def test_any_redelivery_converges(self, make: Make):
        events = [
            *order_history("o1"),
            *order_history("o2", "bob"),
            needs_attention("o1"),
            placed("o3", minute=30),
        ]
        expected = make()
        expected.deliver(*events)

        @settings(max_examples=60)
        @given(
            st.lists(st.sampled_from(events), max_size=20).map(lambda more: [*more, *events]),
            st.randoms(use_true_random=False),
            st.lists(st.integers(1, 7), max_size=30),
        )
        def holds(published: list[EventEnvelope[Event]], rng: Any, sizes: list[int]) -> None:
            rng.shuffle(published)
            projection = make()
            for size in [*sizes, *[3] * len(published)]:
                batch, published = published[:size], published[size:]
                projection.deliver(*batch)
            assert projection.table.items == expected.table.items

        holds()


class TestFailure:
    def test_poison_is_dead_lettered_and_others_are_processed_in_order(self, make: Make):
        newer = bus_event(confirmed("o2"))
        newer["detail"]["metadata"]["schema_version"] = 99
        another = bus_event(confirmed("o2"))
        another["detail"]["data"]["order_id"] = "o9"
        poison = [
            ("k", b"not JSON"),
            ("o2", json.dumps(newer).encode()),
            ("o2", json.dumps(another).encode()),
        ]
        expected, projection = make(), make()
        expected.deliver(*two_orders())
        first, *rest = two_orders()

        assert projection.deliver(poison[0], first, *poison[1:], *rest) == []

        assert projection.table.items == expected.table.items
        read = " and ".join(map(str, OrderConfirmed.reads()))
        assert sorted(projection.reasons) == [
            "not a OrderConfirmed: order_id is o9, and the event is about o2",
            f"not a OrderConfirmed: schema_version is 99, this code reads {read}",
            "not a delivered event: it is not JSON: Expecting value: line 1 column 1 (char 0)",
        ]
        dead_lettered = json.loads(projection.sqs.sent[0]["MessageBody"])["record"]
        assert dead_lettered == records(poison[0])[0]

    def test_unknown_event_is_ignored(self, make: Make):
        unknown = {"source": "com.aws.notifications", "detail-type": "CustomerNotified"}
        projection = make()

        assert projection.deliver(("o1", json.dumps(unknown).encode())) == []
        assert projection.table.items == {}
        assert projection.sqs.sent == []

    def test_poison_that_cannot_be_dead_lettered_is_retried(self, make: Make):
        projection = make()
        projection.sqs = FakeSqs(broken=True)

        assert projection.deliver(("k", b"x")) == ["0"]

    def test_crash_mid_batch_loses_and_doubles_nothing(self, make: Make):
        """A crash after any write of a batch, which is then delivered again."""
        published = [*order_history("o1"), *order_history("o2", "bob"), *order_history("o3")]
        expected = make()
        expected.deliver(*published)
        for written in range(expected.table.requests + 1):
            projection = make(DyingTable(written))
            while True:
                try:
                    failed = projection.deliver(*published)
                except SystemExit:
                    continue
                assert failed == []
                break
            assert projection.table.items == expected.table.items


class DyingTable(FakeTable):
    """The process ends at a request, once, before or after the write."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def update_item(self, **request: Any) -> None:
        super().update_item(**request)
        self._die()

    def transact_write_items(self, **request: Any) -> None:
        after, self._after = self._after, -1
        super().transact_write_items(**request)
        self._after = after
        self._die()

    def _die(self) -> None:
        self._after -= 1
        if self._after == 0:
            raise SystemExit


@pytest.mark.parametrize("make", ["update_timelines", "update_customer_orders"], indirect=True)
class TestOrderUpserts:
    def test_failed_order_is_retried_and_others_are_written(self, make: Make):
        projection = make(FakeTable(broken={"o1"}))
        published = [placed("o2", "bob"), placed("o1"), confirmed("o2", "bob"), confirmed("o1")]

        assert projection.deliver(*published) == ["1", "3"]
        assert set(projection.table.items) == {("o2",)}
        expected = make()
        expected.deliver(*published)
        projection.table._broken.clear()
        assert projection.deliver(*published[1:]) == []
        assert projection.table.items == expected.table.items

    def test_events_of_one_order_in_a_batch_are_one_write(self, make: Make):
        projection = make()
        published = [event for i in range(10) for event in order_history(f"{i:032}", f"{i:036}")]

        projection.deliver(*published)

        assert projection.table.requests == projection.table.billed == 10
        assert projection.table.billed / len(published) < 1.0


def test_timeline_projection_reads_lambda_destination_events(
    load_offline_handler: Callable[..., Any],
):
    handler = load_offline_handler(
        "lambdas.storefront.update_timelines",
        TIMELINES_TABLE="table",
        DEAD_LETTER_QUEUE_URL="dead-letters",
    )
    projection = Projection(handler, FakeTable())

    assert projection.deliver(notified()) == []

    assert projection.reasons == []
    (row,) = projection.table.items.values()
    assert row["notifications/2/1"]["notice"] == "OrderConfirmed"


def test_order_with_as_many_events_in_a_batch_as_it_may_have_is_written():
    """Its card company may dispute a payment again and again."""
    table = FakeTable()
    events = {f"orders/{number}": {"event": "OrderHeld"} for number in range(500)}
    upsert = OrderUpsert(order_id="o1", attributes={**events, "customer_id": "17850"})

    PerOrderView("timelines", dynamodb=table).upsert(upsert)

    assert table.items["o1",] == {"order_id": "o1", "customer_id": "17850", **events}
