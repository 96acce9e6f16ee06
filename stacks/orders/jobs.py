"""The scheduled jobs of the orders service."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.orders import ORDER_EVENTS
from lambdas.contracts.orders_table import OrderColumn
from stacks.constructs.alarm import alarm, own_metric
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant, grant_publish
from stacks.constructs.schedule import SCHEDULE_HAS_DESTINATION, Schedule
from stacks.constructs.table import ServiceTable
from stacks.environments import Environment


class OrderJobs(Construct):
    """The jobs for orders that no request and no event processes.

    Each job reads its orders from a sparse index, page by page, and continues where the previous
    run stopped. Two runs at once do no harm. If an operator invokes a job with ``{"dry_run":
    true}``, it only reports what it would do.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        orders: ServiceTable,
        bus: events.IEventBus,
        group: scheduler.IScheduleGroup,
        alarms: sns.ITopic,
    ) -> None:
        """Declare the jobs; the table ``orders`` has the ``ORDER_INDEXES``."""
        super().__init__(scope, id)
        self.checkpoints = ServiceTable(self, "Checkpoints", env=env, key="job")
        """A row for each job: its progress, or its result."""

        def job(
            id: str,
            handler: str,
            settings: dict[str, str],
            *,
            every: Duration,
            timeout: Duration,
            memory_mib: int = 256,
            runs: Sequence[Mapping[str, int]] = ({},),
        ) -> ServiceFunction:
            function = ServiceFunction(
                self,
                id,
                env=env,
                handler=f"orders.{handler}",
                settings={"ORDERS_TABLE": orders.table_name, **settings},
                timeout=timeout,
                memory_mib=memory_mib,
                no_dlq_reason=SCHEDULE_HAS_DESTINATION,
            )
            Schedule(self, function=function, every=every, group=group, alarms=alarms, runs=runs)
            grant(function, "dynamodb:GetItem", on=orders.table_arn)
            return function

        def shared(runs: int) -> list[dict[str, int]]:
            return [{"run": n} for n in range(runs)] if runs > 1 else [{}]

        def grant_query(function: ServiceFunction, index: OrderColumn) -> None:
            grant(function, "dynamodb:Query", on=f"{orders.table_arn}/index/{index}")

        # Stalled orders
        republish_stalled = job(
            "RepublishStalled",
            "republish_stalled",
            {
                "CHECKPOINTS_TABLE": self.checkpoints.table_name,
                "EVENT_BUS": bus.event_bus_name,
                "ENVIRONMENT": env.name,
                "DISPATCH_WITHIN_SECONDS": str(int(env.dispatch_within.to_seconds())),
                "RESUMED_PER_MINUTE": str(env.resumed_per_minute),
                "RESUMING_RUNS": str(env.resuming_runs),
            },
            every=Duration.minutes(1),
            # A run takes up orders for 55 s. The rest is for its last page, on a bad day.
            timeout=Duration.seconds(90),
            # Lambda assigns CPU by memory, and most of the time of a resumed order is CPU time.
            memory_mib=1_024,
            runs=shared(env.resuming_runs),
        )
        for table in (orders, self.checkpoints):
            grant(republish_stalled, "dynamodb:PutItem", on=table.table_arn)
        for index in (
            OrderColumn.OPEN_SHARD,
            OrderColumn.DEFERRED_SHARD,
            OrderColumn.CLOSED_SHARD,
        ):
            grant_query(republish_stalled, index)
        grant_publish(republish_stalled, bus, published=ORDER_EVENTS)

        for id, metric, condition, limit, minutes in (
            ("OrdersDeferred", "DeferredOrders", "orders have been deferred for 15 minutes", 0, 15),
            (
                "OrdersRefused",
                "OpenOrders",
                "too many orders are open; new ones are refused",
                env.max_open_orders,
                1,
            ),
        ):
            alarm(
                self,
                id,
                alarm_description=f"Fulfilment: {condition}",
                command="order list --deferred",
                metric=own_metric(self, metric, period=Duration.minutes(1), statistic="Maximum"),
                threshold=limit,
                evaluation_periods=minutes,
                alarms=alarms,
            )

        # Orders that repeat an earlier one
        resolve_duplicates = job(
            "ResolveDuplicates",
            "resolve_duplicates",
            {
                "CHECKPOINTS_TABLE": self.checkpoints.table_name,
                "DUPLICATE_POLICY": env.duplicate_action,
                "DUPLICATE_WINDOW_SECONDS": str(int(env.duplicate_window.to_seconds())),
            },
            every=Duration.minutes(1),
            timeout=Duration.minutes(5),
        )
        grant(resolve_duplicates, "dynamodb:PutItem", on=orders.table_arn)
        progress = self.checkpoints.table_arn
        grant(resolve_duplicates, "dynamodb:GetItem", "dynamodb:PutItem", on=progress)
        grant_query(resolve_duplicates, OrderColumn.DEDUP_BUCKET)

        # Orders past their retention
        if env.orders_retention:
            expire_orders = job(
                "ExpireOrders",
                "expire_orders",
                {
                    "RETENTION_DAYS": str(int(env.orders_retention.to_days())),
                    "EXPIRING_RUNS": str(env.expiring_runs),
                },
                every=Duration.minutes(15),
                timeout=Duration.minutes(5),
                runs=shared(env.expiring_runs),
            )
            grant(expire_orders, "dynamodb:PutItem", on=orders.table_arn)
            grant_query(expire_orders, OrderColumn.CLOSED_SHARD)
