"""The batches in which the units of busy SKUs move."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.inventory import PENDING_STATES
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant
from stacks.constructs.table import ServiceTable
from stacks.constructs.table_stream import TableStream
from stacks.environments import Environment


def declare_batches(
    scope: Construct,
    *,
    env: Environment,
    reservations: ServiceTable,
    stock: ServiceTable,
    settings: Mapping[str, str],
    alarms: sns.ITopic,
) -> None:
    """Declare the function that moves the units of pending reservations, and its stream.

    Only changes that leave a reservation pending invoke it: without busy SKUs it costs nothing.
    Batch and window are what `python -m bench.hot_sku` found best: each shard of the stream writes
    a SKU's row a few times a second, which the row bears from up to 64 shards.
    """
    move_units = ServiceFunction(
        scope,
        "MoveUnits",
        env=env,
        handler="inventory.move_units",
        settings=settings,
        # A full batch of orders with many SKUs each is as many transactions as orders.
        timeout=Duration.seconds(30),
    )
    TableStream(
        scope,
        "Pending",
        table=reservations,
        function=move_units,
        contents="pending reservations",
        alarms=alarms,
        batch_size=500,
        batching_window=Duration.seconds(1),
        new_image={"state": {"S": list(PENDING_STATES)}},
    )
    stock.grant(move_units, "dynamodb:BatchGetItem", "dynamodb:UpdateItem")
    grant(move_units, "dynamodb:UpdateItem", on=reservations.table_arn)
