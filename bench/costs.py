"""What an environment costs at rest, and what a thousand orders cost, by list price.

`python -m bench.costs` prints the tables of `docs/costs.md`: unit prices times counts. What is
there at rest is counted in the templates; what an order does is measured by `bench.calls`, or
counted in the design, or assumed, as each line says. A test keeps the page equal to this.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App

from app import compose
from stacks.environments import ENVIRONMENTS, Environment, environment

HOURS = 730
MINUTES = 60 * HOURS
MILLION = 1_000_000
PARTNER = "aws.partner/example.com/disputes"
PRICING = "https://aws.amazon.com/{}/pricing/"

Templates = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Price:
    """What ``per`` of something cost: ``usd`` dollars, on the page of ``service``."""

    usd: float
    per: int
    unit: str
    service: str

    @property
    def each(self) -> float:
        """Dollars for one."""
        return self.usd / self.per


INVOCATION = Price(0.20, MILLION, "invocations", "lambda")
GB_SECOND = Price(13.3334, MILLION, "GB-seconds on arm64", "lambda")
TRANSITION = Price(25.00, MILLION, "state transitions, Standard", "step-functions")
EXPRESS = Price(1.00, MILLION, "executions, Express", "step-functions")
EXPRESS_GB_SECOND = Price(16.67, MILLION, "GB-seconds of Express", "step-functions")
EVENT = Price(1.00, MILLION, "events put on a bus, of up to 64 KB", "eventbridge")
REQUEST = Price(1.00, MILLION, "requests to an HTTP API", "api-gateway")
WRITE = Price(0.625, MILLION, "DynamoDB write units", "dynamodb")
READ = Price(0.125, MILLION, "DynamoDB read units", "dynamodb")
DPU = Price(8.00, MILLION, "DPUs of Aurora DSQL", "rds/aurora/dsql")
STANDARD = Price(0.40, MILLION, "requests to a standard queue", "sqs")
FIFO = Price(0.50, MILLION, "requests to a FIFO queue", "sqs")
PUBLISHED = Price(0.30, MILLION, "messages published on a FIFO topic", "sns")
DELIVERED = Price(0.01, MILLION, "messages of a FIFO topic delivered", "sns")
RECORD = Price(0.014, MILLION, "Kinesis payload units of 25 KB", "kinesis/data-streams")
SHARD = Price(0.015, 1, "hours of a shard", "kinesis/data-streams")
KEPT = Price(0.020, 1, "hours of a shard that keeps for 7 days", "kinesis/data-streams")
FAN_OUT = Price(0.015, 1, "hours of a consumer of a shard", "kinesis/data-streams")
MAIL = Price(0.10, 1_000, "mails", "ses")
OBJECT = Price(0.005, 1_000, "objects put", "s3")
LOGGED = Price(0.50, 1, "GB logged", "cloudwatch")
ALARM = Price(0.10, 1, "alarms a month", "cloudwatch")
METRIC = Price(0.01, 1_000, "metrics asked for", "cloudwatch")
TRACE = Price(5.00, MILLION, "traces recorded", "xray")
CLIENT = Price(6.00, 1, "machine clients a month", "cognito")
INSTANCE = Price(0.0084, 1, "hours of a t4g.micro", "ec2")
ADDRESS = Price(0.005, 1, "hours of a public IPv4 address", "vpc")
DISK = Price(0.08, 1, "GB of gp3 a month", "ebs")

PRICES = [price for price in list(globals().values()) if isinstance(price, Price)]


@dataclass(frozen=True, slots=True)
class Item:
    """So many of something, each at a price; ``known`` says from where the count is."""

    what: str
    count: float
    price: Price
    known: str = "counted"

    @property
    def cost(self) -> float:
        """Dollars."""
        return self.count * self.price.each


RUN_SECONDS, CALL_SECONDS, MEMORY_GB = 0.5, 0.05, 0.25
LOG_KB = 1
DISK_GB, LOOPS, WAIT = 8, 4, 20
MAPPING_POLLS = 5
SHARDS_OF_INDEXES = 16
CALLS = 29.2
"""Measured by `bench.calls`: functions called for an order, each order alone."""
STATES = 5
"""The same: states that a saga enters on its way to a confirmed order."""
IN_SAGA = 4
"""Of the calls: the saga's three, and the card provider's. They share the saga's trace."""
EVENTS = 8
SKUS = 2
STOCK_CHANGES = 2 * SKUS
"""Each SKU is set aside, and leaves."""
WRITES = {
    "orders: placed 3, claimed 1, confirmed 2, dispatched 2, deleted in the end 3": 11,
    "inventory: reserved 7, settled 2, shipped 6": 15,
    "shipping: booked, dispatched": 2,
    "warehouse: picked 1, stock 4": 5,
    "storefront: timeline 8, customer's orders 4, sales 8, availability 4": 24,
    "notifications: three mails, begun and sent": 6,
}
"""Of 1 KB each, entries of indexes included; a transaction's count twice."""


