"""The API's handlers and the outbox relay; 401 and 403 are API Gateway's own."""

import base64
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.contracts.orders import OrderState
from lambdas.orders.admission import RETRY_AFTER
from lambdas.orders.api import KEY_REUSED
from lambdas.orders.backlog import BacklogStore
from lambdas.orders.dedup_key import with_dedup_key
from lambdas.orders.domain import Order
from lambdas.orders.rows import order_of, row_of, tombstone_of
from lambdas.runtime.bus import Bus
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.relay import Relay
from lambdas.runtime.settings import SettingMissing
from tests.support.aws_fakes import FakeEvents, FakeSqs
from tests.support.offers import put_on_offer
from tests.support.order_requests import BODY, line, placed, query, request
from tests.support.spy import Spy

Handler = Callable[[dict[str, Any], object], dict[str, Any]]

LIMIT = 100


@pytest.fixture
def checkpoints(make_table: Callable[..., str]) -> str:
    return make_table("checkpoints", "job")


@pytest.fixture
def backlog(checkpoints: str, dynamodb: Any) -> BacklogStore:
    return BacklogStore(checkpoints, dynamodb=dynamodb)


@pytest.fixture
def place_order(
    load_handler: Callable[..., Handler],
    make_table: Callable[..., str],
    dynamodb: Any,
    table: str,
    checkpoints: str,
) -> Handler:
    offers = make_table("offers", "sku")
    put_on_offer(dynamodb, offers, *BODY["lines"])
    settings = {"ORDERS_TABLE": table, "OFFERS_TABLE": offers, "OFFER_GRACE_SECONDS": "900"}
    limit = {"CHECKPOINTS_TABLE": checkpoints, "MAX_OPEN_ORDERS": str(LIMIT)}
    return load_handler("lambdas.orders.place_order", **settings, **limit)


@pytest.fixture
def get_order(load_handler: Callable[..., Handler], table: str) -> Handler:
    return load_handler("lambdas.orders.get_order", ORDERS_TABLE=table)


@pytest.fixture
def cancel_order(load_handler: Callable[..., Handler], table: str) -> Handler:
    return load_handler("lambdas.orders.cancel_order", ORDERS_TABLE=table)


@pytest.fixture
def keep(dynamodb: Any, table: str) -> Callable[[Order], Order]:
    """Keep an order as it is."""

    def keep(order: Order) -> Order:
        dynamodb.put_item(TableName=table, Item=to_item(row_of(order)))
        return order

    return keep


