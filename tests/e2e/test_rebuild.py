"""Views are rebuilt from the archive by the operator's command, while events come in."""

import signal
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.orders import OrderCancelled, OrderConfirmed, OrderPlaced
from lambdas.storefront.customer_orders import build_order_upserts
from lambdas.storefront.sales import build_sales
from lambdas.storefront.timeline import build_timeline_upserts
from ops.deployed import CHOOSE
from tests.support.cli import ops
from tests.support.deliveries import eventually
from tests.support.small_stacks import client
from tests.support.storefront_platform import Platform, ada, platform
from tests.support.storefront_traffic import Traffic, items, outputs, rebuilding, rebuilt
from tests.support.tokens import subject
from tests.support.waiting import TIMEOUT_SECONDS

__all__ = ["ada", "platform"]


@pytest.fixture(scope="module")
def traffic(platform: Platform, ada: str) -> Traffic:
    traffic = Traffic(platform, subject(ada))
    for number in range(30):
        traffic.order(f"o{number}")
    return traffic


def noted(
    make: Callable[[list[EventEnvelope[Any]]], Any],
) -> Callable[[list[EventEnvelope[Any]]], Any]:
    def rows(events: list[EventEnvelope[Any]]) -> Any:
        return {n.order_id: set(n.attributes) | {"order_id"} for n in make(events)}

    return rows


def of_orders(event: EventEnvelope[Any]) -> bool:
    return isinstance(event.data, OrderPlaced | OrderConfirmed | OrderCancelled)


EXPECTED: dict[str, tuple[str, Callable[[list[EventEnvelope[Any]]], Any]]] = {
    "timelines": ("Timelines", noted(build_timeline_upserts)),
    "orders": (
        "CustomerOrders",
        noted(lambda events: build_order_upserts(filter(of_orders, events))),
    ),
    "sales": (
        "Sales",
        lambda events: {
            f"order/{sale.order_id}": {"partition_key", "sort_key"}
            for sale in build_sales(f for f in events if isinstance(f.data, OrderConfirmed))
        },
    ),
}
PATHS = {
    "timelines": "/orders/o1/timeline",
    "orders": "/orders?limit=5",
    "sales": "/sales?day=2026-12-01&per=product",
}


def rows(platform: Platform, table: str) -> Any:
    """The names of each row's attributes; counters have their own test."""
    found = items(platform, table)
    return {
        next(row[key]["S"] for key in ("partition_key", "order_id") if key in row): set(row)
        for row in found
        if "orders" not in row
    }


def up_to_date(platform: Platform, view: str, traffic: Traffic) -> None:
    """Wait until the view shows all published events."""
    name, expected = EXPECTED[view]
    table, wanted = outputs(platform)[f"{name}Table"], expected(traffic.published)
    assert eventually(lambda: rows(platform, table) == wanted), view


@pytest.mark.parametrize("view", EXPECTED)
def test_view_is_rebuilt_under_live_traffic_and_switched_without_a_gap(
    platform: Platform, ada: str, traffic: Traffic, view: str
):
    name, _ = EXPECTED[view]
    token = platform.operator if view == "sales" else ada
    assert eventually(lambda: platform.get(PATHS[view], token)[0] == 200)
    before = outputs(platform)

    with traffic.asked(PATHS[view], token) as statuses, traffic.flowing(view):
        code, said = rebuilt(platform, view, "--yes")

    after = outputs(platform)
    assert code == 0, said
    assert "equal: " in said
    assert "switched: " in said
    assert set(statuses) == {200}
    assert after[f"{name}Table"] == before[f"{name}StandbyTable"]
    assert after[f"{name}StandbyTable"] == before[f"{name}Table"]
    up_to_date(platform, view, traffic)


def test_rebuilt_view_equals_the_live_one_item_by_item(platform: Platform, traffic: Traffic):
    for view, (name, _) in EXPECTED.items():
        tables = outputs(platform)
        live, standby = tables[f"{name}Table"], tables[f"{name}StandbyTable"]
        up_to_date(platform, view, traffic)

        assert rebuilt(platform, view)[0] == 0

        assert items(platform, standby) == items(platform, live) != []
        assert outputs(platform) == tables


def test_difference_is_reported_and_the_view_is_switched_only_on_request(
    platform: Platform, traffic: Traffic
):
    tables = outputs(platform)
    up_to_date(platform, "timelines", traffic)
    client(platform.cloud, "dynamodb").delete_item(
        TableName=tables["TimelinesTable"], Key={"order_id": {"S": "o1"}}
    )

    code, said = rebuilt(platform, "timelines", "--compare-timeout", "3", "--yes")

    assert (code, "differs: o1" in said, "switched" in said) == (1, True, False)
    assert outputs(platform) == tables

    code, said = rebuilt(
        platform, "timelines", "--compare-timeout", "3", "--yes", "--despite-differences"
    )

    assert (code, "switched" in said) == (0, True)
    assert "o1" in rows(platform, outputs(platform)["TimelinesTable"])


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_interrupted_rebuild_can_be_run_again(
    platform: Platform, traffic: Traffic, ending: signal.Signals
):
    broken = ops(platform.cloud, *rebuilding("timelines"))
    assert broken.stdout is not None
    assert broken.stdout.readline().startswith("emptied: ")
    broken.send_signal(ending)
    broken.communicate(timeout=TIMEOUT_SECONDS)
    assert (
        broken.returncode == {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}[ending]
    )

    code, said = rebuilt(platform, "timelines")

    assert code == 0, said


def test_missing_environment_is_an_error_of_one_line(platform: Platform):
    code, said = rebuilt(platform, "timelines", "--env", "prod")
    assert (code, said) == (
        2,
        f"there is no stack Orders-Prod-… in {platform.cloud.region}: {CHOOSE}\n",
    )
