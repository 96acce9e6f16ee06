"""Availability is made afresh of what inventory has in stock, while that changes."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from lambdas.runtime.dynamodb import from_item
from ops.views.compare import PAGE
from tests.support.deliveries import eventually
from tests.support.small_stacks import client
from tests.support.storefront_platform import Platform, ada, platform
from tests.support.storefront_traffic import Traffic, items, outputs, rebuilt
from tests.support.tokens import subject

__all__ = ["ada", "platform"]

SKUS = [f"S{number}" for number in range(2 * PAGE + 7)]


@dataclass(frozen=True, slots=True)
class Stock(Traffic):
    """Puts goods on inventory's shelves."""

    def arrives(self, delivery: str, *skus: str) -> None:
        answer = client(self.platform.cloud, "lambda").invoke(
            FunctionName=self.platform.outputs["ReceiveStockFunction"],
            Payload=json.dumps(
                {
                    "delivery_id": delivery,
                    "lines": [{"sku": sku, "quantity": 1 + len(sku)} for sku in skus],
                }
            ),
        )
        assert "FunctionError" not in answer, answer["Payload"].read()

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """Something arrives again and again until the block ends."""
        over = threading.Event()

        def arrive() -> None:
            number = 0
            while not over.wait(0.1):
                self.arrives(f"more-{number}", *self.dice.sample(SKUS, 3))
                number += 1

        with self._in_background(arrive, over):
            yield

    @property
    def there(self) -> dict[str, tuple[int, int]]:
        """How many units of each SKU there are, and by which change."""
        return numbers(self.platform, self.platform.outputs["StockTable"])


def numbers(platform: Platform, table: str) -> dict[str, tuple[int, int]]:
    rows = (from_item(item) for item in items(platform, table))
    return {row["sku"]: (row["available"], row["sequence"]) for row in rows}


def shown(platform: Platform, tables: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    return numbers(platform, tables["AvailabilityTable"])


@pytest.fixture(scope="module")
def stock(platform: Platform, ada: str) -> Stock:
    stock = Stock(platform, subject(ada))
    for at in range(0, len(SKUS), 40):
        stock.arrives(f"opening-{at}", *SKUS[at : at + 40])
    assert eventually(lambda: shown(platform, outputs(platform)) == stock.there)
    assert len(stock.there) == len(SKUS)
    return stock


def test_availability_is_rebuilt_under_load_and_switched_without_a_gap(
    platform: Platform, ada: str, stock: Stock
):
    path, before = f"/products/{SKUS[0]}", outputs(platform)

    with stock.asked(path, ada) as statuses, stock.arriving():
        code, said = rebuilt(platform, "availability", "--yes")

    after = outputs(platform)
    assert code == 0, said
    assert f"equal: {len(SKUS)} items" in said
    assert "switched: " in said
    assert set(statuses) == {200}
    assert after["AvailabilityTable"] == before["AvailabilityStandbyTable"]
    assert after["AvailabilityStandbyTable"] == before["AvailabilityTable"]
    assert eventually(lambda: shown(platform, after) == stock.there)
    status, product, _ = platform.get(path, ada)
    assert (status, product["available"]) == (200, stock.there[SKUS[0]][0])


def test_wrong_item_is_reported_and_corrected(platform: Platform, stock: Stock):
    tables, dynamodb = outputs(platform), client(platform.cloud, "dynamodb")
    live: dict[str, Any] = {"TableName": tables["AvailabilityTable"]}
    dynamodb.delete_item(**live, Key={"sku": {"S": "S1"}})
    dynamodb.update_item(
        **live,
        Key={"sku": {"S": "S2"}},
        UpdateExpression="SET available = :wrong",
        ExpressionAttributeValues={":wrong": {"N": "99"}},
    )

    code, said = rebuilt(platform, "availability", "--compare-timeout", "3", "--yes")

    assert (code, "differs: S1" in said, "differs: S2" in said) == (1, True, True)
    assert f"not equal: 2 of {len(SKUS) - 1} items differ" in said
    assert outputs(platform) == tables

    code, said = rebuilt(
        platform, "availability", "--compare-timeout", "3", "--yes", "--despite-differences"
    )

    assert (code, "switched: " in said) == (0, True)
    assert shown(platform, outputs(platform)) == stock.there
