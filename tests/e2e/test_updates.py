"""The release behind, and over it the next ones, stack by stack, while customers order and cancel.

The update fails at a stack, at a new stack, is killed between two stacks and within one, and is
said again each time. Before it the scaler changed the stream and an operator switched a view. A
function that sagas call is renamed, with sagas in flight and a compensation dead-lettered under
its old name. The tests are steps of one story.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from demo.invariant_checks import CHECKS
from demo.stock_delivery import deliver_stock
from emulator.cloud import CloudError, RootSession, running
from emulator.deploy import Progress, deploy
from emulator.template_check import templates, verify_deployment
from ops.deployed import Deployed
from ops.dlq.templates import FUNCTION
from tests.support.cli import run_ops, run_ops_in_process
from tests.support.customer import Customer
from tests.support.faults import denied_function
from tests.support.patching import disable_schedules
from tests.support.platform_env import HERE, SKU, Platform, running_platform
from tests.support.streams import throttle_for_a_minute
from tests.support.update_releases import (
    DISPUTES,
    INVENTORY,
    OLD,
    ORDERS,
    PAYMENTS,
    Change,
    assemble,
    behind,
    between,
    failing,
    today,
)
from tests.support.waiting import wait_until

NOWHERE = "Unspecified"
"""A country to which nothing can be delivered: the order is rejected, and its steps are undone."""
SHARDS = "AWS::Kinesis::Stream.ShardCount"
VIEW = "Sales"


class KilledError(Exception):
    """The deploying process was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    platform: Platform
    customer: Customer
    folder: Path
    """Where cloud assemblies are made."""
    unreleased: str
    """The order whose compensation waits on the repair queue."""
    numbers: Iterator[int]

    def release(
        self, change: Change, *, stack: str | None = None, progress: Progress = lambda _: None
    ) -> None:
        """Deploy a release stack by stack, or as far as ``stack``, while the customer shops."""
        assembly = assemble(self.folder / str(next(self.numbers)), change)
        with self.customer.shopping():
            deploy(
                self.platform.cloud,
                assembly=assembly,
                stack=stack,
                concurrency=1,
                drifted=frozenset({SHARDS}),
                progress=progress,
            )

    def state_of(self, stack: str) -> str:
        stacks = self.platform.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return str(stacks[0]["StackStatus"])

    def works(self) -> None:
        """Place an order, and await its end."""
        order = self.platform.place(f"works-{next(self.numbers)}")
        self.ends("CONFIRMED", order)

    def ends(self, state: str, *orders: str) -> None:
        wait_until(
            f"{orders} are {state}", lambda: {self.platform.state(o) for o in orders} == {state}
        )

    def waiting(self) -> dict[str, int]:
        """What is in failure sinks."""
        _, out, err = run_ops_in_process(
            self.platform.cloud, "dlq", "list", "--non-empty", "--json"
        )
        assert err == "", err
        return {each["queue"]: each["depth"]["visible"] for each in json.loads(out)}

    def preflight(self, change: Change) -> str:
        """Do what `make deploy` does first; return what it says."""
        assembly = assemble(self.folder / str(next(self.numbers)), change)
        code, out, err = run_ops_in_process(
            self.platform.cloud, "preflight", "--templates", str(assembly)
        )
        assert (code, err) == (0, ""), out
        return out


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("releases")
    with (
        running() as cloud,
        closing(sqlite3.connect(":memory:", check_same_thread=False)) as database,
    ):
        assembly = assemble(folder / "behind", behind)
        outputs = deploy(cloud, assembly=assembly, progress=lambda _: None)
        disable_schedules(cloud, "JobsResolveDuplicates", "ScalerScaleStream")
        platform = running_platform(cloud, outputs, database, environment="dev")
        database.execute("INSERT INTO demand VALUES (?, ?)", [SKU, 10_000])
        deliver_stock(cloud, outputs["ReceiveStockFunction"], database)
        yield Shop(
            platform=platform,
            customer=Customer(platform, countries=(HERE, NOWHERE, HERE)),
            folder=folder,
            unreleased=order_with_failed_compensation(platform),
            numbers=count(),
        )


def order_with_failed_compensation(platform: Platform) -> str:
    """Return an order whose stock could not be released, by the function's old name."""
    with denied(platform, OLD):
        order = platform.place("unreleased", NOWHERE)
        wait_until(
            "the compensation is given up",
            lambda: "failed_compensations" in platform.row("OrdersTable", order_id=order),
        )
    return order


@contextmanager
def denied(platform: Platform, function: str) -> Iterator[None]:
    """Let a function fail until the block ends."""
    fault = denied_function(platform.client, platform.functions[function])
    fault.begin(platform.client)
    try:
        yield
    finally:
        fault.end(platform.client)


def test_shards_and_a_view_are_changed_before_the_update(shop: Shop):
    platform = shop.platform
    throttle_for_a_minute(platform.cloud, platform.outputs["OrderStreamName"])
    platform.call("ScalerScaleStream")
    assert shards(platform) == 2
    code, said = run_ops(platform.cloud, "view", "rebuild", VIEW.lower(), "--overlap", "0", "--yes")
    assert (code, f"switched: {VIEW}" in said) == (0, True), said


