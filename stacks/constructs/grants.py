"""Rights that the CDK's own grants give too widely."""

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam


def grant(grantee: iam.IGrantable, *actions: str, on: str) -> None:
    """Let ``grantee`` do just these actions on the resource of that ARN."""
    grantee.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(actions=list(actions), resources=[on])
    )


def grant_put_events(grantee: iam.IGrantable, bus: events.IEventBus, *, source: str) -> None:
    """Let ``grantee`` put events on ``bus``, under no source but its service's own.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    """
    grantee.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["events:PutEvents"],
            resources=[bus.event_bus_arn],
            conditions={"StringEquals": {"events:source": source}},
        )
    )
