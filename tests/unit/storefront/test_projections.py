"""The three projections of the order stream: whatever comes in whatever way, a view is the same."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderState
from lambdas.contracts.values import Money, PricedLine
from lambdas.orders.customer_view import customer_view
from lambdas.orders.domain import Order
from lambdas.orders.events import event_for_change
from lambdas.orders.holds import NoSuchHoldError, hold, lift_hold
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.runtime.dynamodb import from_item
from lambdas.storefront.customer_orders import build_order_upserts, render_order
from lambdas.storefront.projections import update_customer_orders
from lambdas.storefront.sales import (
    BUCKETS,
    MAX_TRANSACTION_ITEMS,
    PRODUCT,
    build_sales,
    render_sales,
    split_into_transactions,
)
from lambdas.storefront.store import CustomerOrdersView, SalesView
from lambdas.storefront.timeline import build_timeline_upserts, render_timeline
from tests.support.aws_fakes import FakeSqs
from tests.support.order_requests import placed as placed_order
from tests.unit.storefront.fakes import FakeTable
from tests.unit.storefront.order_events import (
    bus_event,
    confirmed,
    held,
    lifted,
    needs_attention,
    notified,
    order_history,
    placed,
    records,
    rejected,
    withdrawn,
)

VIEWS = ("update_timelines", "update_customer_orders", "update_sales")
SETTINGS = {
    "update_timelines": "TIMELINES_TABLE",
    "update_customer_orders": "CUSTOMER_ORDERS_TABLE",
    "update_sales": "SALES_TABLE",
}
Batch = Sequence[EventEnvelope[Event]]


class Projection:
    """A projection's function, as Lambda calls it, with a table and a queue of its own."""

    def __init__(self, handler: Any, table: Any) -> None:
        self.handler = handler
        self.table = table
        self.sqs = FakeSqs()

    def deliver(self, *published: Any) -> list[str]:
        """Call it with these records; return the numbers of those that are to come again."""
        consumer, customer_view = (self.handler.__globals__[name] for name in ("consumer", "view"))
        consumer._dead_letters = DeadLetterQueue("dead-letters", sqs=self.sqs)
        customer_view._dynamodb = self.table
        answer = self.handler({"Records": records(*published)}, None)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    @property
    def reasons(self) -> list[str]:
        return [json.loads(message["MessageBody"])["reason"] for message in self.sqs.sent]


Make = Callable[..., Projection]


@pytest.fixture(params=VIEWS)
def make(request: pytest.FixtureRequest, load_handler: Callable[..., Any]) -> Make:
    """A maker of a projection with an empty table, for each of the three."""
    name = request.param
    setting = {SETTINGS[name]: "table", "DEAD_LETTER_QUEUE_URL": "dead-letters"}
    handler = load_handler(f"lambdas.storefront.{name}", **setting)
    return lambda table=None: Projection(handler, table or FakeTable())


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

    def test_dynamodb_behaves_as_the_fake_table(
        self, make: Make, make_table: Callable[..., str], dynamodb: Any
    ):
        published = [*order_history("o1"), placed("o2", "bob"), rejected("o2", "bob")]
        fake = make()
        fake.deliver(*published)
        real = make(dynamodb)
        keys = (
            ("order_id", "")
            if "sales" not in real.handler.__module__
            else ("partition_key", "sort_key")
        )
        name = make_table("view", keys[0], sorted_by=keys[1])
        real.handler.__globals__["view"]._table = name

        for batch in (published[4:], published[:5], published[2:], published):
            assert real.deliver(*batch) == []

        found = [from_item(item) for item in dynamodb.scan(TableName=name)["Items"]]
        assert sorted(found, key=str) == sorted(fake.table.items.values(), key=str)


class TestFailure:
    def test_poison_is_dead_lettered_and_others_are_processed_in_order(self, make: Make):
        newer = bus_event(confirmed("o2"))
        newer["detail"]["metadata"]["schema_version"] = 2
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
        assert sorted(projection.reasons) == [
            "not a OrderConfirmed: order_id is o9, and the event is about o2",
            "not a OrderConfirmed: schema_version is 2, this code reads 1",
            "not a delivered event: it is not JSON: Expecting value: line 1 column 1 (char 0)",
        ]
        parked = json.loads(projection.sqs.sent[0]["MessageBody"])["record"]
        assert parked == records(poison[0])[0]

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
        """Whatever of a batch it had written, and whatever it then gets again."""
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
    """The process ends at a request, once, before or after that was carried out."""

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


@pytest.mark.parametrize("make", VIEWS[:2], indirect=True)
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


