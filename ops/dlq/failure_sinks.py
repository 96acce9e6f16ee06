"""Failure sinks: the queues and buckets that hold failed work, and the routes that lead there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ops.dlq.templates import Resource


class Mechanism(StrEnum):
    """The mechanism by which failed work gets into a sink: AWS's, or our own code's."""

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
    """A route into a sink: what sends dead letters there, and where a redrive puts them."""

    mechanism: Mechanism
    source: Resource
    """The resource whose failed work goes to the sink."""
    target: Resource | None
    """The resource that a redrive sends the work to; None if the work has to be repaired."""
    target_config: Mapping[str, Any] = field(repr=False, default_factory=dict)
    """How the template configures the target, such as a rule's input."""
    others: Sequence[Resource] = field(repr=False, default=())
    """Of a saga, the functions: a dead letter names the one that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSink:
    """A queue or bucket that holds failed work, and all routes into it."""

    resource: Resource
    routes: Sequence[FailureRoute]

    @property
    def name(self) -> str:
        """The sink's name in the command's output."""
        return self.resource.name

    @property
    def is_fifo(self) -> bool:
        """Whether the sink is a FIFO queue."""
        return bool(self.resource.properties.get("FifoQueue"))

    @property
    def ends(self) -> Sequence[Resource]:
        """The resources that a dead letter may name as what failed."""
        ends = (end for route in self.routes for end in (route.target, route.source, *route.others))
        return [end for end in ends if end is not None]

    def routes_by(self, mechanism: Mechanism) -> Sequence[FailureRoute]:
        """Return the routes with this mechanism."""
        return [route for route in self.routes if route.mechanism == mechanism]

    def find_route(self, mechanism: Mechanism, arn: str = "") -> FailureRoute | None:
        """Return the route with this mechanism whose source or target has this ARN, or None.

        If all routes with the mechanism have the same target, return the first one for any ARN: the
        resource with that ARN may have been replaced since.
        """
        routes = self.routes_by(mechanism)
        for route in routes:
            if any(
                end is not None and end.matches_arn(arn) for end in (route.target, route.source)
            ):
                return route
        return routes[0] if len({route.target for route in routes}) == 1 else None
