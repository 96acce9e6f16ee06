"""Which rules and subscriptions there are, and which of our events each of them matches."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from lambdas.contracts.event import Event
from stacks.environments import ENVIRONMENTS
from tests.contracts.catalog import EVENTS, matches, read, sample_of
from tests.templates.checks.common import is_catch_all
from tests.templates.kinds import RULE, SUBSCRIPTION
from tests.templates.synthesis import Platform, Resource

everywhere = pytest.mark.parametrize("environment", ENVIRONMENTS)


def rules(of: Platform) -> Iterator[Resource]:
    """The live rules that listen to an event of ours; the catch-all listens to everything.

    Events of AWS's services are on the default bus, which is meant when a rule names none, and a
    partner's on a bus of its own.
    """
    return (
        rule
        for rule in of.all(RULE)
        if "EventBusName" in rule.properties
        and rule.stack != of.environment.stack_name("Disputes")
        and not is_catch_all(rule, of)
        and not is_replay_rule(rule)
    )


def is_replay_rule(rule: Resource) -> bool:
    """Whether it is the rule for rebuilding views, which matches no live event."""
    return bool(rule.properties["EventPattern"].get("replay-name") == [{"exists": True}])


def subscriptions(of: Platform) -> Iterator[Resource]:
    """The subscriptions to events on a topic; one to records of failures has no filter."""
    return (each for each in of.all(SUBSCRIPTION) if "FilterPolicy" in each.properties)


def matched_by(pattern: Any, events: Iterable[type[Event]] = EVENTS) -> list[type[Event]]:
    """The events that match a rule's pattern, or a subscription's filter policy."""
    return [event for event in events if matches(pattern, read(sample_of(event)))]


def patterns_of(of: Platform) -> list[Any]:
    """The patterns and filter policies of all subscribers."""
    return [
        *(rule.properties["EventPattern"] for rule in rules(of)),
        *(subscription.properties["FilterPolicy"] for subscription in subscriptions(of)),
    ]


def without_subscriber(patterns: list[Any], events: Iterable[type[Event]] = EVENTS) -> list[str]:
    """The events that have neither a subscriber nor a reason for none, or that have both."""
    matched = {event for pattern in patterns for event in matched_by(pattern, events)}
    return [
        event.__name__ for event in events if (event in matched) == bool(event.no_subscriber_reason)
    ]
