"""Compute the cost of an idle environment, and of a thousand orders, at list prices.

`python -m bench.costs` prints the tables of `docs/costs.md`: unit prices times counts. Resources at
rest are counted in the templates. The work for an order is measured by `bench.function_calls`,
counted in the design, or assumed, as each line says. `--write` puts them into the page. A test
compares the page with this module.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App

from app import compose
from bench.page_tables import DOCS, SHOWN, show
from ops.prices import (
    ADDRESS_HOUR,
    ALARM_MONTH,
    API_REQUEST,
    BUS_EVENT,
    DASHBOARD_MONTH,
    DISK_GB_MONTH,
    DPU,
    EMAIL,
    EXPRESS_EXECUTION,
    EXPRESS_GB_SECOND,
    FAN_OUT_HOUR,
    FIFO_QUEUE_REQUEST,
    GB_SECOND,
    INSTANCE_HOUR,
    INVOCATION,
    KEY_MONTH,
    LOG_GB,
    MACHINE_CLIENT_MONTH,
    METRIC_MONTH,
    METRIC_REQUEST,
    MILLION,
    OBJECT_PUT,
    PRICES,
    READ_UNIT,
    SHARD_HOUR,
    SHARD_RETENTION_HOUR,
    STANDARD_QUEUE_REQUEST,
    STATE_TRANSITION,
    STREAM_RECORD,
    TOPIC_DELIVERY,
    TOPIC_PUBLISH,
    TRACE,
    WRITE_UNIT,
    Price,
)
from stacks.environments import ENVIRONMENTS, Environment

HOURS_PER_MONTH = 730
MINUTES_PER_MONTH = 60 * HOURS_PER_MONTH
PARTNER_SOURCE = "aws.partner/example.com/disputes"
PRICING_URL = "https://aws.amazon.com/{}/pricing/"

Templates = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CostItem:
    """A line of a cost table: units of something at a list price."""

    description: str
    count: float
    """The number of units."""
    price: Price
    basis: str = "counted"
    """Whether the number is counted, measured or assumed."""

    @property
    def cost(self) -> float:
        """The cost in dollars."""
        return self.count * self.price.unit_usd


SCHEDULED_RUN_SECONDS, CALL_SECONDS, MEMORY_GB = 0.5, 0.05, 0.25
LOG_KB_PER_CALL, LOG_KB_OF_EVENTS = 1, 3
DISK_GB_PER_INSTANCE, POLL_LOOPS, LONG_POLL_SECONDS = 8, 4, 20
MAPPING_POLLS = 5
INDEX_SHARDS = 16
OWN_METRICS = 2
"""The open and the deferred orders. Outcomes of orders are billed in hours that have some."""
CALLS_PER_ORDER = 26.8
"""Invocations per order when orders come one at a time, measured by `bench.function_calls`."""
STATES_PER_SAGA = 5
"""States that a saga enters until its order is confirmed, measured in the same way."""
EVENTS_PER_ORDER = 8
SKUS_PER_ORDER = 2
STOCK_CHANGES_PER_ORDER = 2 * SKUS_PER_ORDER
"""Each SKU is reserved and shipped."""
WRITES_PER_ORDER = {
    "orders: placed 6, claimed 1, confirmed 2, dispatched 2, deleted in the end 3": 14,
    "inventory: reserved 7, resolved 2, shipped 6": 15,
    "shipping: booked, dispatched": 2,
    "warehouse: picked 1, stock 4": 5,
    "storefront: timeline 8, customer's orders 4, sales 8, availability 4": 24,
    "notifications: two mails, begun 4, sent 2": 6,
}
"""Write units of 1 KB, index entries included; those of a transaction count twice."""


def idle_costs(env: Environment, templates: Templates) -> list[CostItem]:
    """Return the monthly cost of an environment without orders."""
    found = list(_resources(templates))
    kinds = [kind for kind, _ in found]
    runs = sum(
        MINUTES_PER_MONTH / int(properties["ScheduleExpression"].split("(")[1].split()[0])
        for kind, properties in found
        if kind == "AWS::Scheduler::Schedule"
    )
    shards, instances = (env.shards or (0,))[0], env.workers[0]
    consumers = kinds.count("AWS::Kinesis::StreamConsumer")
    queues = sum(
        kind == "AWS::Lambda::EventSourceMapping" and "ScalingConfig" in properties
        for kind, properties in found
    )
    waits = MINUTES_PER_MONTH * 60 / LONG_POLL_SECONDS
    queries = MINUTES_PER_MONTH * INDEX_SHARDS * (4 + 2 + 2 / 15)
    own_metrics = OWN_METRICS + env.dead_letters_watched + bool(instances)
    looks = env.dead_letters_watched * MINUTES_PER_MONTH / 5 * (1 + kinds.count("AWS::SQS::Queue"))
    items = [
        CostItem("shards of the order stream", shards * HOURS_PER_MONTH, SHARD_HOUR),
        CostItem(
            "shards, as records are kept for a week",
            shards * HOURS_PER_MONTH * (env.stream_retention.to_days() > 1),
            SHARD_RETENTION_HOUR,
        ),
        CostItem("fan-out to the projections", shards * consumers * HOURS_PER_MONTH, FAN_OUT_HOUR),
        CostItem("instances of the warehouse", instances * HOURS_PER_MONTH, INSTANCE_HOUR),
        CostItem("addresses of instances", instances * HOURS_PER_MONTH, ADDRESS_HOUR),
        CostItem("disks of instances", instances * DISK_GB_PER_INSTANCE, DISK_GB_MONTH),
        CostItem("metrics of alarms", sum(map(_alarm_metrics, found)), ALARM_MONTH),
        CostItem("dashboards", kinds.count("AWS::CloudWatch::Dashboard"), DASHBOARD_MONTH),
        CostItem("keys of our own", kinds.count("AWS::KMS::Key"), KEY_MONTH),
        CostItem("metrics of our own", own_metrics, METRIC_MONTH),
        CostItem("looks at the depths of queues", looks, FIFO_QUEUE_REQUEST),
        CostItem("the operators' client", env.operators_client, MACHINE_CLIENT_MONTH),
        CostItem("scheduled runs", runs, INVOCATION),
        CostItem(
            f"time of scheduled runs, {SCHEDULED_RUN_SECONDS} s each",
            runs * SCHEDULED_RUN_SECONDS * MEMORY_GB,
            GB_SECOND,
            "assumed",
        ),
        CostItem("queries of scheduled runs", queries / 2, READ_UNIT),
        CostItem("the scaler's metrics", (4 + consumers) * MINUTES_PER_MONTH, METRIC_REQUEST),
        CostItem(
            "functions waiting for FIFO queues",
            queues * MAPPING_POLLS * waits,
            FIFO_QUEUE_REQUEST,
            "assumed",
        ),
        CostItem(
            "workers waiting for a FIFO queue",
            instances * POLL_LOOPS / 2 * waits,
            FIFO_QUEUE_REQUEST,
        ),
        CostItem(
            "workers waiting for the picking queue",
            instances * POLL_LOOPS / 2 * waits,
            STANDARD_QUEUE_REQUEST,
        ),
    ]
    return [item for item in items if item.count]


def saga_costs(standard: bool, orders: int = 1_000) -> list[CostItem]:
    """Return the cost of the sagas of confirmed orders, without the functions they invoke."""
    if standard:
        return [
            CostItem("state transitions", STATES_PER_SAGA * orders, STATE_TRANSITION, "measured")
        ]
    return [
        CostItem("executions", orders, EXPRESS_EXECUTION),
        CostItem(
            "time of executions, 1 s in 64 MB each", orders / 16, EXPRESS_GB_SECOND, "assumed"
        ),
    ]


def order_costs(orders: int = 1_000) -> list[CostItem]:
    """Return the cost of orders that are confirmed and dispatched one after another."""
    call_gb_seconds = CALLS_PER_ORDER * CALL_SECONDS * MEMORY_GB
    log_gb = (CALLS_PER_ORDER * LOG_KB_PER_CALL + LOG_KB_OF_EVENTS) / MILLION
    queue_requests = 3 * 2 * STOCK_CHANGES_PER_ORDER
    lines = [
        CostItem("mails to the customer", 2, EMAIL),
        CostItem("invoices put", 1, OBJECT_PUT),
        *saga_costs(standard=True, orders=1),
        CostItem("calls of functions", CALLS_PER_ORDER, INVOCATION, "measured"),
        CostItem(f"time of calls, {CALL_SECONDS} s each", call_gb_seconds, GB_SECOND, "assumed"),
        CostItem("traces, all recorded, of the request", 1, TRACE),
        CostItem("logs, 1 KB a call, 3 events", log_gb, LOG_GB, "assumed"),
        CostItem("writes of tables", sum(WRITES_PER_ORDER.values()), WRITE_UNIT),
        CostItem("reads of tables, half units for the two offers", 7, READ_UNIT),
        CostItem("the ledger", 1, DPU, "assumed"),
        CostItem("events", EVENTS_PER_ORDER, BUS_EVENT),
        CostItem("requests to the API", 1, API_REQUEST),
        CostItem("events on the order stream", EVENTS_PER_ORDER, STREAM_RECORD),
        CostItem("stock changes published", STOCK_CHANGES_PER_ORDER, TOPIC_PUBLISH),
        CostItem("stock changes delivered to queues", 2 * STOCK_CHANGES_PER_ORDER, TOPIC_DELIVERY),
        CostItem("stock changes sent, received, deleted", queue_requests, FIFO_QUEUE_REQUEST),
        CostItem("order to be picked sent, received, deleted", 3, STANDARD_QUEUE_REQUEST),
    ]
    return [
        CostItem(line.description, line.count * orders, line.price, line.basis) for line in lines
    ]


def synthesize(name: str) -> Templates:
    """Synthesize an environment that has a partner's event source; return its templates."""
    context = json.loads(Path("cdk.json").read_text())["context"]
    with TemporaryDirectory() as folder:
        app = App(context=context, outdir=folder, builtin_cloud_formation_validation=False)
        compose(app, replace(ENVIRONMENTS[name], partner_event_source=PARTNER_SOURCE))
        return {stack.stack_name: stack.template for stack in app.synth().stacks}


