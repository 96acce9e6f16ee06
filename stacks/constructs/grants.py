"""Least-privilege grants, for which the CDK's own methods would grant too much."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from lambdas.contracts.event import DESTINATION_DETAIL_TYPE, DESTINATION_SOURCE, Event
from stacks.constructs.contract_outputs import note_published


def grant(
    grantee: iam.IGrantable, *actions: str, on: str, conditions: Mapping[str, Any] | None = None
) -> None:
    """Grant exactly these actions on the resource whose ARN is ``on``."""
    grantee.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(actions=list(actions), resources=[on], conditions=conditions)
    )


def grant_publish(
    grantee: lambda_.IFunction | iam.Role,
    bus: events.IEventBus,
    *,
    published: Sequence[type[Event]],
) -> None:
    """Allow ``grantee`` to put events on ``bus``, with source and types of ``published`` only.

    A request has the types of all its entries; each of them must be among those of ``published``.

    Lambda publishes for a function whose destination is the bus. It refuses to set the destination
    unless the function's role may put events, and AWS does not say that it asks with a source: so
    this role may also put events where the keys are missing. In a request they never are.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_IfExists
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
    """
    sources = {DESTINATION_SOURCE if event.via_destination else event.source for event in published}
    (source,) = sources
    operator = "StringEqualsIfExists" if source == DESTINATION_SOURCE else "StringEquals"
    types = {
        DESTINATION_DETAIL_TYPE if event.via_destination else event.detail_type
        for event in published
    }
    grantee.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["events:PutEvents"],
            resources=[bus.event_bus_arn],
            conditions={
                operator: {"events:source": source},
                "ForAllValues:StringEquals": {"events:detail-type": sorted(types)},
            },
        )
    )
    note_published(grantee, published)
