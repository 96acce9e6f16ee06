"""A Kinesis stream of events."""

from aws_cdk import Duration
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from stacks.environments import Environment


class EventStream(kinesis.Stream):
    """An encrypted stream that keeps events for a week.

    The environment sets its number of shards.
    """

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        mode = kinesis.StreamMode.PROVISIONED if env.shards else kinesis.StreamMode.ON_DEMAND
        super().__init__(
            scope,
            id,
            stream_mode=mode,
            shard_count=env.shards[0] if env.shards else None,
            # A consumer may fail for a long weekend. AWS charges the same for two to seven days:
            # https://aws.amazon.com/kinesis/data-streams/pricing/
            retention_period=Duration.days(7),
            encryption=kinesis.StreamEncryption.MANAGED,
            removal_policy=env.removal_policy_unprotected,
        )
