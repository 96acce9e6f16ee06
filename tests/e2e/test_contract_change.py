"""An event's contract changes under load, in the two releases of docs/how-to/change-an-event.md.

Today's release knows ``OrderCancelled`` 1 only; A reads 1 and 2, and publishes 1; B publishes 2.
Each is deployed over the one before while customers place and cancel orders. One view gets no
events until B is deployed, and one consumer's queue is read only then: events of all three
releases wait on the stream and in the queue, and they are in the archive.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from demo.invariant_checks import CHECKS
from demo.stock_delivery import deliver_stock
from emulator.cloud import Cloud, running
from emulator.deploy import deploy
from lambdas.contracts.commands import CANCELLED
from lambdas.contracts.orders import OrderCancelled
from lambdas.contracts.parsing import parse_event
from lambdas.contracts.patterns import live_pattern
from tests.support.cli import run_ops
from tests.support.customer import Customer
from tests.support.deliveries import received
from tests.support.listeners import listen
from tests.support.patching import disable_schedules
from tests.support.platform_env import SKU, Platform, running_platform
from tests.support.releases import RELEASE_A, RELEASE_B, TODAY, synthesize_release
from tests.support.waiting import wait_until

RELEASES = {"today": TODAY, "a": RELEASE_A, "b": RELEASE_B}
REBUILT = ("timelines", "orders")
"""The views that show cancellations."""


@pytest.fixture(scope="module")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Each release's cloud assembly."""
    folder = tmp_path_factory.mktemp("releases")
    with ThreadPoolExecutor(len(RELEASES)) as pool:
        assembled = pool.map(
            lambda name: synthesize_release(RELEASES[name], folder / name), RELEASES
        )
        return dict(zip(RELEASES, assembled, strict=True))


def test_a_contract_changes_in_two_releases_and_no_event_is_lost(assemblies: Mapping[str, Path]):
    with running() as cloud, closing(in_memory_database()) as database:
        release = partial(deploy, cloud, concurrency=1, progress=lambda _: None)
        platform = open_shop(cloud, release(assembly=assemblies["today"]), database)
        customer = Customer(platform)
        late = listen(
            cloud,
            platform.outputs["EventBus"],
            pattern=live_pattern([OrderCancelled]),
            name="LateConsumer",
        )

        with view_gets_no_events(platform, "UpdateTimelines"):
            with customer.shopping():
                code, said = check_contracts(cloud, assemblies["b"])
                assert code == 2
                assert [line.partition(":")[0] for line in said.splitlines()] == [
                    f"Orders-Dev-{consumer} as deployed reads OrderCancelled 1, "
                    "and Orders-Dev-Orders would publish 2"
                    for consumer in ("Backbone", "Notifications", "Storefront")
                ]
            assert check_contracts(cloud, assemblies["a"])[0] == 0
            with customer.shopping():
                release(assembly=assemblies["a"])
            assert check_contracts(cloud, assemblies["b"])[0] == 0
            with customer.shopping():
                release(assembly=assemblies["b"])

        wait_until("all orders end", lambda: all_ended(platform, customer.placed))
        cancelled = sum(platform.state(order) == "CANCELLED" for order in customer.placed)
        waiting = [json.loads(each["Body"]) for each in received(cloud, late, cancelled)]
        read = [parse_event([OrderCancelled], event) for event in waiting]
        assert {each.metadata.schema_version for each in read} == {1, 2}
        assert {each.data.reason for each in read} == {"", CANCELLED}
        wait_until("all promises hold", lambda: not platform.violations(CHECKS))
        for view in REBUILT:
            code, said = run_ops(cloud, "view", "rebuild", view, "--overlap", "0")
            assert (code, "equal: " in said, "skipped: " in said) == (0, True, False), said
        assert run_ops(cloud, "dlq", "list")[0] == 0


def in_memory_database() -> sqlite3.Connection:
    """Return a database that one thread uses after the other."""
    return sqlite3.connect(":memory:", check_same_thread=False)


def open_shop(cloud: Cloud, outputs: Mapping[str, str], database: sqlite3.Connection) -> Platform:
    """Return the deployed platform with stock, in which no order is taken for a duplicate."""
    disable_schedules(cloud, "JobsResolveDuplicates")
    platform = running_platform(cloud, outputs, database, environment="dev")
    database.execute("INSERT INTO demand VALUES (?, ?)", [SKU, 10_000])
    deliver_stock(cloud, outputs["ReceiveStockFunction"], database)
    return platform


def check_contracts(cloud: Cloud, assembly: Path) -> tuple[int, str]:
    """Do what `make deploy` does before it deploys."""
    return run_ops(cloud, "contracts", "check", "--templates", str(assembly))


@contextmanager
def view_gets_no_events(platform: Platform, function: str) -> Iterator[None]:
    """Keep the events of a projection on the stream until the block ends."""
    lambda_ = platform.client("lambda")
    name = platform.functions[function]
    (mapping,) = lambda_.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    yield
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def all_ended(platform: Platform, orders: list[str]) -> bool:
    """Return whether no saga has work to do."""
    return {platform.state(order) for order in orders} <= {"CONFIRMED", "CANCELLED"}
