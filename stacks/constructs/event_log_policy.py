"""EventBridge's permission to write to log groups."""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct


class EventLogPolicy(logs.ResourcePolicy):
    """One Logs resource policy for all groups ``/aws/events/*``. A Region allows only ten policies.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions
    """

    def __init__(self, scope: Construct, id: str) -> None:
        stack = Stack.of(scope)
        groups = stack.format_arn(
            service="logs",
            resource="log-group",
            resource_name="/aws/events/*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        rules = stack.format_arn(service="events", resource="rule", resource_name="*")
        writers = [
            iam.ServicePrincipal("events.amazonaws.com"),
            iam.ServicePrincipal("delivery.logs.amazonaws.com"),
        ]
        super().__init__(
            scope,
            id,
            policy_statements=[
                iam.PolicyStatement(
                    principals=writers,
                    actions=["logs:CreateLogStream"],
                    resources=[f"{groups}:*"],
                ),
                iam.PolicyStatement(
                    principals=writers,
                    actions=["logs:PutLogEvents"],
                    resources=[f"{groups}:*:*"],
                    conditions={"ArnLike": {"aws:SourceArn": rules}},
                ),
            ],
        )