def at_rest(env: Environment, templates: Templates) -> list[Item]:
    """What an environment costs in a month in which nobody orders anything."""
    found = list(_resources(templates))
    kinds = [kind for kind, _ in found]
    runs = sum(
        MINUTES / int(properties["ScheduleExpression"].split("(")[1].split()[0])
        for kind, properties in found
        if kind == "AWS::Scheduler::Schedule"
    )
    shards, instances = (env.shards or (0,))[0], env.workers[0]
    consumers = kinds.count("AWS::Kinesis::StreamConsumer")
    queues = sum(
        kind == "AWS::Lambda::EventSourceMapping" and "ScalingConfig" in properties
        for kind, properties in found
    )
    waits = MINUTES * 60 / WAIT
    queries = MINUTES * SHARDS_OF_INDEXES * (1 + 2 + 2 / 15)
    items = [
        Item("shards of the order stream", shards * HOURS, SHARD),
        Item("shards, as records are kept for a week", shards * HOURS, KEPT),
        Item("fan-out to the projections", shards * consumers * HOURS, FAN_OUT),
        Item("instances of the warehouse", instances * HOURS, INSTANCE),
        Item("addresses of instances", instances * HOURS, ADDRESS),
        Item("disks of instances", instances * DISK_GB, DISK),
        Item("alarms", kinds.count("AWS::CloudWatch::Alarm"), ALARM),
        Item("the operators' client", kinds.count("AWS::Cognito::UserPoolResourceServer"), CLIENT),
        Item("scheduled runs", runs, INVOCATION),
        Item(
            f"time of scheduled runs, {RUN_SECONDS} s each",
            runs * RUN_SECONDS * MEMORY_GB,
            GB_SECOND,
            "assumed",
        ),
        Item("traces of scheduled runs", runs, TRACE, "assumed"),
        Item("queries of scheduled runs", queries / 2, READ),
        Item("the scaler's metrics", (4 + consumers) * MINUTES, METRIC),
        Item("functions waiting for FIFO queues", queues * MAPPING_POLLS * waits, FIFO, "assumed"),
        Item("workers waiting for a FIFO queue", instances * LOOPS / 2 * waits, FIFO),
        Item("workers waiting for the picking queue", instances * LOOPS / 2 * waits, STANDARD),
    ]
    return [item for item in items if item.count]


def saga(standard: bool, orders: int = 1_000) -> list[Item]:
    """What the sagas of so many confirmed orders cost, beside the functions that they call."""
    if standard:
        return [Item("state transitions", STATES * orders, TRANSITION, "measured")]
    return [
        Item("executions", orders, EXPRESS),
        Item("time of executions, 1 s in 64 MB each", orders / 16, EXPRESS_GB_SECOND, "assumed"),
    ]


