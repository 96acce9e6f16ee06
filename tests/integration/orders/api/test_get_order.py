"""A customer sees their own order, and nobody else's."""

import json
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from tests.support.order_api import Handler, content
from tests.support.order_requests import BODY, query, request


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

    def test_order_whose_row_cannot_be_read_is_said_to_be_so_to_its_customer_only(
        self,
        place_order: Handler,
        get_order: Handler,
        cancel_order: Handler,
        dynamodb: Any,
        table: str,
        capsys: pytest.CaptureFixture[str],
    ):
        order_id = content(place_order(request(), None))["order_id"]
        dynamodb.update_item(
            TableName=table,
            Key={"order_id": {"S": order_id}},
            UpdateExpression="SET country = :bad",
            ExpressionAttributeValues={":bad": {"N": "7"}},
        )
        capsys.readouterr()

        answers = [
            get_order(query(order_id), None),
            cancel_order(query(order_id), None),
            place_order(request(), None),
        ]

        logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [answer["statusCode"] for answer in answers] == [503] * 3
        assert {content(answer)["type"] for answer in answers} == {
            "urn:problem-type:orders:unreadable"
        }
        lines, counts = logged[::2], logged[1::2]
        assert {(line["message"], line["level"]) for line in lines} == {("row_unreadable", "ERROR")}
        assert lines[0]["key"] == {"order_id": order_id}
        assert {(each["Environment"], each["RowsUnreadable"]) for each in counts} == {("test", 1)}
        assert len(lines) == len(counts) == len(answers)
        assert get_order(query(order_id, customer="12583"), None)["statusCode"] == 404
