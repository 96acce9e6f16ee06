"""The keys with which topics are encrypted: docs/adr/0041."""

from typing import Any

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.nag import acknowledge_checkov


def managed_by_aws(scope: Construct) -> kms.IAlias:
    """Return the account's key for SNS. Its policy lets all roles publish, and no AWS service."""
    return kms.Alias.from_alias_name(scope, "SnsKey", "alias/aws/sns")


class TopicKey(kms.Key):
    """A key of ours for topics on which roles, CloudWatch's alarms and EventBridge's rules publish.

    The key's policy grants it to all of them. Roles may use it through SNS only, as with the key
    that AWS manages. AWS does not support ``aws:SourceAccount`` for EventBridge and topics.
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """

    def __init__(self, scope: Construct, id: str, *, description: str) -> None:
        super().__init__(
            scope,
            id,
            description=description,
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        of = Stack.of(self)
        account = {"aws:SourceAccount": of.account}
        topics = of.format_arn(service="sns", resource="*")
        through_sns = {
            "kms:CallerAccount": of.account,
            "kms:ViaService": f"sns.{of.region}.amazonaws.com",
        }
        self._grant(iam.ServicePrincipal("cloudwatch.amazonaws.com"), StringEquals=account)
        self._grant(
            iam.ServicePrincipal("events.amazonaws.com"),
            ArnLike={"kms:EncryptionContext:aws:sns:topicArn": topics},
        )
        self._grant(iam.StarPrincipal(), StringEquals=through_sns)
        acknowledge_checkov(self, "CKV_AWS_33", reason="only this account's, and through SNS")

    def encrypt(self, topic: sns.Topic) -> None:
        """Encrypt a topic. With the CDK's ``master_key``, roles would get a right to the key."""
        resource = topic.node.default_child
        if not isinstance(resource, sns.CfnTopic):
            raise TypeError(f"{topic.node.path} has no CfnTopic")
        resource.kms_master_key_id = self.key_arn

    def _grant(self, principal: iam.IPrincipal, **conditions: Any) -> None:
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[principal],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions=conditions,
            )
        )