def render_tables(environments: Mapping[str, Templates]) -> Iterator[str]:
    """Yield the tables of the page in Markdown."""
    yield _table(
        ["USD", "for", "to be checked on AWS's page"],
        [
            (
                f"{price.usd:.6g}",
                f"{price.per:,} {price.unit}".removeprefix("1 "),
                _price_link(price),
            )
            for price in PRICES
        ],
    )
    for name, templates in environments.items():
        yield _cost_table(idle_costs(ENVIRONMENTS[name], templates), "a month")
    yield _table(
        ["written", "units an order"],
        [*((what, str(units)) for what, units in WRITES_PER_ORDER.items()),
         ("**together**", f"**{sum(WRITES_PER_ORDER.values())}**")],
    )  # fmt: skip
    yield _cost_table(order_costs(), "1,000 orders")
    yield _cost_table(saga_costs(standard=False), "1,000 orders")


def _price_link(price: Price) -> str:
    return f"[{price.service}]({PRICING_URL.format(price.service)})"


def _cost_table(items: Sequence[CostItem], per: str) -> str:
    rows = [
        (
            item.description,
            item.basis,
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


def _alarm_metrics(resource: tuple[str, Any]) -> int:
    """Return how many metrics an alarm is billed for; 0 for what is not an alarm."""
    metrics = resource[1].get("Metrics", [{"MetricStat": {}}])
    return resource[0].endswith("::Alarm") * sum("MetricStat" in metric for metric in metrics)


def main() -> int:
    """Print all tables, those at rest for the environments named; or write them into the page."""
    names = [name for name in sys.argv[1:] if name in ENVIRONMENTS] or SHOWN
    tables = render_tables({name: synthesize(name) for name in names})
    show(DOCS / "costs.md", tables, sys.argv[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
