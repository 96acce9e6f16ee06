"""The query API: mine only, page by page, and a clear no to what cannot be answered."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.storefront.domain import (
    BadQueryError,
    listed,
    order_notes,
    page,
    sales,
    sales_wanted,
    timelines,
    token,
    transactions,
)
from lambdas.storefront.store import (
    ATTEMPTS,
    FIRST_PAUSE,
    BusyError,
    CustomersOrders,
    Noted,
    Sales,
)
from tests.unit.storefront.facts import confirmed, placed, story

Ask = Callable[..., tuple[int, Any]]


def asking(handler: Any) -> Ask:
    def ask(
        *, customer: str = "ada", order_id: str = "", tag: str = "", **parameters: str
    ) -> tuple[int, Any]:
        event = {
            "requestContext": {"authorizer": {"jwt": {"claims": {"sub": customer}}}},
            "pathParameters": {"order_id": order_id},
            "headers": {"if-none-match": tag} if tag else {},
            **({"queryStringParameters": parameters} if parameters else {}),
        }
        answer = handler(event, None)
        content = json.loads(answer["body"]) if "body" in answer else answer["headers"]["etag"]
        return answer["statusCode"], content

    return ask


class TestTimeline:
    @pytest.fixture
    def ask(
        self,
        load_handler: Callable[..., Any],
        make_table: Callable[..., str],
        dynamodb: Any,
    ) -> Ask:
        table = make_table("view", "order_id")
        for notes in timelines([*story("o1"), *story("o2", "bob")[3:5]]):
            Noted(table, dynamodb=dynamodb).note(notes)
        return asking(load_handler("lambdas.storefront.get_timeline", TIMELINES_TABLE=table))

    def test_mine_is_told(self, ask: Ask):
        status, content = ask(order_id="o1")

        assert (status, len(content["events"])) == (200, 6)

    @pytest.mark.parametrize(("customer", "order"), [("bob", "o1"), ("ada", "o9"), ("bob", "o2")])
    def test_anothers_or_one_of_nobody_is_not_found(self, ask: Ask, customer: str, order: str):
        """Nobody is known to own o2 yet."""
        assert ask(customer=customer, order_id=order) == (
            404,
            {"message": f"you have no order {order}"},
        )

    def test_an_id_that_no_key_could_be_is_not_found(self, ask: Ask):
        assert ask(order_id="ä" * 1_025)[0] == 404


@pytest.fixture
def orders(make_table: Callable[..., str], dynamodb: Any) -> CustomersOrders:
    table = make_table("view", "order_id", index=("customer_id", "placed"))
    return CustomersOrders(table, dynamodb=dynamodb)


def show(orders: CustomersOrders, *facts: Any) -> None:
    for notes in order_notes(facts):
        orders.note(notes)


class TestOrders:
    @pytest.fixture
    def ask(self, load_handler: Callable[..., Any], orders: CustomersOrders) -> Ask:
        handler = load_handler(
            "lambdas.storefront.list_orders", CUSTOMERS_ORDERS_TABLE=orders._table
        )
        return asking(handler)

    def ids(self, content: Any) -> list[str]:
        return [order["order_id"] for order in content["orders"]]

    def test_mine_are_listed_newest_first(self, ask: Ask, orders: CustomersOrders):
        show(orders, *(placed(f"o{minute}", minute=minute) for minute in (2, 4, 1, 3)))
        show(orders, confirmed("o2"), placed("theirs", "bob"), confirmed("unplaced"))

        status, content = ask()

        assert (status, self.ids(content)) == (200, ["o4", "o3", "o2", "o1"])
        assert content["next"] is None
        assert [order["state"] for order in content["orders"]] == [
            "PLACED",
            "PLACED",
            "CONFIRMED",
            "PLACED",
        ]
        assert ask(customer="nobody") == (200, {"orders": [], "next": None})

    @pytest.fixture
    def pauses(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """How long was waited, each time."""
        waited: list[float] = []
        monkeypatch.setattr("lambdas.storefront.store.time.sleep", waited.append)
        monkeypatch.setattr("lambdas.storefront.store.random.random", lambda: 1.0)
        return waited

    def test_pages_do_not_shift_when_orders_arrive(self, ask: Ask, orders: CustomersOrders):
        show(orders, *(placed(f"o{minute}", minute=minute) for minute in range(10, 15)))
        seen = []
        _, content = ask(limit="2")
        seen += self.ids(content)
        minute = 20
        while content["next"]:
            show(orders, placed(f"o{minute}", minute=minute))
            minute += 1
            _, content = ask(limit="2", page=content["next"])
            seen += self.ids(content)

        assert seen == ["o14", "o13", "o12", "o11", "o10"]

    def test_orders_of_one_moment_are_each_on_one_page(self, ask: Ask, orders: CustomersOrders):
        show(orders, *(placed(f"o{i}") for i in range(7)))
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            _, content = ask(limit="3", **after)
            seen += self.ids(content)
            if not content["next"]:
                break
            after = {"page": content["next"]}

        assert sorted(seen) == [f"o{i}" for i in range(7)]

    def test_a_token_lets_nobody_see_what_is_anothers(self, ask: Ask, orders: CustomersOrders):
        show(orders, *(placed(f"o{minute}", minute=minute) for minute in range(4)))
        _, content = ask(limit="1")

        assert ask(customer="bob", page=content["next"]) == (200, {"orders": [], "next": None})

    def test_who_has_a_page_gets_304_until_it_changes(self, ask: Ask, orders: CustomersOrders):
        show(orders, placed("o1"))
        _, tag = ask(tag="*")

        assert ask(tag=tag) == (304, tag)
        show(orders, confirmed("o1"))
        assert ask(tag=tag)[0] == 200

    def test_bad_parameters_are_each_named(self, ask: Ask):
        status, content = ask(limit="0", page="?")

        assert status == 400
        assert content == {
            "message": "bad parameters",
            "problems": [
                {"field": "limit", "problem": "must be a whole number from 1 to 100"},
                {"field": "page", "problem": "must be what the page before gave as next"},
            ],
        }

    def test_an_order_that_only_the_index_has_is_read_as_it_was_written(
        self, orders: CustomersOrders, dynamodb: Any
    ):
        class Late(Asked):
            """Has not heard of the placing yet, unless it must."""

            def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803
                answer = dynamodb.batch_get_item(RequestItems=RequestItems)
                ((table, wanted),) = RequestItems.items()
                for item in answer["Responses"][table]:
                    if not wanted.get("ConsistentRead"):
                        del item["placed"], item["total"], item["orders/1"]
                return answer

        show(orders, confirmed("o1"), placed("o1"))
        orders._dynamodb = Late(dynamodb)

        rows, _ = orders.page("ada", page({}))
        assert [listed(row)["placed_at"] for row in rows] == ["2026-12-01T08:26:00+00:00"]

    def test_what_dynamodb_does_not_answer_at_first_is_asked_for_again(
        self, orders: CustomersOrders, dynamodb: Any, pauses: list[float]
    ):
        show(orders, *(placed(f"o{minute}", minute=minute) for minute in range(3)))
        orders._dynamodb = Busy(dynamodb, answers=1)

        rows, _ = orders.page("ada", page({}))

        assert [row["order_id"] for row in rows] == ["o2", "o1", "o0"]
        assert pauses == [FIRST_PAUSE, 2 * FIRST_PAUSE]

    def test_what_it_does_not_answer_at_all_is_an_error(
        self, orders: CustomersOrders, dynamodb: Any, pauses: list[float]
    ):
        show(orders, placed("o1"), placed("o2"))
        orders._dynamodb = Busy(dynamodb, answers=0)

        with pytest.raises(BusyError, match="2 orders could not be read; try again"):
            orders.page("ada", page({}))
        assert len(pauses) == ATTEMPTS - 1


class Asked:
    def __init__(self, dynamodb: Any) -> None:
        self.dynamodb = dynamodb

    def query(self, **request: Any) -> Any:
        return self.dynamodb.query(**request)


class Busy(Asked):
    """Of each request it answers so many of the keys."""

    def __init__(self, dynamodb: Any, *, answers: int) -> None:
        super().__init__(dynamodb)
        self.answers = answers
        self.asked = 0

    def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803
        self.asked += 1
        assert self.asked < 100
        ((table, wanted),) = RequestItems.items()
        now, later = wanted["Keys"][: self.answers], wanted["Keys"][self.answers :]
        found = (
            self.dynamodb.batch_get_item(RequestItems={table: {"Keys": now}})["Responses"]
            if now
            else {table: []}
        )
        left = {table: {**wanted, "Keys": later}} if later else {}
        return {"Responses": found, "UnprocessedKeys": left}


class TestParameters:
    @pytest.mark.parametrize(
        "limit", ["", "0", "101", "-1", "1.5", "ten", "1,2", "9" * 5_000, "２"]
    )
    def test_a_bad_limit_is_refused(self, limit: str):
        with pytest.raises(BadQueryError, match="limit must be a whole number from 1 to 100"):
            page({"limit": limit})

    @given(st.text(max_size=40))
    def test_any_token_is_refused_or_a_place(self, text: str):
        try:
            at, _, order_id = page({"page": text}).after.partition("#")
        except BadQueryError as bad:
            assert [problem["field"] for problem in bad.problems] == ["page"]
        else:
            assert at and order_id

    @pytest.mark.parametrize("place", ["", "#o1", "2026#", "2026", "a#" + "x" * 2_000])
    def test_a_place_that_is_none_is_refused(self, place: str):
        with pytest.raises(BadQueryError, match="page must be"):
            page({"page": token(place)})

    def test_what_is_good_is_read(self):
        after = "2026-12-01T08:26:00+00:00#o1"

        assert page({}).limit == 20
        assert page({"limit": "100", "page": token(after)}).after == after
        assert sales_wanted({"day": "2026-12-01", "per": "minute"}) == ("2026-12-01", "minute")

    @pytest.mark.parametrize(
        ("parameters", "fields"),
        [
            ({}, ["day", "per"]),
            ({"day": "2026-13-01", "per": "minute"}, ["day"]),
            ({"day": "yesterday", "per": "hour"}, ["day", "per"]),
            ({"day": "2026-12-01", "per": ""}, ["per"]),
        ],
    )
    def test_bad_ones_of_sales_are_each_named(self, parameters: dict[str, str], fields: list[str]):
        with pytest.raises(BadQueryError) as bad:
            sales_wanted(parameters)

        assert [problem["field"] for problem in bad.value.problems] == fields


class TestSales:
    @pytest.fixture
    def ask(
        self, load_handler: Callable[..., Any], make_table: Callable[..., str], dynamodb: Any
    ) -> Ask:
        table = make_table("view", "part", sorted_by="entry")
        told = [confirmed(f"o{i}", minute=26 + i % 2) for i in range(12)]
        for group in transactions(sales(told)):
            Sales(table, dynamodb=dynamodb).count(group)
        return asking(load_handler("lambdas.storefront.get_sales", SALES_TABLE=table))

    def test_a_days_minutes_are_told_over_all_buckets(self, ask: Ask):
        status, content = ask(day="2026-12-01", per="minute")

        minute = {"currency": "GBP", "orders": 6, "units": 48, "amount": 13_248}
        assert (status, content["sales"]) == (
            200,
            [{"minute": "08:26", **minute}, {"minute": "08:27", **minute}],
        )

    def test_a_days_products_are_told(self, ask: Ask):
        _, content = ask(day="2026-12-01", per="product")

        assert content["sales"] == [
            {"sku": "85123A", "currency": "GBP", "orders": 12, "units": 72, "amount": 18_360},
            {"sku": "W/71053", "currency": "GBP", "orders": 12, "units": 24, "amount": 8_136},
        ]

    def test_on_another_day_nothing_was_sold(self, ask: Ask):
        assert ask(day="2026-12-02", per="product")[1]["sales"] == []

    def test_bad_parameters_are_each_named(self, ask: Ask):
        status, content = ask(day="x", per="y")

        assert status == 400
        assert [problem["field"] for problem in content["problems"]] == ["day", "per"]


@settings(max_examples=15)
@given(st.integers(1, 5), st.lists(st.integers(0, 59), unique=True, max_size=12))
def test_pages_are_the_whole_list(
    make_table: Callable[..., str], dynamodb: Any, limit: int, minutes: list[int]
):
    table = make_table("view", "order_id", index=("customer_id", "placed"))
    orders = CustomersOrders(table, dynamodb=dynamodb)
    show(orders, *(placed(f"o{minute}", minute=minute) for minute in minutes))
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        rows, last = orders.page("ada", page({"limit": str(limit), **after}))
        seen += [row["order_id"] for row in rows]
        if not last:
            break
        after = {"page": token(last)}

    assert seen == [f"o{minute}" for minute in sorted(minutes, reverse=True)]
