"""Orders' view of the offers, compared with the catalogue's table and made equal to it."""

import json
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest

from lambdas.catalog.domain import Product
from lambdas.contracts.catalog import Offer
from lambdas.contracts.codec import encode
from lambdas.orders.offers import SkuOffers
from lambdas.runtime.dynamodb import from_item, to_item
from ops.commands import offers_reload
from ops.deployed import Deployed
from ops.terminal import Terminal
from ops.views.compare import PAGE

OFFER = Offer(currency="GBP", unit_price=255, valid_from="2026-12-01T08:00:00.000Z")
OTHER = Offer(currency="GBP", unit_price=1, valid_from="2026-12-01T08:00:00.000Z")


@dataclass
class World:
    """The catalogue's table, and orders' view of it."""

    dynamodb: Any
    products: str
    offers: str
    capsys: pytest.CaptureFixture[str]

    def client(self, _: str) -> Any:
        return self.dynamodb

    def outputs(self, stack: str) -> dict[str, str]:
        return {
            "Catalog": {"CatalogTable": self.products},
            "Orders": {"OffersTable": self.offers},
        }[stack]

    def sell(self, sku: str, sequence: int = 1) -> None:
        product = Product(
            sku=sku,
            name="Lantern",
            offers=(OFFER,),
            sequence=sequence,
            changed_at="2026-12-01T08:00:00.000Z",
            request_id="r",
        )
        self.dynamodb.put_item(TableName=self.products, Item=to_item(encode(product)))

    def know(self, sku: str, sequence: int = 1, offer: Offer = OFFER) -> None:
        offers = SkuOffers(sku=sku, sequence=sequence, offers=(offer,))
        self.dynamodb.put_item(TableName=self.offers, Item=to_item(encode(offers)))

    def known(self) -> dict[str, tuple[int, int]]:
        rows = map(from_item, self.dynamodb.scan(TableName=self.offers)["Items"])
        return {row["sku"]: (row["sequence"], row["offers"][0]["unit_price"]) for row in rows}

    def reload(self, *, yes: bool = True, json: bool = False) -> tuple[int, str]:
        arguments = Namespace(yes=yes, json=json)
        code = offers_reload.run(arguments, cast(Deployed, self), Terminal())
        return code, self.capsys.readouterr().out


@pytest.fixture
def world(
    dynamodb: Any, make_table: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> World:
    return World(dynamodb, make_table("products", "sku"), make_table("offers", "sku"), capsys)


def test_missing_late_and_wrong_offers_are_written(world: World):
    for sku in ("missing", "late", "wrong", "right"):
        world.sell(sku, 2)
    world.know("late", 1, OTHER)
    world.know("wrong", 2, OTHER)
    world.know("right", 2)

    code, said = world.reload()

    assert code == 0
    assert {line.split(": ")[1] for line in said.splitlines()} == {"missing", "late", "wrong"}
    assert world.known() == dict.fromkeys(("missing", "late", "wrong", "right"), (2, 255))
    assert world.reload() == (0, "equal: orders knows all offers of the catalogue\n")


def test_newer_offers_stay(world: World):
    world.sell("s", 2)
    world.know("s", 3, OTHER)

    assert world.reload()[0] == 0
    assert world.known() == {"s": (3, 1)}


def test_without_yes_nothing_is_written(world: World):
    world.sell("s")

    code, said = world.reload(yes=False)

    assert (code, world.known()) == (1, {})
    assert said == "differs: s: change 1 of the catalogue, orders knew nothing\n"


def test_row_that_orders_cannot_read_is_written(world: World):
    world.sell("s")
    world.dynamodb.put_item(
        TableName=world.offers, Item=to_item({"sku": "s", "sequence": "many", "offers": []})
    )

    assert world.reload()[0] == 0
    assert world.known() == {"s": (1, 255)}


def test_row_of_the_catalogue_that_cannot_be_read_is_left_for_a_person(world: World):
    world.sell("good")
    world.dynamodb.put_item(TableName=world.products, Item=to_item({"sku": "garbled"}))

    code, said = world.reload(json=True)

    assert (code, json.loads(said)["unreadable"]) == (1, 1)
    assert set(world.known()) == {"good"}


def test_more_products_than_a_page_are_all_written(world: World):
    for number in range(PAGE + 3):
        world.sell(f"s{number}")

    assert world.reload()[0] == 0
    assert len(world.known()) == PAGE + 3
