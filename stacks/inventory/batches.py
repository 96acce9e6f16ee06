"""The function that moves the units of busy SKUs in batches."""

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

    Only changes that leave a reservation pending invoke it, so without busy SKUs it costs nothing.
    `python -m bench.hot_sku` found the best batch size and window: each shard of the stream writes
    a SKU's row a few times a second, which the row allows for up to 64 shards.
    """
    move_units = ServiceFunction(
        scope,
        "MoveUnits",
        env=env,
        handler="inventory.move_units",
        settings=settings,
        # If each order has many SKUs, a full batch needs one transaction for each order.
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
