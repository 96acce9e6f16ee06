"""A Kinesis stream of events."""

from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from stacks.environments import Environment


class EventStream(kinesis.Stream):
    """An encrypted stream of events.

    The environment sets its number of shards, and how long it keeps events.
    """

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        mode = kinesis.StreamMode.PROVISIONED if env.shards else kinesis.StreamMode.ON_DEMAND
        super().__init__(
            scope,
            id,
            stream_mode=mode,
            shard_count=env.shards[0] if env.shards else None,
            retention_period=env.stream_retention,
            encryption=kinesis.StreamEncryption.MANAGED,
            removal_policy=env.removal_policy_unprotected,
        )