class TestTimeline:
    def test_timeline_orders_events_of_all_services_with_reasons(self):
        (upsert,) = build_timeline_upserts(reversed([*order_history(), rejected("o1")]))
        row = {"order_id": upsert.order_id, **upsert.attributes}

        assert render_timeline(row)["order_id"] == "o1"
        assert [(e["service"], e["event"]) for e in render_timeline(row)["events"]] == [
            ("orders", "OrderPlaced"),
            ("payments", "PaymentTaken"),
            ("orders", "OrderConfirmed"),
            ("warehouse", "OrderPicked"),
            ("shipping", "ShipmentDispatched"),
            ("orders", "OrderDispatched"),
        ]
        assert render_timeline(row)["events"][0]["total"] == {"amount": 2_208, "currency": "GBP"}
        (refused,) = build_timeline_upserts([rejected()])
        (event,) = render_timeline({"order_id": "o1", **refused.attributes})["events"]
        assert (event["reason"], event["explanation"]) == ("OutOfStock", "too few of 85123A")

    def test_timeline_hides_internal_details(self):
        (upsert,) = build_timeline_upserts([needs_attention()])

        (event,) = render_timeline({"order_id": "o1", **upsert.attributes})["events"]
        assert event == {
            "service": "orders",
            "event": "OrderNeedsAttention",
            "at": "2026-12-01T08:26:09+00:00",
        }

    def test_notification_is_a_timeline_event_in_any_order(self):
        published = [placed(), confirmed(), notified(), notified(sequence=3)]
        for events in permutations(published):
            row: dict[str, Any] = {"order_id": "o1"}
            for upsert in build_timeline_upserts([*events, *events]):
                row |= upsert.attributes
            lines = render_timeline(row)["events"]

            assert [line["event"] for line in lines] == [
                *("OrderPlaced", "OrderConfirmed"),
                *["CustomerNotified"] * 2,
            ]
            assert lines[2] == {
                "service": "notifications",
                "event": "CustomerNotified",
                "at": "2026-12-01T08:26:03+00:00",
                "notice": "OrderConfirmed",
                "result": "SENT",
            }

    def test_timeline_reads_lambda_destination_events(self, load_handler: Callable[..., Any]):
        handler = load_handler(
            "lambdas.storefront.update_timelines",
            TIMELINES_TABLE="table",
            DEAD_LETTER_QUEUE_URL="dead-letters",
        )
        projection = Projection(handler, FakeTable())

        assert projection.deliver(notified()) == []

        assert projection.reasons == []
        (row,) = projection.table.items.values()
        assert row["notifications/2"]["notice"] == "OrderConfirmed"

    def test_timeline_has_no_owner_until_an_event_names_the_customer(self):
        *_, picked, left, _ = order_history()

        (upsert,) = build_timeline_upserts([picked, left])
        assert "customer_id" not in upsert.attributes


def hold_by(order: Order, cause: str) -> Order:
    return hold(order, cause=cause, reason=f"Reason{cause}", explanation="why", now=order.placed_at)


def lift(order: Order, cause: str) -> Order:
    try:
        return lift_hold(order, cause=cause, now=order.placed_at)
    except NoSuchHoldError:
        return order


def confirm(order: Order, _: str) -> Order:
    if order.state != OrderState.PLACED:
        return order
    return replace(order, state=OrderState.CONFIRMED, sequence=order.sequence + 1, open_shard=None)


class TestCustomerOrders:
    def test_latest_event_determines_order_state(self):
        (upsert,) = build_order_upserts([confirmed(), placed()])

        assert render_order({"order_id": "o1", **upsert.attributes}) == {
            "order_id": "o1",
            "state": "CONFIRMED",
            "total": {"amount": 2_208, "currency": "GBP"},
            "placed_at": "2026-12-01T08:26:00+00:00",
            "changed_at": "2026-12-01T08:26:02+00:00",
        }

    @pytest.mark.parametrize("events", [*permutations([placed(), confirmed(), held()])])
    def test_held_order_is_marked_held(self, events: Sequence[EventEnvelope[Event]]):
        (upsert,) = build_order_upserts(events)

        shown = render_order({"order_id": "o1", **upsert.attributes})
        assert (shown["state"], shown["held"]) == ("CONFIRMED", True)
        assert shown["changed_at"] == "2026-12-01T08:26:02+00:00"

    @pytest.mark.parametrize("last", [lifted(), withdrawn()])
    def test_order_is_not_held_after_lift_or_withdrawal(self, last: EventEnvelope[Event]):
        (upsert,) = build_order_upserts([last, placed(), confirmed(), held()])

        assert "held" not in render_order({"order_id": "o1", **upsert.attributes})

    @settings(max_examples=200)
    @given(
        st.lists(st.tuples(st.sampled_from([hold_by, lift, confirm]), st.sampled_from("ABC"))),
        st.randoms(use_true_random=False),
    )
    def test_held_flag_matches_orders_service(
        self, changes: list[tuple[Callable[[Order, str], Order], str]], rng: Any
    ):
        """Whatever holds it, is lifted and comes in whatever order, and some of it twice."""
        order = placed_order()
        published = [event_for_change(None, order)]
        for change, cause in changes:
            before, order = order, change(order, cause)
            published.append(event_for_change(before, order))
        events = [event for event in published if event is not None]
        live, rebuilt = FakeTable(), FakeTable()
        for table in (live, rebuilt):
            delivered = [*events, *rng.choices(events, k=3)]
            rng.shuffle(delivered)
            update_customer_orders(CustomerOrdersView("table", dynamodb=table), delivered[:2])
            update_customer_orders(CustomerOrdersView("table", dynamodb=table), delivered[2:])

        (row,) = live.items.values()
        assert live.items == rebuilt.items
        assert render_order(row).get("held", False) is ("held" in customer_view(order))

    def test_order_is_listed_only_once_placed(self):
        (upsert,) = build_order_upserts([confirmed()])

        assert "listing_key" not in upsert.attributes


