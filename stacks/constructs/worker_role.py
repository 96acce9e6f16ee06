"""The role of a worker group's instances."""

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.grants import grant
from stacks.constructs.nag import acknowledge, acknowledge_checkov

SESSION_MANAGER_ACTIONS = (
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
"""What Session Manager needs. The managed policy would allow to read every parameter too.
https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
"""


class WorkerRole(iam.Role):
    """A role that may fetch the program, log, consume the queues, drain, and be logged into."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        group_name: str,
        object_arns: Sequence[str],
        log_group: logs.LogGroup,
        queues: Mapping[sqs.IQueue, sqs.IQueue],
    ) -> None:
        """``queues`` maps each queue to its consumer's dead-letter queue."""
        super().__init__(scope, id, assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        for arn in object_arns:
            grant(self, "s3:GetObject", on=arn)
        log_group.grant_write(self)
        for queue, dead_letters in queues.items():
            grant(
                self,
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:ChangeMessageVisibility",
                on=queue.queue_arn,
            )
            grant(self, "sqs:SendMessage", on=dead_letters.queue_arn)
        grant(self, *SESSION_MANAGER_ACTIONS, on="*")
        group_arn = Stack.of(self).format_arn(
            service="autoscaling",
            resource="autoScalingGroup",
            resource_name=f"*:autoScalingGroupName/{group_name}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        grant(self, "autoscaling:CompleteLifecycleAction", on=group_arn)
        reason = "Session Manager's channels know no resources"
        acknowledge(self, "AwsSolutions-IAM5[Resource::*]", reason=reason)
        acknowledge_checkov(self.node.find_child("DefaultPolicy"), "CKV_AWS_111", reason=reason)
        acknowledge(
            self,
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:autoscaling:<AWS::Region>:"
            f"<AWS::AccountId>:autoScalingGroup:*:autoScalingGroupName/{group_name}]",
            reason="the wildcard stands for an id that a group gets when it is made",
        )
