"""The three projections of the order stream: whatever comes in whatever way, a view is the same."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.event import Event, EventEnvelope
from lambdas.contracts.values import Money, PricedLine
from lambdas.orders.events import event_for_change
from lambdas.orders.domain import CONFIRMED, PLACED, Order, customer_view
from lambdas.orders.holds import NoSuchHoldError, hold, lift_hold
from lambdas.runtime.dynamodb import from_item
from lambdas.storefront.domain import (
    BUCKETS,
    MOST_ITEMS,
    PRODUCT,
    listed,
    order_notes,
    sales,
    sold,
    timeline,
    timelines,
    transactions,
)
from lambdas.storefront.projections import note_orders
from lambdas.storefront.store import CustomersOrders, Sales
from tests.unit.orders.requests import placed as placed_order
from tests.unit.runtime.fakes import FakeSqs
from tests.unit.storefront.facts import (
    confirmed,
    event_of,
    held,
    lifted,
    notified,
    placed,
    records,
    rejected,
    story,
    troubled,
    withdrawn,
)
from tests.unit.storefront.fakes import FakeTable

VIEWS = ("update_timelines", "update_customers_orders", "count_sales")
SETTINGS = {
    "update_timelines": "TIMELINES_TABLE",
    "update_customers_orders": "CUSTOMERS_ORDERS_TABLE",
    "count_sales": "SALES_TABLE",
}
Batch = Sequence[EventEnvelope[Event]]


class Projection:
    """A projection's function, as Lambda calls it, with a table and a queue of its own."""

    def __init__(self, handler: Any, table: Any) -> None:
        self.handler = handler
        self.table = table
        self.sqs = FakeSqs()

    def deliver(self, *told: Any) -> list[str]:
        """Call it with these records; return the numbers of those that are to come again."""
        consumer, customer_view = (self.handler.__globals__[name] for name in ("consumer", "view"))
        consumer._sqs, customer_view._dynamodb = self.sqs, self.table
        answer = self.handler({"Records": records(*told)}, None)
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


def batchings(told: Batch) -> Iterator[list[Batch]]:
    """All ways to cut a sequence into batches."""
    if not told:
        yield []
    for size in range(1, len(told) + 1):
        for rest in batchings(told[size:]):
            yield [told[:size], *rest]


def two_orders() -> list[EventEnvelope[Event]]:
    return [placed("o1"), confirmed("o1"), placed("o2", "bob"), rejected("o2", "bob")]


class TestConvergence:
    def test_six_facts_in_any_order(self, make: Make):
        expected = make()
        assert expected.deliver(*story()) == []
        assert expected.table.items != {}
        for told in permutations(story()):
            one_by_one, in_twos = make(), make()
            for each in told:
                one_by_one.deliver(each)
            for i in (0, 2, 4):
                in_twos.deliver(*told[i : i + 2])
            assert one_by_one.table.items == in_twos.table.items == expected.table.items

    def test_four_facts_of_two_orders_in_any_order_and_batching_and_any_end_of_them_again(
        self, make: Make
    ):
        expected = make()
        expected.deliver(*two_orders())
        for told in permutations(two_orders()):
            for batches in batchings(told):
                for again in range(len(batches)):
                    projection = make()
                    for batch in [*batches, *batches[again:]]:
                        projection.deliver(*batch)
                    assert projection.table.items == expected.table.items

    def test_anything_any_number_of_times(self, make: Make):
        facts = [*story("o1"), *story("o2", "bob"), troubled("o1"), placed("o3", minute=30)]
        expected = make()
        expected.deliver(*facts)

        @settings(max_examples=60)
        @given(
            st.lists(st.sampled_from(facts), max_size=20).map(lambda more: [*more, *facts]),
            st.randoms(use_true_random=False),
            st.lists(st.integers(1, 7), max_size=30),
        )
        def holds(told: list[EventEnvelope[Event]], dice: Any, sizes: list[int]) -> None:
            dice.shuffle(told)
            projection = make()
            for size in [*sizes, *[3] * len(told)]:
                batch, told = told[:size], told[size:]
                projection.deliver(*batch)
            assert projection.table.items == expected.table.items

        holds()

    def test_dynamodb_itself_does_as_the_fake(
        self, make: Make, make_table: Callable[..., str], dynamodb: Any
    ):
        told = [*story("o1"), placed("o2", "bob"), rejected("o2", "bob")]
        fake = make()
        fake.deliver(*told)
        real = make(dynamodb)
        keys = ("order_id", "") if "update" in real.handler.__module__ else ("part", "entry")
        name = make_table("view", keys[0], sorted_by=keys[1])
        real.handler.__globals__["view"]._table = name

        for batch in (told[4:], told[:5], told[2:], told):
            assert real.deliver(*batch) == []

        found = [from_item(item) for item in dynamodb.scan(TableName=name)["Items"]]
        assert sorted(found, key=str) == sorted(fake.table.items.values(), key=str)


