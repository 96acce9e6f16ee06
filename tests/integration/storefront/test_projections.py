"""DynamoDB does with the requests of projections what the fake table of the unit tests does."""

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.runtime.dynamodb import from_item
from tests.support.order_events import (
    order_history,
    placed,
    rejected,
)
from tests.support.projections import SETTINGS, Projection, projection_maker

Make = Callable[..., Projection]


@pytest.fixture(params=[*SETTINGS])
def make(request: pytest.FixtureRequest, load_handler: Callable[..., Any]) -> Make:
    """Make a projection with an empty table, for each of the three."""
    return projection_maker(load_handler, request.param)


def test_dynamodb_behaves_as_the_fake_table(
    make: Make, make_table: Callable[..., str], dynamodb: Any
):
    published = [*order_history("o1"), placed("o2", "bob"), rejected("o2", "bob")]
    fake = make()
    fake.deliver(*published)
    real = make(dynamodb)
    keys = (
        ("order_id", "")
        if "sales" not in real.handler.__module__
        else ("partition_key", "sort_key")
    )
    name = make_table("view", keys[0], sorted_by=keys[1])
    real.handler.__globals__["view"]._table = name

    for batch in (published[4:], published[:5], published[2:], published):
        assert real.deliver(*batch) == []

    found = [from_item(item) for item in dynamodb.scan(TableName=name)["Items"]]
    assert sorted(found, key=str) == sorted(fake.table.items.values(), key=str)
