"""The view of products: its update by events, and the query for a product."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.contracts.catalog import Offer, OffersChanged
from lambdas.storefront.availability import Availability
from lambdas.storefront.products import ProductOffers
from lambdas.storefront.store import AvailabilityView, ProductView
from tests.contracts.catalog import read, sample_of

AT = "2026-01-01T00:00:03+00:00"
STOCK = Availability(sku="A", state="IN_STOCK", available=7, sequence=3, changed_at=AT)
PRODUCT = ProductOffers(
    sku="A",
    name="Article A",
    offers=(Offer(currency="GBP", unit_price=255, valid_from=AT),),
    sequence=1,
    changed_at=AT,
)


class TestHandlers:
    @pytest.fixture
    def tables(self, make_table: Callable[..., str]) -> dict[str, str]:
        names = {"AVAILABILITY_TABLE": "availability", "PRODUCTS_TABLE": "products"}
        return {setting: make_table(name, "sku") for setting, name in names.items()}

    def test_event_is_shown_and_an_older_one_changes_nothing(
        self, load_handler: Callable[..., Any], tables: dict[str, str], dynamodb: Any
    ):
        update = load_handler(
            "lambdas.storefront.update_products", PRODUCTS_TABLE=tables["PRODUCTS_TABLE"]
        )
        event = read(sample_of(OffersChanged))
        older = json.loads(json.dumps(event))
        older["detail"]["metadata"]["sequence"] -= 1
        older["detail"]["data"]["name"] = "as it was"

        update(event, None)
        update(older, None)

        found = ProductView(tables["PRODUCTS_TABLE"], dynamodb=dynamodb).find("85123A")
        assert found is not None
        assert found.name == event["detail"]["data"]["name"]

    def test_product_is_returned_with_stock_and_offers(
        self, load_handler: Callable[..., Any], tables: dict[str, str], dynamodb: Any
    ):
        get = load_handler("lambdas.storefront.get_product", **tables)
        AvailabilityView(tables["AVAILABILITY_TABLE"], dynamodb=dynamodb).put_if_newer(STOCK)
        ProductView(tables["PRODUCTS_TABLE"], dynamodb=dynamodb).put_if_newer(PRODUCT)

        answer = get({"pathParameters": {"sku": "A"}}, None)

        shown = json.loads(answer["body"])
        assert (answer["statusCode"], shown["name"], shown["available"]) == (200, "Article A", 7)

    @pytest.mark.parametrize(
        ("table", "column"), [("AVAILABILITY_TABLE", "available"), ("PRODUCTS_TABLE", "offers")]
    )
    def test_product_with_a_row_that_cannot_be_read_is_said_to_be_so(
        self,
        load_handler: Callable[..., Any],
        tables: dict[str, str],
        dynamodb: Any,
        table: str,
        column: str,
    ):
        get = load_handler("lambdas.storefront.get_product", **tables)
        AvailabilityView(tables["AVAILABILITY_TABLE"], dynamodb=dynamodb).put_if_newer(STOCK)
        ProductView(tables["PRODUCTS_TABLE"], dynamodb=dynamodb).put_if_newer(PRODUCT)
        dynamodb.update_item(
            TableName=tables[table],
            Key={"sku": {"S": "A"}},
            UpdateExpression=f"SET {column} = :bad",
            ExpressionAttributeValues={":bad": {"S": "many"}},
        )

        answer = get({"pathParameters": {"sku": "A"}}, None)

        assert answer["statusCode"] == 503
        assert json.loads(answer["body"])["type"] == "urn:problem-type:orders:unreadable"