class TestFailure:
    def test_poison_is_parked_and_all_others_go_through_in_order(self, make: Make):
        newer = event_of(confirmed("o2"))
        newer["detail"]["metadata"]["schema_version"] = 2
        another = event_of(confirmed("o2"))
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
            "not a OrderConfirmed: order_id is o9, and it is about o2",
            "not a OrderConfirmed: schema_version is 2, this code knows 1",
            "not a delivered event: it is not JSON: Expecting value: line 1 column 1 (char 0)",
        ]
        parked = json.loads(projection.sqs.sent[0]["MessageBody"])["record"]
        assert parked == records(poison[0])[0]

    def test_what_nobody_knows_by_name_is_passed_over(self, make: Make):
        unknown = {"source": "com.aws.notifications", "detail-type": "CustomerNotified"}
        projection = make()

        assert projection.deliver(("o1", json.dumps(unknown).encode())) == []
        assert projection.table.items == {}
        assert projection.sqs.sent == []

    def test_poison_that_cannot_be_parked_comes_again(self, make: Make):
        projection = make()
        projection.sqs = FakeSqs(broken=True)

        assert projection.deliver(("k", b"x")) == ["0"]

    def test_a_function_that_dies_in_the_middle_has_lost_and_doubled_nothing(self, make: Make):
        """Whatever of a batch it had written, and whatever it then gets again."""
        told = [*story("o1"), *story("o2", "bob"), *story("o3")]
        expected = make()
        expected.deliver(*told)
        for written in range(expected.table.requests + 1):
            projection = make(DyingTable(written))
            while True:
                try:
                    failed = projection.deliver(*told)
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
class TestNotes:
    def test_a_key_that_fails_comes_again_from_there_on_and_others_are_written(self, make: Make):
        projection = make(FakeTable(broken={"o1"}))
        told = [placed("o2", "bob"), placed("o1"), confirmed("o2", "bob"), confirmed("o1")]

        assert projection.deliver(*told) == ["1", "3"]
        assert set(projection.table.items) == {("o2",)}
        expected = make()
        expected.deliver(*told)
        projection.table._broken.clear()
        assert projection.deliver(*told[1:]) == []
        assert projection.table.items == expected.table.items

    def test_facts_of_an_order_in_one_batch_are_one_write(self, make: Make):
        projection = make()
        told = [fact for i in range(10) for fact in story(f"{i:032}", f"{i:036}")]

        projection.deliver(*told)

        assert projection.table.requests == projection.table.billed == 10
        assert projection.table.billed / len(told) < 1.0