def content(answer: dict[str, Any]) -> Any:
    kind = "json" if answer["statusCode"] < 400 else "problem+json"
    assert answer["headers"]["content-type"] == f"application/{kind}"
    return json.loads(answer["body"])


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
        for store in (module.orders, module.offers_view, module.backlog):
            monkeypatch.setattr(store, "_dynamodb", Spy(store._dynamodb, made.append))

        place_order(request(key="1"), None)
        place_order(request(key="2"), None)

        assert made == ["get_item", "batch_get_item", "put_item", "put_item"]

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
        assert json.loads(logged) == {"message": "order_placed", "order_id": placed().order_id}

    def test_import_without_its_table_setting_fails(
        self, load_handler: Callable[..., Handler], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.delenv("ORDERS_TABLE", raising=False)

        with pytest.raises(SettingMissing, match="ORDERS_TABLE"):
            load_handler("lambdas.orders.place_order")


class TestGetOrder:
    def test_customer_sees_own_order(self, place_order: Handler, get_order: Handler):
        order_id = content(place_order(request(), None))["order_id"]

        answer = get_order(query(order_id), None)

        assert answer["statusCode"] == 200
        assert answer["headers"]["cache-control"] == "no-store"
        assert content(answer)["state"] == OrderState.PLACED
        assert content(answer)["lines"] == BODY["lines"]
        assert content(answer)["total"] == 3564

    def test_other_customer_gets_404(self, place_order: Handler, get_order: Handler):
        order_id = content(place_order(request(), None))["order_id"]

        strangers, unknown = (
            get_order(query(order_id, customer="12583"), None),
            get_order(query("unknown", customer="12583"), None),
        )

        assert strangers["statusCode"] == unknown["statusCode"] == 404
        assert strangers["body"].replace(order_id, "unknown") == unknown["body"]


CLAIM: dict[str, Any] = {
    "claim_owner": "execution",
    "claim_until": 1_000,
    "claimed_by": {"execution"},
}


class TestCancelOrder:
    @pytest.mark.parametrize(
        ("order", "status", "state"),
        [
            (placed(), 200, OrderState.CANCELLED),
            (replace(placed(), **CLAIM), 202, OrderState.PLACED),
            (replace(placed(), state=OrderState.CONFIRMED, sequence=2), 202, OrderState.WITHDRAWN),
            (replace(placed(), state=OrderState.WITHDRAWN, sequence=3), 202, OrderState.WITHDRAWN),
            (replace(placed(), state=OrderState.REJECTED, sequence=2), 200, OrderState.REJECTED),
            (replace(placed(), state=OrderState.CANCELLED, sequence=2), 200, OrderState.CANCELLED),
        ],
    )
    def test_cancellation_returns_the_state_of_the_order(
        self,
        cancel_order: Handler,
        get_order: Handler,
        keep: Callable[[Order], Order],
        order: Order,
        status: int,
        state: OrderState,
    ):
        keep(order)
        asked = query(order.order_id, method="DELETE")

        answer = cancel_order(asked, None)

        assert answer["statusCode"] == status
        assert content(answer) == {"order_id": order.order_id, "state": state}
        assert cancel_order(asked, None) == answer
        assert content(get_order(query(order.order_id), None))["state"] == state

    def test_dispatched_order_is_a_conflict(
        self, cancel_order: Handler, keep: Callable[[Order], Order], dynamodb: Any, table: str
    ):
        order = keep(replace(placed(), state=OrderState.DISPATCHED, sequence=3))

        answer = cancel_order(query(order.order_id, method="DELETE"), None)

        assert answer["statusCode"] == 409
        assert "on its way" in content(answer)["detail"]
        assert dynamodb.scan(TableName=table)["Items"] == [to_item(row_of(order))]

    def test_order_of_another_customer_is_not_cancelled(
        self, cancel_order: Handler, keep: Callable[[Order], Order], dynamodb: Any, table: str
    ):
        order = keep(placed())

        strangers, unknown = (
            cancel_order(query(id_, customer="12583", method="DELETE"), None)
            for id_ in (order.order_id, "unknown")
        )

        assert strangers["statusCode"] == unknown["statusCode"] == 404
        assert strangers["body"].replace(order.order_id, "unknown") == unknown["body"]
        assert dynamodb.scan(TableName=table)["Items"] == [to_item(row_of(order))]

    def test_request_is_logged_in_one_line_without_personal_data(
        self,
        cancel_order: Handler,
        keep: Callable[[Order], Order],
        capsys: pytest.CaptureFixture[str],
    ):
        order = keep(placed())

        cancel_order(query(order.order_id, method="DELETE"), None)

        (logged,) = capsys.readouterr().out.splitlines()
        assert json.loads(logged) == {
            "message": "cancellation_requested",
            "order_id": order.order_id,
            "state": OrderState.CANCELLED,
        }


def change(number: int, before: Order | None, after: Order) -> dict[str, Any]:
    """A record of the table's stream."""
    images = {"NewImage": to_item(row_of(after))}
    if before is not None:
        images["OldImage"] = to_item(row_of(before))
    return {"dynamodb": {"SequenceNumber": str(number), **images}}


def placements(number: int) -> list[dict[str, Any]]:
    return [change(100 + i, None, placed(key=str(i))) for i in range(number)]


class TestRelayOutbox:
    @pytest.fixture
    def relay(
        self, load_handler: Callable[..., Handler], monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[FakeEvents, list[dict[str, Any]]], list[str]]:
        handler = load_handler(
            "lambdas.orders.relay_outbox", EVENT_BUS="Orders", DEAD_LETTER_QUEUE_URL="dead-letters"
        )

        def run(
            events: FakeEvents, records: list[dict[str, Any]], queue: FakeSqs | None = None
        ) -> list[str]:
            module = sys.modules["lambdas.orders.relay_outbox"]
            relaying = Relay(
                to_event=module.to_event,
                publisher=Bus("Orders", eventbridge=events),
                dead_letters=DeadLetterQueue("dead-letters", sqs=queue or FakeSqs()),
            )
            monkeypatch.setattr(module, "relay", relaying)
            answer = handler({"Records": records}, None)
            return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

        return run

    def test_changes_are_published_in_order(self, relay: Any):
        order = placed()
        rejected = replace(
            order, state=OrderState.REJECTED, sequence=2, reason="OutOfStock", explanation="x"
        )
        events = FakeEvents()

        failed = relay(events, [change(1, None, order), change(2, order, rejected)])

        assert failed == []
        assert [entry["DetailType"] for entry in events.taken] == ["OrderPlaced", "OrderRejected"]
        assert {entry["EventBusName"] for entry in events.taken} == {"Orders"}
        assert {entry["Source"] for entry in events.taken} == {"com.aws.orders"}

    def test_expiry_has_no_event(self, relay: Any):
        order = placed()
        record = change(1, order, replace(order, state=OrderState.DISPATCHED, sequence=2))
        record["dynamodb"]["NewImage"] = to_item(tombstone_of(order, at="2026-12-31T00:00:00.000Z"))
        events, queue = FakeEvents(), FakeSqs()

        assert relay(events, [record], queue) == []
        assert (events.requests, queue.sent) == ([], [])

    def test_claim_has_no_event(self, relay: Any):
        order = placed()
        events = FakeEvents()

        assert relay(events, [change(1, order, replace(order, claim_owner="execution"))]) == []
        assert events.requests == []

    def test_records_of_rejected_events_are_reported_as_failed(self, relay: Any):
        records = placements(12)
        events = FakeEvents(refused={placed(key=key).order_id for key in ("3", "11")})

        assert relay(events, records) == ["103", "111"]
        assert len(events.taken) == 10

    def test_failure_of_the_bus_fails_the_batch(self, relay: Any):
        events = FakeEvents(broken=True)

        with pytest.raises(ConnectionError):
            relay(events, placements(1))

    def test_redelivered_record_has_the_same_event_id(self, relay: Any):
        events = FakeEvents()

        relay(events, placements(1))
        relay(events, placements(1))

        first, second = (json.loads(entry["Detail"])["metadata"] for entry in events.taken)
        assert first == second
