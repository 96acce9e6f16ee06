"""A service's bucket."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.grants import grant
from stacks.constructs.nag import acknowledge, acknowledge_checkov
from stacks.environments import Environment


class ServiceBucket(s3.Bucket):
    """A private, encrypted bucket whose objects expire after ``retention``.

    The environment decides whether the bucket stays when its stack is deleted, and whether
    ``locked`` takes effect. A locked bucket keeps all versions of an object, and none can be
    deleted before it expires, except by a principal that may bypass the lock (governance mode).
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        retention: Duration,
        reason: str,
        locked: bool = False,
    ) -> None:
        """Declare the bucket; ``reason`` says why it needs no access log."""
        lock = s3.ObjectLockRetention.governance(retention) if locked and env.keep_data else None
        super().__init__(
            scope,
            id,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True if lock else None,
            object_lock_default_retention=lock,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=retention,
                    # In a versioned bucket, an expired object is hidden, but still there.
                    noncurrent_version_expiration=Duration.days(1) if lock else None,
                )
            ],
            removal_policy=env.removal_policy_unprotected,
        )
        acknowledge(self, "AwsSolutions-S1", reason=reason)
        acknowledge_checkov(self, "CKV_AWS_18", reason=reason)

    def grant_objects(
        self,
        grantee: iam.IRole | None,
        action: str,
        *,
        objects: str,
        reason: str,
        only_new: bool = False,
    ) -> None:
        """Grant ``action`` on ``objects``, a pattern of keys; nothing on the bucket itself.

        ``reason`` says why the pattern needs a wildcard. With ``only_new``, a request must have
        the header ``If-None-Match``, so that S3 refuses to overwrite an object.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
        """
        if grantee is None:
            raise TypeError("the function has no role of its own")
        conditions = {"Null": {"s3:if-none-match": "false"}} if only_new else None
        grant(grantee, action, on=self.arn_for_objects(objects), conditions=conditions)
        logical_id = Stack.of(self).resolve(self.bucket_arn)["Fn::GetAtt"][0]
        acknowledge(
            grantee, f"AwsSolutions-IAM5[Resource::<{logical_id}.Arn>/{objects}]", reason=reason
        )
