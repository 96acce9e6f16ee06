"""The parts of the platform that limit the number of orders per second.

For each part: how much of it an order uses, how much there is, what happens when that is not
enough, and how to raise the limit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bench.costs import (
    CALL_SECONDS,
    CALLS_PER_ORDER,
    EVENTS_PER_ORDER,
    INDEX_SHARDS,
    STATES_PER_SAGA,
    STOCK_CHANGES_PER_ORDER,
    Templates,
)
from bench.event_patterns import deliveries_per_order
from bench.load_figures import (
    API_ACCOUNT_RATE,
    CHANGES_PER_ORDER,
    DSQL_BURST,
    EXPRESS_STARTS,
    FIFO_TOPIC_MESSAGES,
    INDEX_WRITES,
    INSTANCE_VCPUS,
    KEYS_PER_SECOND,
    LAMBDA_CONCURRENCY,
    MAIL_SECONDS,
    MAILS_PER_ORDER,
    NEW_TABLE_PARTITIONS,
    ORDERS_TABLE_WRITES,
    PARTITION_WRITES,
    PAYMENT_CALLS,
    PICKS_PER_WORKER,
    PUT_EVENTS,
    REQUESTS_PER_ORDER,
    RULE_DELIVERIES,
    SECONDS_SCANNED,
    SES_RATE,
    SHARD_RECORDS,
    STANDARD_STARTS,
    STANDARD_TRANSITIONS,
    TABLE_WRITES,
    VCPUS_PER_INSTANCE,
)
from bench.template_limits import changes_relayed, messages_taken, one, properties, timeout
from lambdas.storefront.sales import BUCKETS
from stacks.environments import Environment


class Whose(StrEnum):
    """The owner of a limit: who can change it."""

    OURS = "ours"
    """A setting of ``stacks/environments.py``, or a constant of the code."""
    QUOTA = "AWS's quota"
    """Service Quotas raises it."""
    FIXED = "fixed"
    """AWS does not raise it, and only another design would: the limit of a cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the platform that limits the rate of orders."""

    name: str
    per_order: float
    """How much of it one order uses."""
    limit: float
    """How much there is per second; or at a time, for what an order uses for some time."""
    whose: Whose
    moved_by: str
    """The setting or quota that raises the limit."""
    looks_like: str
    """What happens beyond it."""

    @property
    def orders(self) -> float:
        """The rate of orders per second at which the part is at its limit."""
        return self.limit / self.per_order


def parts(env: Environment, templates: Templates) -> list[Part]:
    """Return the parts of an environment, the one with the lowest limit first."""
    found = [*_edges(env, templates), *_orders(env, templates), *_followers(env, templates)]
    return sorted(found, key=lambda part: part.orders)


def _edges(env: Environment, templates: Templates) -> Iterator[Part]:
    stage = one(templates, "AWS::ApiGatewayV2::Stage")["DefaultRouteSettings"]
    yield Part(
        name="requests to our API",
        per_order=REQUESTS_PER_ORDER,
        limit=stage["ThrottlingRateLimit"],
        whose=Whose.OURS,
        moved_by="`rate_limit`",
        looks_like="API Gateway answers 429; nobody's order is accepted and then lost",
    )
    yield Part(
        name="requests to all HTTP APIs",
        per_order=REQUESTS_PER_ORDER,
        limit=API_ACCOUNT_RATE,
        whose=Whose.QUOTA,
        moved_by="API Gateway: throttle per account",
        looks_like="the same",
    )
    yield Part(
        name="concurrent functions",
        per_order=CALLS_PER_ORDER * CALL_SECONDS,
        limit=LAMBDA_CONCURRENCY,
        whose=Whose.QUOTA,
        moved_by="Lambda: concurrent executions",
        looks_like="throttles; orders are deferred, `DeferredOrders` grows",
    )
    yield Part(
        name="events put on the bus, one a request",
        per_order=EVENTS_PER_ORDER,
        limit=PUT_EVENTS,
        whose=Whose.QUOTA,
        moved_by="EventBridge: PutEvents; batches of relays put up to ten a request",
        looks_like="relays retry and fall behind: `IteratorAge`",
    )
    yield Part(
        name="deliveries by rules",
        per_order=deliveries_per_order(templates),
        limit=RULE_DELIVERIES,
        whose=Whose.QUOTA,
        moved_by="EventBridge: invocations",
        looks_like="deliveries are late: orders are confirmed, picked, mailed later",
    )


def _orders(env: Environment, templates: Templates) -> Iterator[Part]:
    machines = list(properties(templates, "AWS::StepFunctions::StateMachine"))
    express = any(machine.get("StateMachineType") == "EXPRESS" for machine in machines)
    yield Part(
        name=f"starts of sagas, {'Express' if express else 'Standard'}",
        per_order=1,
        limit=EXPRESS_STARTS if express else STANDARD_STARTS,
        whose=Whose.QUOTA,
        moved_by="Step Functions: StartExecution; `saga_type` Express has 6,000",
        looks_like="EventBridge retries the starts for a day: `OpenOrders` grows, then 429",
    )
    if not express:
        yield Part(
            name="state transitions, Standard",
            per_order=STATES_PER_SAGA,
            limit=STANDARD_TRANSITIONS,
            whose=Whose.QUOTA,
            moved_by="Step Functions: StateTransition; `saga_type` Express has no such quota",
            looks_like="sagas take longer; the same",
        )
    yield Part(
        name="writes of a new table",
        per_order=ORDERS_TABLE_WRITES,
        limit=NEW_TABLE_PARTITIONS * PARTITION_WRITES,
        whose=Whose.QUOTA,
        moved_by="DynamoDB: warm throughput; a table grows to twice its last peak by itself",
        looks_like="throttled writes: some orders get 500 and are tried again, some are deferred",
    )
    yield Part(
        name="writes of the orders table and its indexes",
        per_order=ORDERS_TABLE_WRITES,
        limit=TABLE_WRITES,
        whose=Whose.QUOTA,
        moved_by="DynamoDB: write units of a table",
        looks_like="the same",
    )
    yield Part(
        name="writes of an index by shard",
        per_order=INDEX_WRITES,
        limit=INDEX_SHARDS * PARTITION_WRITES,
        whose=Whose.FIXED,
        moved_by="more shards: two digits of the id instead of one",
        looks_like="throttled writes of the table",
    )
    yield Part(
        name="changes of orders relayed",
        per_order=CHANGES_PER_ORDER,
        limit=changes_relayed(templates, "Orders"),
        whose=Whose.OURS,
        moved_by="`relay_parallelization`",
        looks_like="events are late: `IteratorAge` of `RelayOutbox`, `OpenOrders` grows",
    )
    yield Part(
        name="keys that the scan for duplicates reads",
        per_order=SECONDS_SCANNED,
        limit=KEYS_PER_SECOND * timeout(templates, "JobsResolveDuplicates"),
        whose=Whose.OURS,
        moved_by="memory of `ResolveDuplicates`",
        looks_like="its runs time out: duplicates are found late or after they have left",
    )
    yield Part(
        name="connections to the ledger, when the load comes at once",
        per_order=PAYMENT_CALLS * CALL_SECONDS,
        limit=DSQL_BURST,
        whose=Whose.FIXED,
        moved_by="nothing: then 100 a second",
        looks_like="53400: payments are retried, and orders deferred",
    )


def _followers(env: Environment, templates: Templates) -> Iterator[Part]:
    if env.shards:
        yield Part(
            name="records of the order stream",
            per_order=EVENTS_PER_ORDER,
            limit=env.shards[1] * SHARD_RECORDS,
            whose=Whose.OURS,
            moved_by="`shards`; the scaler doubles them up to this",
            looks_like="EventBridge retries: views are late, the alarm of rejected records rings",
        )
    yield Part(
        name="shards of the order stream without conflicts on counters of sales",
        per_order=EVENTS_PER_ORDER,
        limit=BUCKETS * SHARD_RECORDS,
        whose=Whose.OURS,
        moved_by="`BUCKETS` of `lambdas/storefront/sales.py`",
        looks_like="conflicts: the view of sales is late",
    )
    yield Part(
        name="stock changes relayed",
        per_order=STOCK_CHANGES_PER_ORDER,
        limit=changes_relayed(templates, "Inventory"),
        whose=Whose.OURS,
        moved_by="`relay_parallelization`",
        looks_like="stock events are late",
    )
    yield Part(
        name="messages of the FIFO topic",
        per_order=STOCK_CHANGES_PER_ORDER,
        limit=FIFO_TOPIC_MESSAGES,
        whose=Whose.QUOTA,
        moved_by="SNS: FIFO topics, messages",
        looks_like="the same",
    )
    yield Part(
        name="stock changes taken by a subscriber",
        per_order=STOCK_CHANGES_PER_ORDER,
        limit=messages_taken(templates),
        whose=Whose.OURS,
        moved_by="`subscriber_concurrency`",
        looks_like="the view of availability is late",
    )
    yield Part(
        name="orders picked",
        per_order=1,
        limit=env.workers[1] * PICKS_PER_WORKER,
        whose=Whose.OURS,
        moved_by="`workers`",
        looks_like="the picking queue grows: parcels are late",
    )
    yield Part(
        name="instances that pick",
        per_order=1 / PICKS_PER_WORKER,
        limit=INSTANCE_VCPUS // VCPUS_PER_INSTANCE,
        whose=Whose.QUOTA,
        moved_by="EC2: vCPUs of standard instances",
        looks_like="the group launches no more; the same",
    )
    yield Part(
        name="mails",
        per_order=MAILS_PER_ORDER,
        limit=SES_RATE,
        whose=Whose.QUOTA,
        moved_by="SES: sending rate",
        looks_like="mails are late; those that fail for good are dead-lettered",
    )
    if env.notification_concurrency:
        yield Part(
            name="concurrent functions that write mails",
            per_order=MAILS_PER_ORDER * MAIL_SECONDS,
            limit=env.notification_concurrency,
            whose=Whose.QUOTA,
            moved_by="`notification_concurrency`, a part of Lambda's concurrent executions",
            looks_like="mails are late, at most six hours; then dead-lettered",
        )
