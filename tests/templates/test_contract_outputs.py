"""What the stacks say that they read and publish, against what they declare."""

import json
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Stack

from lambdas.contracts.orders import OrderPlaced, OrderWithdrawn
from stacks.constructs.contract_outputs import PUBLISHED, READ, note_published, note_read
from stacks.environments import ENVIRONMENTS
from stacks.orders.sagas import READ_VERSIONS
from tests.contracts.catalog import EVENTS
from tests.contracts.subscribers import matched_by, rules, subscriptions
from tests.templates.synthesis import platform

everywhere = pytest.mark.parametrize("environment", ENVIRONMENTS)


def noted(environment: str, name: str) -> dict[str, dict[str, Any]]:
    """By stack, the output of that name."""
    return {
        stack: json.loads(template.get("Outputs", {}).get(name, {"Value": "{}"})["Value"])
        for stack, template in platform(environment).templates.items()
    }


@everywhere
def test_every_event_is_published_by_one_stack(environment: str):
    published = [event for events in noted(environment, PUBLISHED).values() for event in events]

    assert sorted(published) == sorted(event.detail_type for event in EVENTS)


@everywhere
def test_each_stack_reads_what_its_rules_and_subscriptions_match(environment: str):
    of = platform(environment)
    read = noted(environment, READ)
    for rule in rules(of):
        matched = {event.detail_type for event in matched_by(rule.properties["EventPattern"])}
        assert matched <= set(read[rule.stack]), rule
    for subscription in subscriptions(of):
        matched = {
            event.detail_type for event in matched_by(subscription.properties["FilterPolicy"])
        }
        assert matched <= set(read[subscription.stack]), subscription


@everywhere
def test_every_stack_reads_the_version_that_is_published(environment: str):
    published = {
        event: version
        for events in noted(environment, PUBLISHED).values()
        for event, version in events.items()
    }

    for stack, read in noted(environment, READ).items():
        for event, versions in read.items():
            assert published[event] in versions, (stack, event)


@everywhere
def test_sagas_start_from_the_versions_that_their_stack_reads(environment: str):
    read = noted(environment, READ)[platform(environment).environment.stack_name("Orders")]

    for event in (OrderPlaced, OrderWithdrawn):
        assert read[event.detail_type] == list(READ_VERSIONS[event])


def test_stack_reads_the_versions_that_all_its_consumers_read():
    stack = Stack(App(), "Any")

    note_read(stack, [OrderPlaced], versions=[1, 2])
    note_read(stack, [OrderPlaced], versions=[2, 3])
    note_published(stack, [OrderWithdrawn])

    outputs = {
        child.node.id: child.value for child in stack.node.children if isinstance(child, CfnOutput)
    }
    assert outputs == {READ: '{"OrderPlaced":[2]}', PUBLISHED: '{"OrderWithdrawn":1}'}