skus = st.sampled_from([f"sku{i}" for i in range(120)])
orders = st.lists(
    st.tuples(st.integers(0, 40), st.dictionaries(skus, st.integers(1, 9), min_size=1)),
    min_size=1,
    max_size=40,
)


class TestSales:
    def test_order_increments_its_minute_and_each_product(self):
        ((sale),) = build_sales([confirmed(), confirmed()])

        assert sorted(sale.increments.items(), key=lambda each: each[0][1]) == [
            ((partition_key("minute"), "08:26/GBP"), {"orders": 1, "units": 8, "amount": 2_208}),
            ((partition_key("product"), "85123A/GBP"), {"orders": 1, "units": 6, "amount": 1_530}),
            ((partition_key("product"), "W/71053/GBP"), {"orders": 1, "units": 2, "amount": 678}),
        ]

    def test_sku_may_contain_the_separator(self):
        counts = {"orders": 1, "units": 2, "amount": 678}

        assert render_sales(PRODUCT, [("W/71053/GBP", counts), ("W/71053/GBP", counts)]) == [
            {"sku": "W/71053", "currency": "GBP", "orders": 2, "units": 4, "amount": 1_356}
        ]

    def test_large_orders_are_split_into_transactions(self):
        lines = [PricedLine(sku=f"sku{i}", quantity=1, unit_price=1) for i in range(90)]
        more = [PricedLine(sku=f"other{i}", quantity=1, unit_price=1) for i in range(90)]
        events = [confirmed("a", lines=lines), confirmed("b", lines=more)]

        assert [len(group) for group in split_into_transactions(build_sales(events))] == [1, 1]

    @settings(max_examples=60)
    @given(orders, st.lists(st.integers(1, 9)), st.integers(0, 50))
    def test_redelivered_orders_are_counted_once(
        self, drawn: list[tuple[int, dict[str, int]]], sizes: list[int], again: int
    ):
        known: dict[str, EventEnvelope[Any]] = {}
        for number, bought in drawn:
            lines = [PricedLine(sku=s, quantity=q, unit_price=3) for s, q in bought.items()]
            total = Money(amount=3 * sum(bought.values()), currency="GBP")
            published = confirmed(f"o{number}", minute=number, lines=lines, total=total)
            known.setdefault(f"o{number}", published)
        redelivered = [known[f"o{number}"] for number, _ in drawn]
        waiting = [*redelivered, *redelivered[again:]]
        table = FakeTable()
        store = SalesView("table", dynamodb=table)

        counted = 0
        for size in [*sizes, *[5] * len(waiting)]:
            batch, waiting = waiting[:size], waiting[size:]
            for group in split_into_transactions(build_sales(batch)):
                counters = {counter for sale in group for counter in sale.increments}
                assert len(group) + len(counters) <= MAX_TRANSACTION_ITEMS
                counted += store.count(group)

        amounts = {"minute": 0, "product": 0}
        for (partition_key, _), row in table.items.items():
            if "/minute/" in partition_key or "/product/" in partition_key:
                amounts[partition_key.split("/")[1]] += row["amount"]
        expected = sum(published.data.total.amount for published in known.values())
        assert amounts == {"minute": expected, "product": expected}
        assert counted == len(known)

    def test_transaction_conflict_is_not_taken_for_counted(self):
        table = FakeTable()

        def conflict(**_: Any) -> None:
            raise table.exceptions.TransactionCanceledException(["TransactionConflict", "None"])

        table.transact_write_items = conflict  # type: ignore[method-assign]
        with pytest.raises(table.exceptions.TransactionCanceledException):
            SalesView("table", dynamodb=table).count(build_sales([confirmed()]))

    def test_billed_writes_per_order_are_constant(self):
        table = FakeTable()
        store = SalesView("table", dynamodb=table)
        costs = []
        for i in range(300):
            before = table.billed
            store.count(build_sales([confirmed(f"o{i}")]))
            costs.append(table.billed - before)

        assert set(costs) == {8}

    def test_orders_are_spread_over_all_buckets(self):
        buckets = {
            partition_key
            for sale in build_sales(confirmed(f"o{i}") for i in range(99))
            for partition_key, _ in sale.increments
        }

        assert len(buckets) == 2 * BUCKETS


def partition_key(per: str) -> str:
    ((sale),) = build_sales([confirmed()])
    (found,) = {
        partition_key for partition_key, _ in sale.increments if f"/{per}/" in partition_key
    }
    return found