class TestTimeline:
    def test_it_tells_what_happened_across_services_in_order_with_reasons(self):
        (notes,) = timelines(reversed([*story(), rejected("o1")]))
        row = {"order_id": notes.order_id, **notes.attributes}

        assert timeline(row)["order_id"] == "o1"
        assert [(e["service"], e["event"]) for e in timeline(row)["events"]] == [
            ("orders", "OrderPlaced"),
            ("payments", "PaymentTaken"),
            ("orders", "OrderConfirmed"),
            ("warehouse", "OrderPicked"),
            ("shipping", "ShipmentDispatched"),
            ("orders", "OrderDispatched"),
        ]
        assert timeline(row)["events"][0]["total"] == {"amount": 2_208, "currency": "GBP"}
        (refused,) = timelines([rejected()])
        (event,) = timeline({"order_id": "o1", **refused.attributes})["events"]
        assert (event["reason"], event["explanation"]) == ("OutOfStock", "too few of 85123A")

    def test_nothing_of_the_inside_is_told(self):
        (notes,) = timelines([troubled()])

        (event,) = timeline({"order_id": "o1", **notes.attributes})["events"]
        assert event == {
            "service": "orders",
            "event": "OrderNeedsAttention",
            "at": "2026-12-01T08:26:09+00:00",
        }

    def test_a_notice_is_a_line_whenever_it_comes(self):
        told = [placed(), confirmed(), notified(), notified(sequence=3)]
        for facts in permutations(told):
            row: dict[str, Any] = {"order_id": "o1"}
            for notes in timelines([*facts, *facts]):
                row |= notes.attributes
            lines = timeline(row)["events"]

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

    def test_a_notice_comes_as_lambda_tells_it(self, load_handler: Callable[..., Any]):
        handler = load_handler(
            "lambdas.storefront.update_timelines", TIMELINES_TABLE="table", DEAD_LETTER_QUEUE_URL="dead-letters"
        )
        projection = Projection(handler, FakeTable())

        assert projection.deliver(notified()) == []

        assert projection.reasons == []
        (row,) = projection.table.items.values()
        assert row["notifications/2"]["notice"] == "OrderConfirmed"

    def test_it_belongs_to_nobody_until_somebody_says_to_whom(self):
        *_, picked, left, _ = story()

        (notes,) = timelines([picked, left])
        assert "customer_id" not in notes.attributes


def hold_by(order: Order, cause: str) -> Order:
    return hold(order, cause=cause, reason=f"Reason{cause}", explanation="why", now=order.placed_at)


def lift(order: Order, cause: str) -> Order:
    try:
        return lift_hold(order, cause=cause, now=order.placed_at)
    except NoSuchHoldError:
        return order


def confirm(order: Order, _: str) -> Order:
    if order.state != PLACED:
        return order
    return replace(order, state=CONFIRMED, sequence=order.sequence + 1, open_shard=None)


class TestCustomersOrders:
    def test_the_latest_says_in_which_state_it_is(self):
        (notes,) = order_notes([confirmed(), placed()])

        assert listed({"order_id": "o1", **notes.attributes}) == {
            "order_id": "o1",
            "state": "CONFIRMED",
            "total": {"amount": 2_208, "currency": "GBP"},
            "placed_at": "2026-12-01T08:26:00+00:00",
            "changed_at": "2026-12-01T08:26:02+00:00",
        }

    @pytest.mark.parametrize("facts", [*permutations([placed(), confirmed(), held()])])
    def test_a_held_one_says_so(self, facts: Sequence[EventEnvelope[Event]]):
        (notes,) = order_notes(facts)

        shown = listed({"order_id": "o1", **notes.attributes})
        assert (shown["state"], shown["held"]) == ("CONFIRMED", True)
        assert shown["changed_at"] == "2026-12-01T08:26:02+00:00"

    @pytest.mark.parametrize("last", [lifted(), withdrawn()])
    def test_until_it_is_held_no_longer(self, last: EventEnvelope[Event]):
        (notes,) = order_notes([last, placed(), confirmed(), held()])

        assert "held" not in listed({"order_id": "o1", **notes.attributes})

    @settings(max_examples=200)
    @given(
        st.lists(st.tuples(st.sampled_from([hold_by, lift, confirm]), st.sampled_from("ABC"))),
        st.randoms(use_true_random=False),
    )
    def test_it_is_held_as_long_as_orders_says_that_it_is(
        self, changes: list[tuple[Callable[[Order, str], Order], str]], dice: Any
    ):
        """Whatever holds it, is lifted and comes in whatever order, and some of it twice."""
        order = placed_order()
        told = [event_for_change(None, order)]
        for change, cause in changes:
            before, order = order, change(order, cause)
            told.append(event_for_change(before, order))
        facts = [fact for fact in told if fact is not None]
        live, rebuilt = FakeTable(), FakeTable()
        for table in (live, rebuilt):
            delivered = [*facts, *dice.choices(facts, k=3)]
            dice.shuffle(delivered)
            note_orders(CustomersOrders("table", dynamodb=table), delivered[:2])
            note_orders(CustomersOrders("table", dynamodb=table), delivered[2:])

        (row,) = live.items.values()
        assert live.items == rebuilt.items
        assert listed(row).get("held", False) is ("held" in customer_view(order))

    def test_it_is_in_the_list_once_it_is_placed(self):
        (notes,) = order_notes([confirmed()])

        assert "placed" not in notes.attributes


