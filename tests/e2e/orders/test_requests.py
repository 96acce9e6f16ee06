"""What the API accepts, refuses and shows to whom."""

import json

import pytest

from demo import api_client
from demo.offers import put_prices_on_offer
from tests.support.order_outcomes import check_promises, ended
from tests.support.orders_platform import (
    HERE,
    NOWHERE,
    PRICE,
    SKU,
    Platform,
    cancel,
    no_saga_starts,
    place,
    row,
)
from tests.support.waiting import wait_until


class TestTheDoor:
    def keys(self, platform: Platform) -> set[str]:
        answer = platform.client("dynamodb").scan(TableName=platform.outputs["OrdersTable"])
        return {item["order_id"]["S"] for item in answer["Items"]}

    def test_reused_key_is_a_conflict(self, platform):
        order = place(platform, "reused")
        assert ended(platform, order) == [("CONFIRMED", None)]

        assert place(platform, "reused") == order
        answer = platform.api.place(
            customer="ada",
            key=platform.key("reused"),
            country=HERE,
            lines=[{"sku": SKU, "quantity": 2, "unit_price": PRICE}],
        )

        assert answer.status == 409
        assert "Idempotency-Key" in answer.body["detail"]
        check_promises(platform)

    def test_order_is_visible_to_its_customer_only(self, platform):
        with no_saga_starts(platform):
            order = place(platform, "private")
            before = row(platform, order)

            asked = [
                platform.api.order(order, customer="bob"),
                platform.api.cancel(order, customer="bob"),
            ]

            assert [answer.status for answer in asked] == [404, 404]
            assert row(platform, order) == before
            cancel(platform, order)

    def test_price_that_is_not_on_offer_is_refused_and_keeps_nothing(self, platform):
        sku, token = platform.key("heart"), platform.customers.token("ada")
        put_prices_on_offer(platform.cloud, platform.outputs, [sku], PRICE)

        def try_price(price: int) -> api_client.ApiResponse:
            lines = [{"sku": sku, "quantity": 1, "unit_price": price}]
            answer: api_client.ApiResponse = platform.api.place(
                customer="ada", key=platform.key("priced"), country=NOWHERE, lines=lines
            )
            return answer

        before = self.keys(platform)
        refused = try_price(PRICE - 1)

        assert refused.status == 409
        (problem,) = refused.body["errors"]
        assert problem["field"] == "lines[0].unit_price"
        assert [offer["unit_price"] for offer in problem["offers"]] == [PRICE]
        assert self.keys(platform) == before
        assert try_price(PRICE).status == 202

        def shown() -> list[int]:
            answer = platform.http.request(
                "GET",
                f"{platform.outputs['ApiUrl']}/products/{sku}",
                headers={"Authorization": f"Bearer {token}"},
                retries=False,
            )
            product = json.loads(answer.data)
            return [offer["unit_price"] for offer in product.get("offers", [])]

        wait_until("the storefront shows the offer", lambda: shown() == [PRICE])

    @pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
    def test_request_without_a_token_is_refused(self, platform, method):
        path = "/orders" if method == "POST" else f"/orders/{'0' * 32}"

        answer = platform.http.request(method, platform.outputs["ApiUrl"] + path, retries=False)

        assert answer.status == 401

    def test_bad_order_is_refused_field_by_field_and_leaves_no_trace(self, platform):
        before = self.keys(platform)

        answer = platform.api.place(
            customer="ada",
            key=platform.key("bad"),
            country="",
            lines=[{"sku": SKU, "quantity": 0, "unit_price": -1}, {}],
        )

        assert answer.status == 400
        assert [problem["field"] for problem in answer.body["errors"]] == [
            "country",
            "lines[0].quantity",
            "lines[0].unit_price",
            "lines[1].sku",
            "lines[1].quantity",
            "lines[1].unit_price",
        ]
        assert self.keys(platform) == before
