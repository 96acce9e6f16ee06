"""Which alarms watch a metric that CloudWatch has no data of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from ops.deployed import Deployed
from stacks.names import stack_name

Shape = tuple[str, str]
"""A namespace and the name of a metric."""
Dimensions = frozenset[tuple[str, str]]


def unseen_metrics(deployed: Deployed) -> Iterator[str]:
    """Yield a line for each metric that an alarm of the environment watches, and that has no data.

    CloudWatch lists a metric a quarter of an hour after its first data, for two weeks. If it knows
    no metric of that name with these dimensions at all, in the whole Region, the line says so: then
    the name or a dimension may be wrong.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html
    """
    cloudwatch = deployed.client("cloudwatch")
    known = cache(lambda shape: _listed(cloudwatch, shape))
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=stack_name(deployed.environment, ""), AlarmTypes=["MetricAlarm"]
    )
    found = [alarm for page in pages for alarm in page["MetricAlarms"]]
    for alarm in sorted(found, key=lambda alarm: str(alarm["AlarmDescription"])):
        for metric in _metrics(alarm):
            if problem := _problem(metric, known):
                yield f"{alarm['AlarmDescription']}: {problem}"


def _metrics(alarm: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    if "MetricName" in alarm:
        return [alarm]
    return [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]


def _problem(metric: Mapping[str, Any], known: Callable[[Shape], set[Dimensions]]) -> str:
    """Return what is wrong with a metric; nothing if it has data."""
    name = f"{metric['Namespace']} {metric['MetricName']}"
    dimensions = _dimensions(metric)
    with_data = known((metric["Namespace"], metric["MetricName"]))
    if dimensions in with_data:
        return ""
    named = {key for key, _ in dimensions}
    if any({key for key, _ in each} == named for each in with_data):
        of = ", ".join(f"{key} {value}" for key, value in sorted(dimensions))
        return f"{name} has no data of {of}"
    return f"there is no {name} with {', '.join(sorted(named)) or 'no dimension'} at all"


def _listed(cloudwatch: Any, shape: Shape) -> set[Dimensions]:
    namespace, name = shape
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace, MetricName=name)
    return {_dimensions(metric) for page in pages for metric in page["Metrics"]}


def _dimensions(metric: Mapping[str, Any]) -> Dimensions:
    return frozenset((each["Name"], each["Value"]) for each in metric.get("Dimensions", ()))
