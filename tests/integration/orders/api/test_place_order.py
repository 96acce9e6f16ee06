"""Placing an order: what is accepted, what is repeated, and what is refused."""

import base64
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.orders.admission import RETRY_AFTER
from lambdas.orders.api import KEY_REUSED
from lambdas.orders.backlog import BacklogStore
from lambdas.orders.dedup_key import with_dedup_key
from lambdas.orders.domain import Order
from lambdas.orders.rows import order_of
from lambdas.runtime.dynamodb import from_item
from lambdas.runtime.settings import SettingMissing
from tests.support.order_api import LIMIT, Handler, content
from tests.support.order_requests import BODY, line, placed, request
from tests.support.spy import Spy


class TestPlaceOrder:
    def test_valid_order_is_accepted(self, place_order: Handler):
        answer = place_order(request(), None)

        assert answer["statusCode"] == 202
        assert content(answer) == {"order_id": placed().order_id, "state": OrderState.PLACED}

    def test_placed_order_has_a_dedup_key(self, place_order: Handler, dynamodb: Any, table: str):
        place_order(request(), None)

        (row,) = map(from_item, dynamodb.scan(TableName=table)["Items"])
        kept = order_of(row)
        assert kept == with_dedup_key(kept)
        assert kept.dedup_bucket is not None

    def test_retry_gets_the_same_answer(self, place_order: Handler):
        assert place_order(request(), None) == place_order(request(), None)

    @pytest.mark.parametrize(
        "state",
        [OrderState.CONFIRMED, OrderState.REJECTED, OrderState.WITHDRAWN, OrderState.CANCELLED],
    )
    def test_after_the_order_has_moved_on_a_retry_gets_its_state(
        self, place_order: Handler, keep: Callable[[Order], Order], state: OrderState
    ):
        first = place_order(request(), None)
        keep(replace(placed(), state=state, sequence=2, claim_owner="execution"))

        again = place_order(request(), None)

        assert again["statusCode"] == 202
        assert content(again) == content(first) | {"state": state}

    def test_new_order_is_refused_while_too_many_wait(
        self, place_order: Handler, backlog: BacklogStore, dynamodb: Any, table: str
    ):
        backlog.write(LIMIT + 1, now=datetime.now(UTC))

        answer = place_order(request(), None)

        assert answer["statusCode"] == 429
        assert content(answer)["type"] == "urn:problem-type:orders:busy"
        assert answer["headers"]["retry-after"] == str(RETRY_AFTER)
        assert dynamodb.scan(TableName=table)["Items"] == []

    def test_retry_of_an_accepted_order_is_answered_while_too_many_wait(
        self, place_order: Handler, backlog: BacklogStore, keep: Callable[[Order], Order]
    ):
        backlog.write(LIMIT + 1, now=datetime.now(UTC))
        keep(placed())

        again = place_order(request(), None)
        other = place_order(request(BODY | {"country": "France"}), None)

        assert again["statusCode"] == 202
        assert content(again)["order_id"] == placed().order_id
        assert (other["statusCode"], content(other)["title"]) == (409, KEY_REUSED.title)

    def test_accepted_orders_cost_one_read_of_the_backlog_and_of_each_price_in_seconds(
        self, place_order: Handler, backlog: BacklogStore, monkeypatch: pytest.MonkeyPatch
    ):
        backlog.write(LIMIT, now=datetime.now(UTC))
        made: list[str] = []
        module = sys.modules["lambdas.orders.place_order"]
        for store in (module.customer_orders, module.offers_view, module.backlog):
            monkeypatch.setattr(store, "_dynamodb", Spy(store._dynamodb, made.append))

        place_order(request(key="1"), None)
        place_order(request(key="2"), None)

        write = ["get_item", "transact_write_items"]
        assert made == ["get_item", "batch_get_item", *write, *write]

    def test_order_beyond_a_limit_of_its_customer_is_refused_and_keeps_nothing(
        self, place_order: Handler, dynamodb: Any, table: str
    ):
        for number in range(3):
            assert place_order(request(key=f"{number}"), None)["statusCode"] == 202

        answer = place_order(request(key="3"), None)
        again = place_order(request(key="2"), None)
        stranger = place_order(request(customer="12583", key="3"), None)

        assert [each["statusCode"] for each in (answer, again, stranger)] == [409, 202, 202]
        assert content(answer)["type"] == "urn:problem-type:orders:customer-limit"
        assert "orders would be 4, and at most 3 may be" in content(answer)["detail"]
        assert len(dynamodb.scan(TableName=table)["Items"]) == 4

    def test_retry_of_an_ended_order_is_answered_though_others_are_at_the_limit(
        self, place_order: Handler, keep: Callable[[Order], Order]
    ):
        keep(replace(placed(), state=OrderState.REJECTED))
        for number in range(3):
            assert place_order(request(key=f"{number}"), None)["statusCode"] == 202

        again = place_order(request(), None)

        assert (again["statusCode"], content(again)["state"]) == (202, "REJECTED")

    def test_retry_is_answered_though_its_customers_row_cannot_be_read(
        self,
        place_order: Handler,
        dynamodb: Any,
        customers: str,
        capsys: pytest.CaptureFixture[str],
    ):
        first = content(place_order(request(), None))
        (row,) = dynamodb.scan(TableName=customers)["Items"]
        dynamodb.put_item(TableName=customers, Item=row | {"placed": {"S": "many"}})

        new, retry = place_order(request(key="2"), None), place_order(request(), None)

        assert (new["statusCode"], content(new)["status"]) == (503, 503)
        assert "not a row of customer 17850: placed must be" in capsys.readouterr().out
        assert content(retry) == first

    def test_base64_body_is_read(self, place_order: Handler):
        encoded = base64.b64encode(json.dumps(BODY).encode()).decode()

        answer = place_order(request(encoded) | {"isBase64Encoded": True}, None)

        assert answer["statusCode"] == 202

    def test_bad_fields_are_named(self, place_order: Handler):
        answer = place_order(request(BODY | {"currency": "£", "lines": [line(quantity=0)]}), None)

        assert answer["statusCode"] == 400
        assert [problem["field"] for problem in content(answer)["errors"]] == [
            "currency",
            "lines[0].quantity",
        ]
        assert all(problem["problem"] for problem in content(answer)["errors"])

    def test_missing_idempotency_key_is_named(self, place_order: Handler):
        answer = place_order(request(key=None), None)

        assert answer["statusCode"] == 400
        assert [p["field"] for p in content(answer)["errors"]] == ["Idempotency-Key"]

    @pytest.mark.parametrize("body", ["{", "", "currency=GBP", "[" * 5])
    def test_body_that_is_no_json_is_refused(self, place_order: Handler, body: str):
        answer = place_order(request(body), None)

        assert answer["statusCode"] == 400
        assert content(answer)["detail"].startswith("body is not JSON")

    def test_bad_input_leaves_no_trace(self, place_order: Handler, dynamodb: Any, table: str):
        place_order(request(BODY | {"currency": None}), None)
        place_order(request("{"), None)

        assert dynamodb.scan(TableName=table)["Items"] == []

    def test_reused_key_is_a_conflict(self, place_order: Handler):
        place_order(request(), None)

        answer = place_order(request(BODY | {"country": "France"}), None)

        assert answer["statusCode"] == 409
        assert "Idempotency-Key" in content(answer)["detail"]

    def test_same_key_of_two_customers_is_two_orders(self, place_order: Handler):
        mine, theirs = (place_order(request(customer=c), None) for c in ("17850", "12583"))

        assert theirs["statusCode"] == 202
        assert content(mine)["order_id"] != content(theirs)["order_id"]

    def test_request_is_logged_in_one_line_without_personal_data(
        self, place_order: Handler, capsys: pytest.CaptureFixture[str]
    ):
        place_order(request(), None)

        (logged,) = capsys.readouterr().out.splitlines()
        assert json.loads(logged) == {
            "message": "order_placed",
            "level": "INFO",
            "order_id": placed().order_id,
        }

    def test_import_without_its_table_setting_fails(
        self, load_handler: Callable[..., Handler], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.delenv("ORDERS_TABLE", raising=False)

        with pytest.raises(SettingMissing, match="ORDERS_TABLE"):
            load_handler("lambdas.orders.place_order")
