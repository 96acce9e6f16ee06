"""The whole platform on the local cloud with some orders and a console, for a test in a browser."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from demo import api_client
from demo.ops_command import start_ops
from demo.workers import running_workers
from emulator.cloud import Cloud, running
from tests.support.grants import resources_of
from tests.support.laptop import deploy_laptop
from tests.support.offers import put_on_offer
from tests.support.waiting import TIMEOUT_SECONDS, wait_until

SKU, PRICE = "85123A", 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What a test of the console needs of the platform."""

    cloud: Cloud
    outputs: Mapping[str, str]
    address: str
    """The console's, with its key."""
    dispatched: str
    rejected: str

    @property
    def base(self) -> str:
        """The console's address without its key."""
        return self.address.partition("/enter")[0]


@contextmanager
def running_platform() -> Iterator[Platform]:
    """Run the platform with some orders, one dead letter and a console."""
    # It records no grants: where there is no browser, nothing here runs.
    with running() as cloud:
        outputs = deploy_laptop(cloud)
        api = api_client.ApiClient(
            outputs["ApiUrl"],
            api_client.create_customers(cloud, outputs, "ada", "grace"),
            http=api_client.http(cloud),
            sleep=lambda _: None,
        )
        receive_stock(cloud, outputs)
        poison(cloud)
        with running_workers(cloud, outputs["WarehouseGroup"], workers=1):
            dispatched = place(cloud, outputs, api, "ada", 6, "France")
            rejected = place(cloud, outputs, api, "grace", 2, "Unspecified")
            for units in (1, 3, 4, 12):
                place(cloud, outputs, api, "ada", units, "Italy")
            await_state(cloud, outputs, dispatched, "DISPATCHED")
            await_state(cloud, outputs, rejected, "REJECTED")
        console = start_ops(cloud, "console", stderr=subprocess.STDOUT)
        try:
            yield Platform(
                cloud=cloud,
                outputs=outputs,
                address=address_of(console),
                dispatched=dispatched,
                rejected=rejected,
            )
        finally:
            console.terminate()
            console.communicate()


def receive_stock(cloud: Cloud, outputs: Mapping[str, str]) -> None:
    """Put a delivery into stock."""
    cloud.client("lambda").invoke(
        FunctionName=outputs["ReceiveStockFunction"],
        Payload=b'{"delivery_id": "d1", "lines": [{"sku": "%s", "quantity": 100}]}' % SKU.encode(),
    )


def poison(cloud: Cloud) -> None:
    """Send a queue what its consumer cannot parse."""
    (queue,) = (
        each.physical_id
        for each in resources_of(cloud)
        if each.logical_id.startswith("AvailabilitySubscriberQueue")
        and each.physical_id.startswith("http")
    )
    cloud.client("sqs").send_message(
        QueueUrl=queue,
        MessageBody='{"poison": "<b>record</b>"}',
        MessageGroupId="poison",
        MessageDeduplicationId="poison",
    )


def place(
    cloud: Cloud,
    outputs: Mapping[str, str],
    api: api_client.ApiClient,
    customer: str,
    units: int,
    country: str,
) -> str:
    """Place an order, and return its id."""
    lines = [{"sku": SKU, "quantity": units, "unit_price": PRICE}]
    put_on_offer(cloud.client("dynamodb"), outputs["OffersTable"], *lines)
    answer = api.place(customer=customer, key=f"{country}-{units}", country=country, lines=lines)
    assert answer.status == 202, answer
    return str(answer.body["order_id"])


def await_state(cloud: Cloud, outputs: Mapping[str, str], order: str, state: str) -> None:
    """Wait until an order is in that state."""
    client = cloud.client("dynamodb")

    def is_reached() -> bool:
        key = {"order_id": {"S": order}}
        answer: Any = client.get_item(
            TableName=outputs["OrdersTable"], Key=key, ConsistentRead=True
        )
        return bool(answer["Item"]["state"]["S"] == state)

    wait_until(f"{order} is {state}", is_reached, seconds=5 * TIMEOUT_SECONDS)


def address_of(console: "subprocess.Popen[str]") -> str:
    """Return the address that a console prints."""
    assert console.stdout is not None
    for line in console.stdout:
        if found := re.search(r"http://\S+", line):
            return found.group()
    raise AssertionError("the console said no address")
