"""The query of a timeline: a customer gets that of their own order only."""

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.storefront.store import PerOrderView
from lambdas.storefront.timeline import build_timeline_upserts
from tests.support.order_events import order_history
from tests.support.queries import Get, make_get


class TestTimeline:
    @pytest.fixture
    def table(self, make_table: Callable[..., str]) -> str:
        return make_table("view", "order_id")

    @pytest.fixture
    def get(self, load_handler: Callable[..., Any], table: str, dynamodb: Any) -> Get:
        for upsert in build_timeline_upserts(
            [*order_history("o1"), *order_history("o2", "bob")[3:5]]
        ):
            PerOrderView(table, dynamodb=dynamodb).upsert(upsert)
        return make_get(load_handler("lambdas.storefront.get_timeline", TIMELINES_TABLE=table))

    def test_owner_gets_the_timeline(self, get: Get):
        status, content = get(order_id="o1")

        assert (status, len(content["events"])) == (200, 6)

    @pytest.mark.parametrize(
        ("name", "edited"),
        [
            ("orders/9/edited", {"M": {"event": {"S": "OrderPlaced"}}}),
            ("orders/93/1", {"S": "no event"}),
            ("orders/94/1", {"M": {"at": {"S": "yesterday"}, "event": {"S": "OrderPlaced"}}}),
            ("orders/95/1", {"M": {"at": {"S": "2026-12-01T08:00:00"}, "event": {"S": "x"}}}),
            ("orders/96/1", {"NS": ["1", "2"]}),
            ("/", {"NULL": True}),
        ],
    )
    def test_edited_event_is_left_out_and_logged(
        self,
        get: Get,
        table: str,
        dynamodb: Any,
        name: str,
        edited: dict[str, Any],
        capsys: pytest.CaptureFixture[str],
    ):
        dynamodb.update_item(
            TableName=table,
            Key={"order_id": {"S": "o1"}},
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": edited},
        )

        status, content = get(order_id="o1")

        assert (status, len(content["events"])) == (200, 6)
        logged = capsys.readouterr().out
        assert '"timeline_event_left_out", "level": "ERROR", "order_id": "o1"' in logged
        assert logged.count('"RowsUnreadable": 1') == 1
        assert f'"name": "{name}"' in logged

    @pytest.mark.parametrize(("customer", "order"), [("bob", "o1"), ("ada", "o9"), ("bob", "o2")])
    def test_order_of_another_customer_or_unknown_owner_is_404(
        self, get: Get, customer: str, order: str
    ):
        """No event of o2 that names its customer has been processed yet."""
        status, content = get(customer=customer, order_id=order)

        assert (status, content["detail"]) == (404, f"you have no order {order}")

    def test_oversized_order_id_is_400(self, get: Get):
        assert get(order_id="ä" * 1_025)[0] == 400
