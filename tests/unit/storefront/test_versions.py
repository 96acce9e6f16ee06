"""Views of events of several versions, as they are projected and as they are rebuilt."""

import json
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import pytest

from lambdas.contracts.codec import decode
from lambdas.contracts.orders import OrderCancelled
from lambdas.contracts.responses import encode_response
from lambdas.storefront.api import ListedOrder
from lambdas.storefront.customer_orders import render_order
from lambdas.storefront.order_upserts import events_of
from lambdas.storefront.timeline import render_timeline
from ops.views.registry import VIEWS
from tests.contracts.catalog import read, sample_of
from tests.support.order_events import placed
from tests.support.projections import projection_maker
from tests.support.view_tables import FakeTable

VERSIONS = OrderCancelled.reads()
EXPLANATION = {1: None, 2: "it repeats an earlier order"}


def cancelled(version: int, order: str) -> bytes:
    """The event as it is delivered: the sample of its version, about this order."""
    event = read(sample_of(OrderCancelled, version if version in VERSIONS else VERSIONS[-1]))
    event["detail"]["metadata"] |= {"subject": order, "schema_version": version}
    event["detail"]["data"]["order_id"] = order
    return json.dumps(event).encode()


@pytest.mark.parametrize("name", ["update_timelines", "update_customer_orders"])
def test_known_versions_are_projected_and_an_unknown_one_is_dead_lettered(
    load_offline_handler: Callable[..., Any], name: str
):
    projection = projection_maker(load_offline_handler, name)()

    failed = projection.deliver(*((f"o{v}", cancelled(v, f"o{v}")) for v in (*VERSIONS, 9)))

    assert failed == []
    assert set(projection.table.items) == {(f"o{version}",) for version in VERSIONS}
    assert projection.reasons == [
        "not a OrderCancelled: schema_version is 9, this code reads 1 and 2"
    ]


@pytest.mark.parametrize(
    ("name", "view"), [("update_timelines", "timelines"), ("update_customer_orders", "orders")]
)
def test_rebuilt_view_of_mixed_versions_equals_the_live_one(
    load_offline_handler: Callable[..., Any], name: str, view: str
):
    live = projection_maker(load_offline_handler, name)()
    bodies = [cancelled(version, f"o{version}") for version in VERSIONS]
    live.deliver(*((f"o{v}", body) for v, body in zip(VERSIONS, bodies, strict=True)))

    rebuilt: Any = FakeTable()
    events = [VIEWS[view].parse(body) for body in bodies]
    VIEWS[view].projector("table", rebuilt)([event for event in events if event is not None])

    assert rebuilt.items == live.table.items


@pytest.mark.parametrize("published", [*permutations(VERSIONS)])
def test_event_that_a_retry_published_in_two_versions_is_shown_once_as_the_newest(
    load_offline_handler: Callable[..., Any], published: Sequence[int]
):
    """A relay's retry after a release publishes the same event in another version."""
    timelines = projection_maker(load_offline_handler, "update_timelines")()
    orders = projection_maker(load_offline_handler, "update_customer_orders")()
    rebuilt: Any = {"timelines": FakeTable(), "orders": FakeTable()}
    bodies = [cancelled(version, "o1") for version in published]
    for view, live in (("timelines", timelines), ("orders", orders)):
        live.deliver(placed("o1", "12583"))
        for body in bodies:
            live.deliver(("o1", body))
        for event in map(VIEWS[view].parse, reversed(bodies)):
            assert event
            VIEWS[view].projector("table", rebuilt[view])([event])
        VIEWS[view].projector("table", rebuilt[view])([placed("o1", "12583")])

        assert rebuilt[view].items == live.table.items

    lines = render_timeline(timelines.table.items["o1",])["events"]
    assert [line["event"] for line in lines] == ["OrderPlaced", "OrderCancelled"]
    assert lines[-1]["explanation"] == EXPLANATION[2]
    assert render_order(orders.table.items["o1",])["explanation"] == EXPLANATION[2]


@pytest.mark.parametrize("version", VERSIONS)
def test_customer_sees_the_explanation_that_the_version_has(
    load_offline_handler: Callable[..., Any], version: int
):
    timelines = projection_maker(load_offline_handler, "update_timelines")()
    orders = projection_maker(load_offline_handler, "update_customer_orders")()
    for projection in (timelines, orders):
        projection.deliver(placed("o1"), ("o1", cancelled(version, "o1")))

    line = render_timeline(timelines.table.items["o1",])["events"][-1]
    listed = encode_response(decode(ListedOrder, render_order(orders.table.items["o1",])))

    assert (line["event"], listed["state"]) == ("OrderCancelled", "CANCELLED")
    assert line.get("explanation") == listed.get("explanation") == EXPLANATION[version]
    assert ("reason" in line) is (version > 1)


def test_row_whose_keys_have_no_version_is_read():
    """Rows that were projected before keys had one stay until their view is rebuilt."""
    row = {"orders/10": "old", "orders/2": "first", "orders/10/2": "new", "customer_id": "c"}

    assert events_of(row) == {("orders", 2): "first", ("orders", 10): "new"}
    assert list(events_of(row)) == [("orders", 2), ("orders", 10)]
