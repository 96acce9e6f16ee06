"""A service's DynamoDB table."""

from collections.abc import Sequence

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from stacks.environments import Environment


class ServiceTable(dynamodb.TableV2):
    """An encrypted on-demand table with string keys and point-in-time recovery."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        key: str,
        sort_key: str = "",
        stream: dynamodb.StreamViewType | None = None,
        indexes: Sequence[tuple[str, str]] = (),
        expiry: str | None = None,
    ) -> None:
        """Declare the table.

        ``stream`` says which images of an item its stream carries; None means no stream.
        ``indexes`` are pairs of partition key and sort key. Each index is named after its partition
        key, is sparse, and holds only keys. ``expiry`` is the attribute with the time, in seconds
        since the epoch, after which DynamoDB deletes an item, within days.
        """
        super().__init__(
            scope,
            id,
            partition_key=_text(key),
            sort_key=_text(sort_key) if sort_key else None,
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.dynamo_owned_key(),
            dynamo_stream=stream,
            time_to_live_attribute=expiry,
            global_secondary_indexes=[_sparse(*index) for index in indexes] or None,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=env.keep_data,
            removal_policy=env.removal_policy,
        )


def _sparse(attribute: str, sort_key: str) -> dynamodb.GlobalSecondaryIndexPropsV2:
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=attribute,
        partition_key=_text(attribute),
        sort_key=_text(sort_key),
        projection_type=dynamodb.ProjectionType.KEYS_ONLY,
    )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
