"""Least-privilege grants, where the CDK's own grant more than is needed."""

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam


def grant(grantee: iam.IGrantable, *actions: str, on: str) -> None:
    """Grant exactly these actions on the resource with the ARN ``on``."""
    grantee.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(actions=list(actions), resources=[on])
    )


def grant_put_events(grantee: iam.IGrantable, bus: events.IEventBus, *, source: str) -> None:
    """Let ``grantee`` put events on ``bus``, with its own service's source only.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    """
    grantee.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["events:PutEvents"],
            resources=[bus.event_bus_arn],
            conditions={"StringEquals": {"events:source": source}},
        )
    )
