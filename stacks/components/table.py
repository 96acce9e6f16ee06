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
        index: tuple[str, str] | None = None,
    ) -> None:
        """Declare the table.

        ``stream`` says which images a change carries, None for no stream. ``index`` is a sparse
        index: it bears the name of its first attribute, is sorted by the second, and has only keys.
        """
        super().__init__(
            scope,
            id,
            partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.dynamo_owned_key(),
            dynamo_stream=stream,
            global_secondary_indexes=[_sparse(*index)] if index else None,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=env.keep_data,
            removal_policy=env.removal_policy,
        )


def _sparse(attribute: str, sorted_by: str) -> dynamodb.GlobalSecondaryIndexPropsV2:
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=attribute,
        partition_key=dynamodb.Attribute(name=attribute, type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name=sorted_by, type=dynamodb.AttributeType.STRING),
        projection_type=dynamodb.ProjectionType.KEYS_ONLY,
    )
