"""The page about alarms: those that are on or would be by the queues' depth now, and the others."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ops.console.live_counts import Counts
from ops.console.page import Console, console_of, page
from ops.console.readable import Reader
from ops.console.wiring import Wiring
from ops.dlq.templates import QUEUE
from stacks.names import stack_name

DEPTH = "ApproximateNumberOfMessagesVisible"
WATCH = "DeadLetterQueues"
"""The metric of the job that watches all dead-letter queues: how many are not empty."""
OPERATORS: Mapping[str, str] = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html"""
RINGING, UNKNOWN = "ALARM", "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm, and the present value of its metric if it is known."""

    service: str
    what: str
    state: str
    since: datetime
    why: str
    condition: str
    address: str
    """The page of what it watches: a failure sink, or all of them; empty for anything else."""
    now: int | None
    """The present depth of the queue that it watches, or how many dead-letter queues are not empty;
    None if it watches something else.
    """
    threshold: float

    @property
    def rings(self) -> bool:
        """Whether the alarm is on, or the depth of its queue is above the threshold now."""
        return self.state == RINGING or (self.now is not None and self.now > self.threshold)


def show_alarms(request: Request) -> Response:
    """Show the alarms of this environment, first those that are on."""
    console, reader = console_of(request), Reader()
    alarms = reader.read(lambda: list(find_alarms(console, console.counts.now()))) or []
    context = {
        "ringing": [each for each in alarms if each.rings],
        "quiet": [each for each in alarms if not each.rings],
        "evaluated": any(each.state != UNKNOWN for each in alarms),
        "denied": reader.denied,
    }
    return page(request, "alarms.html", context)


def find_alarms(console: Console, counts: Counts) -> Iterator[Alarm]:
    """Yield the environment's alarms, by service and text."""
    deployed = console.deployed
    wiring = Wiring(deployed.templates())
    sinks = {sink.resource.physical.rpartition("/")[2]: sink.name for sink in wiring.sinks}
    queues = {
        each.physical.rpartition("/")[2]: each.name
        for each in deployed.templates().resources(QUEUE)
    }
    pages = deployed.client("cloudwatch").get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=stack_name(deployed.environment, "")
    )  # fmt: skip
    found = [_alarm(each, sinks, queues, counts) for page in pages for each in page["MetricAlarms"]]
    yield from sorted(found, key=lambda each: (each.service, each.what))


def _alarm(
    described: Mapping[str, Any],
    sinks: Mapping[str, str],
    queues: Mapping[str, str],
    counts: Counts,
) -> Alarm:
    service, _, what = described.get("AlarmDescription", "").partition("/")
    queue = _dimension(described.get("Dimensions", ()), "QueueName")
    metric, now = described.get("MetricName"), None
    address = f"/dead-letters/{sinks[queue]}" if queue in sinks else ""
    if metric == DEPTH and queue in queues:
        now = counts.get(queues[queue])
    elif metric == WATCH and described["ComparisonOperator"] == "GreaterThanThreshold":
        now = sum(counts.get(name, 0) > 0 for name in sinks.values())
        address = "/dead-letters"
    return Alarm(
        service=service,
        what=what or described["AlarmName"],
        state=described["StateValue"],
        since=described["StateUpdatedTimestamp"],
        why=described.get("StateReason", ""),
        condition=_condition(described),
        address=address,
        now=now,
        threshold=described.get("Threshold", 0.0),
    )


def _dimension(dimensions: Iterable[Mapping[str, str]], name: str) -> str:
    return next((each["Value"] for each in dimensions if each["Name"] == name), "")


def _condition(described: Mapping[str, Any]) -> str:
    metric = described.get("MetricName") or "an expression of several metrics"
    operator = OPERATORS.get(described["ComparisonOperator"], described["ComparisonOperator"])
    periods, seconds = described["EvaluationPeriods"], described.get("Period", 60)
    minutes = f"{periods * seconds / 60:g} min"
    return f"{metric} {operator} {described.get('Threshold', 0):g} for {minutes}"


ROUTES = [Route("/alarms", show_alarms)]
