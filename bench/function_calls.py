"""Count how often each function is called for a dispatched order, in the local cloud.

`python -m bench.function_calls` places orders of two lines one after another. So no batch holds two
orders, which is the most expensive case. It also counts the states that each saga enters, which
Step Functions bills. Scheduled calls are not counted: they cost the same without orders.
`docs/costs.md` has the figures.
"""

import argparse
import itertools
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from demo import api_client
from demo.deployment import deploy_app
from demo.errors import DemoError
from demo.mailbox import Mailbox
from demo.offers import put_prices_on_offer
from demo.workers import running_every_group
from emulator.cloud import Cloud, running
from lambdas.contracts.order_states import OrderState
from lambdas.runtime.dynamodb import from_item

SKUS = ("SKU-1", "SKU-2")
PRICE = 100
CUSTOMER = "ada"
FUNCTION_LOG_GROUP = re.compile(r"(?P<function>\w+)Logs[0-9A-F]{8}")
SCHEDULED_FUNCTIONS = re.compile(r"Jobs|QueryStale|PublishOutbox|FollowUpPurchaseOrders|Scaler")
TIMEOUT_SECONDS = 60.0
IDLE_SECONDS = 4.0
"""Seconds without an invocation after which an order is finished."""


def main() -> int:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.function_calls", description=__doc__)
    parser.add_argument("--orders", type=int, default=10, help="how many are placed one by one")
    orders = parser.parse_args().orders
    with running() as cloud:
        outputs = deploy_app(cloud, progress=lambda _: None)
        place, groups = _prepare_shop(cloud, outputs), _log_groups(cloud)
        with running_every_group(cloud):
            place("first")
            _await_idle(cloud, outputs, groups, 1)
            before = _count_calls(cloud, groups)
            for n in range(orders):
                place(f"order-{n}")
                _await_idle(cloud, outputs, groups, n + 2)
            called = _count_calls(cloud, groups) - before
        entered = _count_states_entered(cloud)
    print("| called for an order | times |")
    print("|---|---|")
    for function, times in sorted(called.items()):
        print(f"| {function} | {times / orders:.1f} |")
    print(f"| all functions | {called.total() / orders:.1f} |")
    print(f"| states of a saga | {sum(entered) / len(entered):.1f} |")
    return 0


def _prepare_shop(cloud: Cloud, outputs: Mapping[str, str]) -> Any:
    """Deliver stock, add a customer with a contact; return a function that places an order."""
    lines = [{"sku": sku, "quantity": 1_000_000} for sku in SKUS]
    cloud.client("lambda").invoke(
        FunctionName=outputs["ReceiveStockFunction"],
        Payload=json.dumps({"delivery_id": "calls", "lines": lines}),
    )
    customers = api_client.create_customers(cloud, outputs, CUSTOMER)
    http = api_client.http(cloud)
    contact = api_client.ApiClient(outputs["ApiUrl"], customers, http=http, sleep=time.sleep)
    put_prices_on_offer(cloud, outputs, SKUS, PRICE)
    contact.put_contact(customer=CUSTOMER, email="ada@customers.example", name="Ada")
    mailbox = Mailbox(http, cloud=cloud)
    for link in mailbox.links():
        mailbox.confirm(link)
    api = api_client.ApiClient(outputs["ApiUrl"], customers, http=http, sleep=time.sleep)

    numbers = itertools.count()

    def place(key: str) -> None:
        # The quantity differs each time, because orders that look the same are held as duplicates.
        quantity = 1 + next(numbers)
        answer = api.place(
            customer=CUSTOMER,
            key=key,
            country="United Kingdom",
            lines=[{"sku": sku, "quantity": quantity, "unit_price": PRICE} for sku in SKUS],
        )
        if answer.status != 202:
            raise DemoError(f"{key} was not accepted: {answer.body}")

    return place


def _await_idle(
    cloud: Cloud, outputs: Mapping[str, str], groups: Mapping[str, str], orders: int
) -> None:
    """Wait until this many orders are dispatched and no function is invoked any more."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    before, since = _count_calls(cloud, groups), time.monotonic()
    while time.monotonic() - since < IDLE_SECONDS or _count_dispatched(cloud, outputs) < orders:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{orders} orders are not dispatched after {TIMEOUT_SECONDS} s")
        time.sleep(0.5)
        now = _count_calls(cloud, groups)
        if now != before:
            before, since = now, time.monotonic()


def _count_dispatched(cloud: Cloud, outputs: Mapping[str, str]) -> int:
    rows = cloud.client("dynamodb").scan(TableName=outputs["OrdersTable"])["Items"]
    return sum(from_item(row)["state"] == OrderState.DISPATCHED for row in rows)


def _count_calls(cloud: Cloud, groups: Mapping[str, str]) -> Counter[str]:
    """Return how often each function was invoked so far, by its log."""
    logs = cloud.client("logs").get_paginator("filter_log_events")
    calls: Counter[str] = Counter()
    for function, group in groups.items():
        calls[function] = sum(
            event["message"].startswith("START ")
            for page in logs.paginate(logGroupName=group)
            for event in page["events"]
        )
    return calls


def _log_groups(cloud: Cloud) -> dict[str, str]:
    """Return the log group of each function without a schedule, by service and function."""
    stacks = cloud.client("cloudformation")
    return {
        f"{stack['StackName'].rpartition('-')[2].lower()}: {named['function']}": resource[
            "PhysicalResourceId"
        ]
        for page in stacks.get_paginator("describe_stacks").paginate()
        for stack in page["Stacks"]
        for resource in stacks.describe_stack_resources(StackName=stack["StackName"])[
            "StackResources"
        ]
        if resource["ResourceType"] == "AWS::Logs::LogGroup"
        and (named := FUNCTION_LOG_GROUP.fullmatch(resource["LogicalResourceId"]))
        and not SCHEDULED_FUNCTIONS.match(named["function"])
    }


def _count_states_entered(cloud: Cloud) -> list[int]:
    """Return how many states each successful fulfilment saga entered."""
    states = cloud.client("stepfunctions")
    return [
        sum(
            event["type"].endswith("StateEntered")
            for page in states.get_paginator("get_execution_history").paginate(
                executionArn=execution["executionArn"]
            )
            for event in page["events"]
        )
        for machine in states.list_state_machines()["stateMachines"]
        for execution in states.list_executions(
            stateMachineArn=machine["stateMachineArn"], statusFilter="SUCCEEDED"
        )["executions"]
    ]


if __name__ == "__main__":
    sys.exit(main())
