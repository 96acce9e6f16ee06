"""A customer sees their own order, and nobody else's."""

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
