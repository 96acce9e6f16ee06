"""A service's bucket."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.grants import grant
from stacks.constructs.nag import acknowledge
from stacks.environments import Environment


class ServiceBucket(s3.Bucket):
    """A private bucket, encrypted, in which everything is kept for so long and then goes.

    With ``prod``, destroying the stack leaves it alone.
    """

    def __init__(
        self, scope: Construct, id: str, *, env: Environment, retention: Duration, reason: str
    ) -> None:
        """Declare the bucket; ``reason`` says why it logs no access."""
        super().__init__(
            scope,
            id,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=retention)],
            removal_policy=env.removal_policy,
        )
        acknowledge(self, "AwsSolutions-S1", reason=reason)

    def grant_objects(
        self, grantee: iam.IRole | None, action: str, *, objects: str, reason: str
    ) -> None:
        """Let a function's role do something with ``objects``, and with the bucket nothing.

        ``reason`` says why they cannot be named one by one.
        """
        if grantee is None:
            raise TypeError("a function without a role of its own")
        grant(grantee, action, on=self.arn_for_objects(objects))
        logical_id = Stack.of(self).resolve(self.bucket_arn)["Fn::GetAtt"][0]
        acknowledge(
            grantee, f"AwsSolutions-IAM5[Resource::<{logical_id}.Arn>/{objects}]", reason=reason
        )