def test_stack_that_cannot_be_updated_is_as_before_and_orders_go_on(shop: Shop):
    with pytest.raises(CloudError, match="Archive Orders already exists"):
        shop.release(failing(PAYMENTS, between), stack=PAYMENTS)

    assert shop.state_of(PAYMENTS) == "UPDATE_ROLLBACK_COMPLETE"
    before = templates(shop.folder / "behind")
    verify_deployment(shop.platform.cloud, {PAYMENTS: before[PAYMENTS]})
    shop.works()
    assert shop.waiting() == {"orders/Repair": 1}


def test_stack_that_cannot_be_created_is_taken_away_and_orders_go_on(shop: Shop):
    with pytest.raises(CloudError, match="Archive Orders already exists"):
        shop.release(failing(DISPUTES, between), stack=DISPUTES)

    assert shop.state_of(DISPUTES) == "ROLLBACK_COMPLETE"
    shop.works()
    assert shop.waiting() == {"orders/Repair": 1}
    assert "refused" not in shop.preflight(between)


def test_update_is_killed_between_two_stacks_and_orders_go_on(shop: Shop):
    with pytest.raises(KilledError):
        shop.release(between, progress=interrupting(f"✅  {INVENTORY}"))

    # Orders needs inventory, so it comes later.
    assert shop.state_of(ORDERS) == "CREATE_COMPLETE"
    shop.works()


def test_update_is_killed_within_a_stack_and_said_again_with_sagas_in_flight(shop: Shop):
    platform = shop.platform
    with denied(platform, "BookShipment"):
        good, bad = platform.place("in-flight"), platform.place("in-flight-nowhere", NOWHERE)
        wait_until("sagas work on both", lambda: claimed(platform, good, bad))
        with pytest.raises(KilledError):
            shop.release(
                between,
                progress=interrupting(
                    f"{ORDERS}: creating CloudFormation changeset",
                    when=lambda: shop.state_of(ORDERS) == "UPDATE_IN_PROGRESS",
                ),
            )
        wait_until("the update ends", lambda: shop.state_of(ORDERS) == "UPDATE_COMPLETE")
    shop.customer.placed.append(bad)

    shop.release(between)

    assert shop.state_of(PAYMENTS) == "UPDATE_COMPLETE"
    assert shop.state_of(DISPUTES) == "CREATE_COMPLETE"
    shop.ends("CONFIRMED", good)
    shop.works()
    assert shop.waiting() == {"orders/Repair": 1}


def test_compensation_that_names_the_old_function_is_repaired_when_it_is_gone(shop: Shop):
    platform = shop.platform
    assert "refused" not in shop.preflight(today)
    shop.release(today)
    functions = deployed(platform).templates().resources(FUNCTION)
    assert OLD not in {each.name.partition("/")[2] for each in functions}

    code, said = run_ops(platform.cloud, "saga", "repair", shop.unreleased, "--yes")

    assert code == 0, said
    row = platform.row("ReservationsTable", order_id=shop.unreleased)
    assert row["state"] == "RELEASED"
    assert shop.waiting() == {}


def test_nothing_is_lost_and_shards_and_view_are_as_before_the_update(shop: Shop):
    platform = shop.platform
    assert shards(platform) == 2
    wait_until("all orders end", lambda: all_ended(platform, shop.customer.placed))
    wait_until("all promises hold", lambda: not platform.violations(CHECKS))
    code, said = run_ops(platform.cloud, "view", "rebuild", VIEW.lower(), "--overlap", "0")
    assert (code, "equal: " in said) == (0, True), said
    live = deployed(platform).outputs("Storefront")[f"{VIEW}Table"]
    assert live == platform.outputs[f"{VIEW}StandbyTable"]
    assert shop.waiting() == {}


def interrupting(line: str, *, when: Callable[[], bool] = lambda: True) -> Progress:
    """Return a listener that ends the CDK command line after a line of its, once it is so."""

    def progress(said: str) -> None:
        if line in said:
            wait_until(line, when)
            raise KilledError(line)

    return progress


def claimed(platform: Platform, *orders: str) -> bool:
    return all("claimed_by" in platform.row("OrdersTable", order_id=order) for order in orders)


def all_ended(platform: Platform, orders: Sequence[str]) -> bool:
    """Return whether no saga has work to do; begin those that are due, as each minute does."""
    platform.call("JobsRepublishStalled")
    return {platform.state(order) for order in orders} <= {"CONFIRMED", "CANCELLED", "REJECTED"}


def deployed(platform: Platform) -> Deployed:
    return Deployed(session=RootSession(platform.cloud), environment="dev")


def shards(platform: Platform) -> Any:
    summary = platform.client("kinesis").describe_stream_summary(
        StreamName=platform.outputs["OrderStreamName"]
    )["StreamDescriptionSummary"]
    return summary["OpenShardCount"]
