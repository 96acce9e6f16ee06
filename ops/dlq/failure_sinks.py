"""Failure sinks: the queues and buckets that hold failed work, and the routes that lead there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ops.dlq.templates import Resource


class Mechanism(StrEnum):
    """How failed work gets into a sink: by a mechanism of AWS, or by code of ours."""

    REDRIVE_POLICY = "message received too often (maxReceiveCount)"
    SUBSCRIPTION = "message that SNS could not deliver"
    RULE = "event that EventBridge could not deliver"
    SCHEDULE = "invocation that EventBridge Scheduler could not make"
    DESTINATION = "event that a function failed on"
    FUNCTION_DLQ = "event that a function failed on (its dead-letter queue)"
    STREAM_MAPPING = "stream batch that a function failed on"
    CONSUMER = "message that its consumer could not parse"
    SAGA = "compensation that failed for good"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRoute:
    """One way into a sink."""

    mechanism: Mechanism
    source: Resource
    """The resource whose failed work goes to the sink."""
    target: Resource | None
    """The resource that a redrive hands the work to; None where the work is to be repaired."""
    target_config: Mapping[str, Any] = field(repr=False, default_factory=dict)
    """How the template configures the target, such as a rule's input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSink:
    """A queue or bucket that holds failed work, and all routes into it."""

    resource: Resource
    routes: Sequence[FailureRoute]

    @property
    def name(self) -> str:
        """The name that the command shows."""
        return self.resource.name

    @property
    def is_fifo(self) -> bool:
        """Whether it is a FIFO queue."""
        return bool(self.resource.properties.get("FifoQueue"))

    def routes_by(self, mechanism: Mechanism) -> Sequence[FailureRoute]:
        """Return the routes of this mechanism."""
        return [route for route in self.routes if route.mechanism == mechanism]

    def find_route(self, mechanism: Mechanism, arn: str = "") -> FailureRoute | None:
        """Return the route of this mechanism whose source or target has that ARN.

        Where all routes of the mechanism have one target, return the first of them for any ARN:
        the resource with that ARN may have been replaced since.
        """
        routes = self.routes_by(mechanism)
        for route in routes:
            if any(
                end is not None and end.matches_arn(arn) for end in (route.target, route.source)
            ):
                return route
        return routes[0] if len({route.target for route in routes}) == 1 else None