def ordering(orders: int = 1_000) -> list[Item]:
    """What so many orders cost that are confirmed, told of and dispatched, one after another."""
    lines = [
        Item("mails to the customer", 3, MAIL),
        Item("invoices put", 1, OBJECT),
        *saga(standard=True, orders=1),
        Item("calls of functions", CALLS, INVOCATION, "measured"),
        Item(f"time of calls, {CALL_SECONDS} s each", CALLS * CALL_SECONDS * MEMORY_GB, GB_SECOND,
             "assumed"),
        Item("traces, all recorded", CALLS - IN_SAGA + 1, TRACE, "assumed"),
        Item("logs, 1 KB a call, 8 KB a saga, 3 events", (CALLS + 8 + 3) * LOG_KB / MILLION, LOGGED,
             "assumed"),
        Item("writes of tables", sum(WRITES.values()), WRITE),
        Item("reads of tables, consistent", 6, READ),
        Item("the ledger", 1, DPU, "assumed"),
        Item("events", EVENTS, EVENT),
        Item("requests to the API", 1, REQUEST),
        Item("facts on the order stream", EVENTS, RECORD),
        Item("changes of stock told", STOCK_CHANGES, PUBLISHED),
        Item("changes of stock delivered to queues", 2 * STOCK_CHANGES, DELIVERED),
        Item("changes of stock sent, received, deleted", 3 * 2 * STOCK_CHANGES, FIFO),
        Item("order to be picked sent, received, deleted", 3, STANDARD),
    ]  # fmt: skip
    return [Item(line.what, line.count * orders, line.price, line.known) for line in lines]


def synthesized(name: str) -> Templates:
    """The templates of an environment, a partner's event source configured."""
    context = json.loads(Path("cdk.json").read_text())["context"]
    with TemporaryDirectory() as folder:
        app = App(context=context, outdir=folder, builtin_cloud_formation_validation=False)
        compose(app, environment(name, partner=PARTNER))
        return {stack.stack_name: stack.template for stack in app.synth().stacks}


def tables(environments: Mapping[str, Templates]) -> Iterator[str]:
    """The page's tables in Markdown: prices, at rest, per thousand orders, the saga on Express."""
    yield _table(
        ["USD", "for", "to be checked on AWS's page"],
        [
            (f"{price.usd:.6g}", f"{price.per:,} {price.unit}".removeprefix("1 "), _page(price))
            for price in PRICES
        ],
    )
    for name, templates in environments.items():
        yield _costs(at_rest(ENVIRONMENTS[name], templates), "a month")
    yield _table(
        ["written", "units an order"],
        [*((what, str(units)) for what, units in WRITES.items()),
         ("**together**", f"**{sum(WRITES.values())}**")],
    )  # fmt: skip
    yield _costs(ordering(), "1,000 orders")
    yield _costs(saga(standard=False), "1,000 orders")


def _page(price: Price) -> str:
    return f"[{price.service}]({PRICING.format(price.service)})"


def _costs(items: Sequence[Item], per: str) -> str:
    rows = [
        (
            item.what,
            item.known,
            f"{item.count:,.6g}" if item.count < 1_000 else f"{item.count:,.0f}",
            f"{item.price.usd:.6g} / {item.price.per:,}".removesuffix(" / 1"),
            f"{item.cost:.3f}",
        )
        for item in sorted(items, key=lambda item: -item.cost)
    ]
    total = sum(item.cost for item in items)
    return _table(
        [f"for {per}", "count is", "count", "USD", "costs USD"],
        [*rows, ("**together**", "", "", "", f"**{total:.{2 if total > 1 else 3}f}**")],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _resources(templates: Templates) -> Iterator[tuple[str, Any]]:
    for template in templates.values():
        for resource in template["Resources"].values():
            yield resource["Type"], resource.get("Properties", {})


def main() -> int:
    """Print all tables."""
    print("\n\n".join(tables({name: synthesized(name) for name in ENVIRONMENTS})))
    return 0


if __name__ == "__main__":
    sys.exit(main())
