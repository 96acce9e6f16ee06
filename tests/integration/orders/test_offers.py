"""The view of offers, and the prices of orders, with real tables."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.contracts.catalog import Offer, OffersChanged
from lambdas.orders.offers import SkuOffers
from lambdas.orders.offers_view import OffersView
from lambdas.runtime.dynamodb import UnprocessedKeysError
from tests.contracts.catalog import read, sample_of
from tests.support.doubles import ClientDouble
from tests.support.offers import LONG_AGO, put_on_offer
from tests.support.order_requests import BODY, NO_LIMITS, line, request

Place = Callable[..., tuple[int, Any]]


@pytest.fixture
def offers_table(make_table: Callable[..., str]) -> str:
    return make_table("offers", "sku")


@pytest.fixture
def place(
    load_handler: Callable[..., Any],
    make_table: Callable[..., str],
    table: str,
    offers_table: str,
) -> Place:
    handler = load_handler(
        "lambdas.orders.place_order",
        ORDERS_TABLE=table,
        CHECKPOINTS_TABLE=make_table("checkpoints", "job"),
        MAX_OPEN_ORDERS="100",
        OPEN_ORDERS_TABLE=make_table("open-orders", "customer_id"),
        CUSTOMER_LIMITS=NO_LIMITS,
        OFFERS_TABLE=offers_table,
        OFFER_GRACE_SECONDS="900",
    )

    def place(body: object = BODY) -> tuple[int, Any]:
        answer = handler(request(body), None)
        return answer["statusCode"], json.loads(answer["body"])

    return place


def stored(dynamodb: Any, table: str) -> int:
    return len(dynamodb.scan(TableName=table)["Items"])


class TestPlaceOrder:
    def test_edited_row_has_nothing_on_offer_and_the_next_event_replaces_it(
        self,
        place: Place,
        dynamodb: Any,
        offers_table: str,
        capsys: pytest.CaptureFixture[str],
    ):
        put_on_offer(dynamodb, offers_table, *BODY["lines"])
        edited = {"sku": {"S": "71053"}, "sequence": {"S": "one"}, "offers": {"L": []}}
        dynamodb.put_item(TableName=offers_table, Item=edited)

        status, refused = place()

        assert (status, len(refused["errors"])) == (409, 1)
        logged = capsys.readouterr().out
        assert '"offers_unreadable", "level": "ERROR", "sku": "71053"' in logged
        assert logged.count('"RowsUnreadable": 1') == 1
        offer = Offer(
            currency="GBP", unit_price=BODY["lines"][1]["unit_price"], valid_from=LONG_AGO
        )
        changed = SkuOffers(sku="71053", sequence=1, offers=(offer,))
        assert OffersView(offers_table, dynamodb=dynamodb).put_if_newer(changed)
        assert place()[0] == 202

    def test_price_that_is_not_on_offer_keeps_nothing_under_the_key(
        self, place: Place, dynamodb: Any, table: str, offers_table: str
    ):
        put_on_offer(dynamodb, offers_table, *BODY["lines"])
        tampered = BODY | {"lines": [BODY["lines"][0], line(sku="71053", unit_price=1)]}

        status, content = place(tampered)

        assert status == 409
        assert content["type"] == "urn:problem-type:orders:price-not-on-offer"
        (problem,) = content["errors"]
        assert problem["field"] == "lines[1].unit_price"
        assert [offer["unit_price"] for offer in problem["offers"]] == [339]
        assert stored(dynamodb, table) == 0
        assert place()[0] == 202

    def test_retry_is_answered_as_before_when_the_price_has_changed(
        self, place: Place, dynamodb: Any, offers_table: str
    ):
        put_on_offer(dynamodb, offers_table, *BODY["lines"])
        first = place()
        put_on_offer(dynamodb, offers_table, line(unit_price=999))

        assert place() == first

    def test_reused_key_is_named_before_the_price(
        self, place: Place, dynamodb: Any, offers_table: str
    ):
        put_on_offer(dynamodb, offers_table, *BODY["lines"])
        place()

        status, content = place(BODY | {"lines": [line(unit_price=1)]})

        assert status == 409
        assert "Idempotency-Key" in content["detail"]


class TestView:
    def test_event_is_stored_and_an_older_one_changes_nothing(
        self, load_handler: Callable[..., Any], dynamodb: Any, offers_table: str
    ):
        update = load_handler("lambdas.orders.update_offers", OFFERS_TABLE=offers_table)
        event = read(sample_of(OffersChanged))
        older = json.loads(json.dumps(event))
        older["detail"]["metadata"]["sequence"] -= 1
        older["detail"]["data"]["offers"] = []

        assert update(event, None)["stored"] is True
        assert update(older, None)["stored"] is False
        assert update(event, None)["stored"] is False

        found = OffersView(offers_table, dynamodb=dynamodb).find(["85123A", "other"])
        assert {sku: len(offers) for sku, offers in found.items()} == {"85123A": 2}

    def test_ninety_skus_are_one_request_and_unprocessed_keys_are_requested_again(
        self, dynamodb: Any, offers_table: str
    ):
        skus = [f"SKU-{n}" for n in range(90)]
        put_on_offer(dynamodb, offers_table, *(line(sku=sku) for sku in skus))
        whole, throttled = (Throttled(dynamodb, left=left) for left in (0, 10))

        assert len(OffersView(offers_table, dynamodb=whole).find(skus)) == 90
        assert len(OffersView(offers_table, dynamodb=throttled).find(skus)) == 90
        assert (whole.requests, throttled.requests) == (1, 2)

    def test_keys_that_stay_unprocessed_raise(self, dynamodb: Any, offers_table: str):
        nothing = Throttled(dynamodb, left=1, for_ever=True)

        with pytest.raises(UnprocessedKeysError, match="try again"):
            OffersView(offers_table, dynamodb=nothing).find(["A"])


class Throttled(ClientDouble):
    """Leaves the last keys of the first request unprocessed, or of every one."""

    def __init__(self, dynamodb: Any, *, left: int, for_ever: bool = False) -> None:
        self.requests = 0
        self._dynamodb = dynamodb
        self._left = left
        self._for_ever = for_ever

    def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803
        self.requests += 1
        ((table, wanted),) = RequestItems.items()
        left = self._left if self._for_ever or self.requests == 1 else 0
        keys = wanted["Keys"]
        now, later = keys[: len(keys) - left], keys[len(keys) - left :]
        found = (
            self._dynamodb.batch_get_item(RequestItems={table: {"Keys": now}})["Responses"]
            if now
            else {table: []}
        )
        return {
            "Responses": found,
            "UnprocessedKeys": {table: {**wanted, "Keys": later}} if later else {},
        }
