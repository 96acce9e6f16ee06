"""The outbox of a table: its stream, whose changes a relay publishes on the bus or a topic."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.table_stream import TableStream


class Outbox(TableStream):
    """Invokes ``relay`` with the changes of a table; see ``TableStream``.

    The rows of failed changes still hold the events.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        table: dynamodb.TableV2,
        relay: lambda_.Function,
        alarms: sns.ITopic,
        parallelization_factor: int,
    ) -> None:
        """``parallelization_factor`` is the number of concurrent batches of a shard."""
        super().__init__(
            scope,
            id,
            table=table,
            function=relay,
            contents="unpublished changes",
            alarms=alarms,
            parallelization_factor=parallelization_factor,
        )
