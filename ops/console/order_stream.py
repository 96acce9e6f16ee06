"""The present state of the order stream: its shards, its consumers' lag, the scaler's decisions."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from ops.console.wiring import STREAM, Wiring
from ops.deployed import FINISH, Deployed, OperationError, named
from ops.dlq.templates import FUNCTION, Resource
from ops.mappings import mappings_of

SCALER = "backbone/ScalerScaleStream"
DECIDED = "shard_count_decided"
"""The line that the scaler logs of each decision."""
WINDOW = timedelta(minutes=20)
LAG_WINDOW = timedelta(minutes=5)
Described = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """A function that reads the stream."""

    function: Resource
    lag_seconds: float | None
    """The largest iterator age in the last minutes, in seconds; None if there is no metric."""
    problem: str
    """What Lambda says of its event source mapping; empty if that works.

    A mapping that does not read has no iterator age, and so its alarm does not ring.
    """


def stream_of(wiring: Wiring) -> Resource:
    """Return the order stream.

    Raises:
        OperationError: it is not deployed, or not yet.
    """
    for each in wiring.things:
        if each.kind == STREAM and each.physical:
            return each
    raise OperationError(f"no order stream is deployed: {FINISH}")


def describe(deployed: Deployed, stream: Resource) -> Described:
    """Return the stream's summary from Kinesis."""
    kinesis = deployed.client("kinesis")
    answer = kinesis.describe_stream_summary(StreamName=stream.physical)
    found: Described = answer["StreamDescriptionSummary"]
    return found


def consumers(deployed: Deployed, wiring: Wiring, now: datetime) -> Sequence[Consumer]:
    """Return the functions that read the stream, with their lag.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    stream = stream_of(wiring)
    functions = [
        wire.target
        for wire in wiring.wires
        if wire.source == stream and wire.target.kind == FUNCTION
    ]
    queries = [
        {
            "Id": f"lag{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Lambda",
                    "MetricName": "IteratorAge",
                    "Dimensions": [{"Name": "FunctionName", "Value": function.physical}],
                },
                "Period": 60,
                "Stat": "Maximum",
            },
        }
        for number, function in enumerate(functions)
    ]
    answer = deployed.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=now - LAG_WINDOW, EndTime=now
    )
    lags = {each["Id"]: each["Values"] for each in answer["MetricDataResults"] if each["Values"]}
    lambda_ = deployed.client("lambda")
    mappings = [mappings_of(lambda_, function.physical) for function in functions]
    return [
        Consumer(
            function=function,
            lag_seconds=lags[f"lag{n}"][0] / 1000 if f"lag{n}" in lags else None,
            problem="" if mappings[n].work else str(mappings[n]),
        )
        for n, function in enumerate(functions)
    ]


def decisions(deployed: Deployed, now: datetime) -> Sequence[Described]:
    """Return the scaler's decisions in the last minutes, the newest first.

    Equal decisions in a row are one, with ``times`` and ``since``.
    """
    group = _log_group(deployed)
    pages = deployed.client("logs").get_paginator("filter_log_events").paginate(
        logGroupName=group,
        filterPattern=f'"{DECIDED}"',
        startTime=int((now - WINDOW).timestamp() * 1000),
    )  # fmt: skip
    found = [line for page in pages for event in page["events"] for line in _parsed(event)]
    found.sort(key=lambda each: each["logged_at"], reverse=True)
    rows = [list(same) for _, same in groupby(found, key=itemgetter("shards", "to", "reason"))]
    return [{**row[0], "times": len(row), "since": row[-1]["logged_at"]} for row in rows]


def _log_group(deployed: Deployed) -> str:
    templates = deployed.templates()
    scaler = named(templates, SCALER)
    group = templates.first_reference(scaler.stack, scaler.properties.get("LoggingConfig", {}))
    return group.physical if group else f"/aws/lambda/{scaler.physical}"


def _parsed(event: Mapping[str, Any]) -> Iterator[Described]:
    try:
        line = json.loads(event["message"])
    except ValueError:
        return
    if isinstance(line, dict) and line.get("message") == DECIDED:
        yield {**line, "logged_at": datetime.fromtimestamp(event["timestamp"] / 1000, UTC)}
