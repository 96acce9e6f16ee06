"""A service's DynamoDB table."""

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from stacks.environments import Environment


class ServiceTable(dynamodb.TableV2):
    """A table with one string key, paid by request, encrypted, and kept as the environment says."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        key: str,
        stream: dynamodb.StreamViewType | None = None,
    ) -> None:
        """Declare the table; ``stream`` says which images a change carries, None for no stream."""
        super().__init__(
            scope,
            id,
            partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.dynamo_owned_key(),
            dynamo_stream=stream,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=env.keep_data,
            removal_policy=env.removal_policy,
        )
