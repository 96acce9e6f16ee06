"""The scheduled jobs of the orders service."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.orders import OrderConfirmed, OrderPlaced, OrderWithdrawn
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
        self._env, self._orders = env, orders
        self._group, self._alarms = group, alarms
        self.checkpoints = ServiceTable(self, "Checkpoints", env=env, key="job")
        """A row for each job: its progress, or its result."""
        self._republish_stalled(bus)
        self._alarm_on_backlog()
        self._resolve_duplicates()
        if env.orders_retention:
            self._expire_orders(env.orders_retention)

    def _republish_stalled(self, bus: events.IEventBus) -> None:
        env = self._env
        function = self._job(
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
            runs=env.resuming_runs,
        )
        for table in (self._orders, self.checkpoints):
            grant(function, "dynamodb:PutItem", on=table.table_arn)
        for index in (
            OrderColumn.OPEN_SHARD,
            OrderColumn.DEFERRED_SHARD,
            OrderColumn.CLOSED_SHARD,
        ):
            self._grant_query(function, index)
        republished = [OrderPlaced, OrderWithdrawn, OrderConfirmed]
        grant_publish(function, bus, published=republished)

    def _alarm_on_backlog(self) -> None:
        """Declare alarms on the numbers that ``republish_stalled`` counts each minute."""
        for id, metric, condition, limit, minutes in (
            ("OrdersDeferred", "DeferredOrders", "orders have been deferred for 15 minutes", 0, 15),
            (
                "OrdersRefused",
                "OpenOrders",
                "too many orders are open; new ones are refused",
                self._env.max_open_orders,
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
                alarms=self._alarms,
            )

    def _resolve_duplicates(self) -> None:
        env = self._env
        function = self._job(
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
        grant(function, "dynamodb:PutItem", on=self._orders.table_arn)
        progress = self.checkpoints.table_arn
        grant(function, "dynamodb:GetItem", "dynamodb:PutItem", on=progress)
        self._grant_query(function, OrderColumn.DEDUP_BUCKET)

    def _expire_orders(self, retention: Duration) -> None:
        function = self._job(
            "ExpireOrders",
            "expire_orders",
            {
                "RETENTION_DAYS": str(int(retention.to_days())),
                "EXPIRING_RUNS": str(self._env.expiring_runs),
            },
            every=Duration.minutes(15),
            timeout=Duration.minutes(5),
            runs=self._env.expiring_runs,
        )
        grant(function, "dynamodb:PutItem", on=self._orders.table_arn)
        self._grant_query(function, OrderColumn.CLOSED_SHARD)

    def _job(
        self,
        id: str,
        handler: str,
        settings: dict[str, str],
        *,
        every: Duration,
        timeout: Duration,
        memory_mib: int = 256,
        runs: int = 1,
    ) -> ServiceFunction:
        """Declare a scheduled function that may read orders; ``runs`` of it share the work."""
        function = ServiceFunction(
            self,
            id,
            env=self._env,
            handler=f"orders.{handler}",
            settings={"ORDERS_TABLE": self._orders.table_name, **settings},
            timeout=timeout,
            memory_mib=memory_mib,
            no_dlq_reason=SCHEDULE_HAS_DESTINATION,
        )
        Schedule(
            self,
            function=function,
            every=every,
            group=self._group,
            alarms=self._alarms,
            runs=[{"run": n} for n in range(runs)] if runs > 1 else [{}],
        )
        grant(function, "dynamodb:GetItem", on=self._orders.table_arn)
        return function

    def _grant_query(self, function: ServiceFunction, index: OrderColumn) -> None:
        grant(function, "dynamodb:Query", on=f"{self._orders.table_arn}/index/{index}")