skus = st.sampled_from([f"sku{i}" for i in range(120)])
orders = st.lists(
    st.tuples(st.integers(0, 40), st.dictionaries(skus, st.integers(1, 9), min_size=1)),
    min_size=1,
    max_size=40,
)


class TestSales:
    def test_an_order_adds_to_its_minute_and_to_each_of_its_products(self):
        ((sale),) = sales([confirmed(), confirmed()])

        assert sorted(sale.adds.items(), key=lambda each: each[0][1]) == [
            ((part("minute"), "08:26/GBP"), {"orders": 1, "units": 8, "amount": 2_208}),
            ((part("product"), "85123A/GBP"), {"orders": 1, "units": 6, "amount": 1_530}),
            ((part("product"), "W/71053/GBP"), {"orders": 1, "units": 2, "amount": 678}),
        ]

    def test_a_sku_may_be_spelt_in_any_way(self):
        counts = {"orders": 1, "units": 2, "amount": 678}

        assert sold(PRODUCT, [("W/71053/GBP", counts), ("W/71053/GBP", counts)]) == [
            {"sku": "W/71053", "currency": "GBP", "orders": 2, "units": 4, "amount": 1_356}
        ]

    def test_orders_of_many_skus_take_more_transactions(self):
        lines = [PricedLine(sku=f"sku{i}", quantity=1, unit_price=1) for i in range(90)]
        more = [PricedLine(sku=f"other{i}", quantity=1, unit_price=1) for i in range(90)]
        facts = [confirmed("a", lines=lines), confirmed("b", lines=more)]

        assert [len(group) for group in transactions(sales(facts))] == [1, 1]

    @settings(max_examples=60)
    @given(orders, st.lists(st.integers(1, 9)), st.integers(0, 50))
    def test_each_order_is_counted_once_whatever_comes_again(
        self, drawn: list[tuple[int, dict[str, int]]], sizes: list[int], again: int
    ):
        known: dict[str, EventEnvelope[Any]] = {}
        for number, bought in drawn:
            lines = [PricedLine(sku=s, quantity=q, unit_price=3) for s, q in bought.items()]
            total = Money(amount=3 * sum(bought.values()), currency="GBP")
            told = confirmed(f"o{number}", minute=number, lines=lines, total=total)
            known.setdefault(f"o{number}", told)
        told_again = [known[f"o{number}"] for number, _ in drawn]
        waiting = [*told_again, *told_again[again:]]
        table = FakeTable()
        store = Sales("table", dynamodb=table)

        counted = 0
        for size in [*sizes, *[5] * len(waiting)]:
            batch, waiting = waiting[:size], waiting[size:]
            for group in transactions(sales(batch)):
                counters = {counter for sale in group for counter in sale.adds}
                assert len(group) + len(counters) <= MOST_ITEMS
                counted += store.count(group)

        amounts = {"minute": 0, "product": 0}
        for (part, _), row in table.items.items():
            if "/minute/" in part or "/product/" in part:
                amounts[part.split("/")[1]] += row["amount"]
        expected = sum(told.data.total.amount for told in known.values())
        assert amounts == {"minute": expected, "product": expected}
        assert counted == len(known)

    def test_what_is_refused_for_another_reason_is_not_taken_for_counted(self):
        table = FakeTable()

        def conflict(**_: Any) -> None:
            raise table.exceptions.TransactionCanceledException(["TransactionConflict", "None"])

        table.transact_write_items = conflict  # type: ignore[method-assign]
        with pytest.raises(table.exceptions.TransactionCanceledException):
            Sales("table", dynamodb=table).count(sales([confirmed()]))

    def test_what_an_order_costs_does_not_grow(self):
        table = FakeTable()
        store = Sales("table", dynamodb=table)
        costs = []
        for i in range(300):
            before = table.billed
            store.count(sales([confirmed(f"o{i}")]))
            costs.append(table.billed - before)

        assert set(costs) == {8}

    def test_orders_are_spread_over_all_buckets(self):
        buckets = {
            part for sale in sales(confirmed(f"o{i}") for i in range(99)) for part, _ in sale.adds
        }

        assert len(buckets) == 2 * BUCKETS


def part(per: str) -> str:
    ((sale),) = sales([confirmed()])
    (found,) = {part for part, _ in sale.adds if f"/{per}/" in part}
    return found
