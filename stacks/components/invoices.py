"""Where invoices are kept."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.components.grants import allow
from stacks.components.nag import acknowledge
from stacks.environments import Environment

OBJECTS = "invoices/*"


class InvoiceBucket(s3.Bucket):
    """A private bucket, in which each order's invoice is kept for the ten years that books are.

    With ``prod``, destroying the stack leaves it alone.
    """

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(
            scope,
            id,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(3_653))],
            removal_policy=env.removal_policy,
        )
        acknowledge(
            self,
            "AwsSolutions-S1",
            because="one function writes to it and one reads; both log which invoice they had",
        )

    def let(self, grantee: iam.IRole | None, action: str) -> None:
        """Let a function's role do something with any invoice, and with the bucket nothing."""
        if grantee is None:
            raise TypeError("a function without a role of its own")
        allow(grantee, action, on=self.arn_for_objects(OBJECTS))
        logical_id = Stack.of(self).resolve(self.bucket_arn)["Fn::GetAtt"][0]
        acknowledge(
            grantee,
            f"AwsSolutions-IAM5[Resource::<{logical_id}.Arn>/{OBJECTS}]",
            because="there is an object for each order, named by it",
        )
