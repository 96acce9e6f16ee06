"""Limits that follow from the templates' settings."""

from collections.abc import Iterator
from typing import Any

from bench.costs import Templates
from bench.load_figures import (
    NEW_TABLE_PARTITIONS,
    RELAY_RECORDS_PER_SECOND,
    SUBSCRIBER_BATCH_SECONDS,
)


def changes_relayed(templates: Templates, service: str) -> float:
    """Return how many changes of a service's table its relay can publish per second."""
    (factor,) = (
        resource["Properties"]["ParallelizationFactor"]
        for stack, template in templates.items()
        if stack.endswith(f"-{service}")
        for id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping" and id.startswith("RelayOutbox")
    )
    concurrent = NEW_TABLE_PARTITIONS * factor
    return float(concurrent * RELAY_RECORDS_PER_SECOND)


def messages_taken(templates: Templates) -> float:
    """Return how many messages per second the slowest subscriber of a queue can process."""
    concurrency, batch = min(
        (mapping["ScalingConfig"]["MaximumConcurrency"], mapping["BatchSize"])
        for mapping in properties(templates, "AWS::Lambda::EventSourceMapping")
        if "ScalingConfig" in mapping
    )
    return float(concurrency * batch / SUBSCRIBER_BATCH_SECONDS)


def timeout(templates: Templates, function: str) -> float:
    """Return the time-out in seconds of the function whose logical id begins with ``function``."""
    (seconds,) = (
        resource["Properties"]["Timeout"]
        for template in templates.values()
        for id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function" and id.startswith(function)
    )
    return float(seconds)


def one(templates: Templates, kind: str) -> Any:
    """Return the properties of the only resource of a type."""
    (found,) = properties(templates, kind)
    return found


def properties(templates: Templates, kind: str) -> Iterator[Any]:
    """Yield the properties of each resource of a type."""
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] == kind:
                yield resource.get("Properties", {})
