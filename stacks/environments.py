"""The environments for which the app can be synthesized, and their settings.

``dev`` also runs on a laptop: the local cloud gets the same templates as a development account.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from aws_cdk import Duration, RemovalPolicy
from aws_cdk.aws_logs import RetentionDays
from aws_cdk.aws_stepfunctions import StateMachineType

from lambdas.contracts.customer_limits import CustomerLimits
from stacks.names import stack_name
from stacks.sender import Sender
from stacks.setting_checks import InvalidSettingError, check_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDomain:
    """The domain name of the HTTP API, and the certificate for it."""

    name: str
    certificate_arn: str
    """A certificate of AWS Certificate Manager, in the Region of the deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The settings of one environment."""

    name: str
    """The environment's part of its stacks' names."""
    log_retention: RetentionDays
    """How long log groups keep their lines."""
    archive_retention: Duration | None
    """How long the bus's archive keeps events; None means for ever."""
    orders_retention: Duration | None
    """How long the orders service keeps an order that has ended, in days; None means for ever."""
    saga_type: StateMachineType
    """Standard or Express; the saga's time-outs fit both."""
    keep_data: bool
    """Whether data outlives its stack, is protected against deletion, and is backed up."""
    rate_limit: int
    """How many requests per second the HTTP API accepts."""
    burst_limit: int
    """How many concurrent requests the HTTP API accepts."""
    placing_concurrency: int | None = None
    """The reserved concurrency of the function that accepts orders; None means none.

    In a burst it leaves the rest of the account's to the orders that were accepted.
    """
    lead_time: Duration
    """How long the simulated supplier takes to deliver."""
    card_limit: int = 1_000_00
    """The amount, in minor units, above which the simulated card provider declines."""
    unresolved_after: Duration = Duration.hours(1)  # noqa: RUF009 -- it never changes
    """How old an open reservation or charge must be before its service queries the order's status.

    It must be well above the duration of a saga and its takeover.
    """
    dispatch_within: Duration = Duration.hours(12)  # noqa: RUF009 -- it never changes
    """How soon an order is dispatched after its confirmation.

    Then its event is published again; after twice that time a person is called.
    """
    resumed_per_minute: int = 1_200
    """How many stalled or deferred orders are resumed in a minute at least.

    If as many orders or more went on in the minute before, a quarter more than those. Each of the
    ``resuming_runs`` has time for some 4,500.
    """
    resuming_runs: int = 1
    """How many runs of the job that resumes orders share its work; 1 to 16."""
    expiring_runs: int = 1
    """How many runs of the job that deletes expired orders share its work; 1 to 16.

    On average, each deletes eleven a second.
    """
    max_open_orders: int = 72_000
    """The largest backlog with which new orders are accepted; above it they are answered with 429.

    It is what is resumed in an hour at ``resumed_per_minute``, so that nobody waits much longer.
    Open orders are counted once a minute. The limit must be well above what the platform ends in
    that time, or the platform would run out of orders while new ones are still refused.
    """
    customer_limits: CustomerLimits
    """An order that would exceed them gets 409.

    So nobody can reserve the whole stock, or place and cancel orders without end: each costs a
    charge and its refund, and two mails.
    """
    offer_lead_time: Duration
    """How long after it was written a new offer begins at the earliest.

    By then every view must know it: the price that a customer reads is then the one that is
    checked.
    """
    offer_grace: Duration = Duration.minutes(15)  # noqa: RUF009 -- it never changes
    """How long a price is honoured after its offer ended, because customers read it before.

    At most a day: the catalogue forgets ended offers after ``ENDED_OFFERS_KEPT``.
    """
    duplicate_action: Literal["hold", "cancel"]
    """Whether a duplicate order is held for a person to decide, or cancelled."""
    duplicate_window: Duration
    """How soon after an order an equal one of the same customer counts as its duplicate."""
    workers: tuple[int, int]
    """The minimum and maximum number of warehouse instances, 2 vCPUs each; an update adds one.

    With a minimum of 0 there is one instance while messages wait, and none while none come: an
    order is picked minutes later. The maximum must then be 1.
    """
    shards: tuple[int, int] | None
    """The minimum and maximum number of shards of the order stream; None means on-demand mode."""
    stream_retention: Duration
    """How long the order stream keeps events: a day is free, two to seven days cost the same."""
    relay_parallelization: int
    """How many batches of a shard of a table's stream are relayed concurrently; at most 10.

    Two of them never hold changes of the same row.
    """
    subscriber_concurrency: int
    """How many batches of a subscriber's queue are processed concurrently; 2 to 1,000."""
    shards_cooldown: Duration
    """How long shards must be unneeded before the scaler removes them."""
    enhanced_fan_out: bool
    """Whether each projection reads every shard through a connection of its own.

    It is then pushed records without polling, and shares no throughput with other consumers.
    """
    partner_event_source: str | None = None
    """The card company's partner event source; without one, nothing for disputes is deployed."""
    sender: Sender | None = None
    """Who sends mails to customers; without a sender, mails are recorded but not sent."""
    alarm_addresses: tuple[str, ...] = ()
    """The e-mail addresses that receive alarms, and notices of orders that need a person.

    SNS asks each of them for confirmation first.
    """
    topic_key: bool = False
    """Whether the operations topic is encrypted, with a key of its own: 1 USD a month (ADR 41)."""
    traced: bool = True
    """Whether X-Ray traces the functions that the HTTP API invokes; others never are (ADR 36)."""
    operators_client: bool
    """Whether operators have a machine client, 6 USD a month, with tokens for the HTTP API.

    Without one they sign their requests with credentials of the AWS account (ADR 13).
    """
    dashboard: bool
    """Whether there is a dashboard, 3 USD a month; the same graphs can be asked for at any time."""
    dead_letters_watched: bool
    """Whether one job watches all dead-letter queues, in place of an alarm on each.

    It costs a tenth of the alarms, and notices up to five minutes later (ADR 44).
    """
    order_expected_within: Duration | None = None
    """How long it may be until the next order before an alarm says so; without it, none does.

    A day at most, and a whole number of minutes.
    """
    api_domain: ApiDomain | None = None
    """The HTTP API's own domain name; without one, API Gateway gives it an address."""
    notification_concurrency: int | None
    """The reserved concurrency of each function that writes mails or invoices; None means none."""

    @property
    def removal_policy(self) -> RemovalPolicy:
        """What CloudFormation does with data when its stack is deleted.

        Data with deletion protection also stays when its creation is rolled back.
        """
        return RemovalPolicy.RETAIN if self.keep_data else RemovalPolicy.DESTROY

    @property
    def removal_policy_unprotected(self) -> RemovalPolicy:
        """The policy for data without deletion protection: buckets, queues, bus and archive.

        If their creation is rolled back, they are new and empty, and are deleted: otherwise their
        names would block the next attempt.
        """
        keep = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        return keep if self.keep_data else RemovalPolicy.DESTROY

    def stack_name(self, service: str) -> str:
        """Return the name of a service's stack, such as ``Orders-Dev-Payments``."""
        return stack_name(self.name, service)

    @property
    def suffix(self) -> str:
        """The suffix of this environment's physical names; empty for ``dev``."""
        return "" if self.name == "dev" else self.name


DEV = Environment(
    name="dev",
    log_retention=RetentionDays.ONE_WEEK,
    archive_retention=Duration.days(30),
    orders_retention=Duration.days(30),
    saga_type=StateMachineType.STANDARD,
    keep_data=False,
    rate_limit=200,
    burst_limit=400,
    workers=(0, 1),
    shards=(1, 4),
    stream_retention=Duration.days(1),
    relay_parallelization=1,
    subscriber_concurrency=10,
    shards_cooldown=Duration.minutes(15),
    enhanced_fan_out=False,
    operators_client=False,
    dashboard=False,
    dead_letters_watched=True,
    notification_concurrency=None,
    lead_time=Duration.minutes(10),
    # An export of a wholesaler is placed within minutes.
    customer_limits=CustomerLimits(
        orders=500, units=1_000_000, value=10_000_000_00, orders_a_day=50_000
    ),
    # A new account has a concurrency of 10, and bears some fourteen orders a second.
    resumed_per_minute=600,
    max_open_orders=36_000,
    # A laptop's views lag by a second or two, and a developer should not wait for offers.
    offer_lead_time=Duration.seconds(5),
    duplicate_action="hold",
    duplicate_window=Duration.minutes(5),
)
PROD = Environment(
    name="prod",
    log_retention=RetentionDays.ONE_MONTH,
    archive_retention=None,
    orders_retention=Duration.days(400),
    saga_type=StateMachineType.STANDARD,
    keep_data=True,
    # The minimum settings for a thousand orders a second: docs/scaling.md.
    rate_limit=5_000,
    burst_limit=2_500,
    workers=(2, 20),
    shards=(2, 32),
    # A consumer may fail for a long weekend.
    stream_retention=Duration.days(7),
    relay_parallelization=10,
    subscriber_concurrency=100,
    shards_cooldown=Duration.hours(1),
    enhanced_fan_out=True,
    operators_client=True,
    dashboard=True,
    dead_letters_watched=False,
    notification_concurrency=100,
    topic_key=True,
    resumed_per_minute=3_000,
    resuming_runs=16,
    expiring_runs=16,
    max_open_orders=180_000,
    lead_time=Duration.days(2),
    customer_limits=CustomerLimits(orders=50, units=10_000, value=50_000_00, orders_a_day=200),
    offer_lead_time=Duration.minutes(2),
    duplicate_action="hold",
    duplicate_window=Duration.minutes(5),
)
LAPTOP = replace(
    DEV,
    # A few cores: they should refuse requests at the door, and end the orders that they accepted.
    rate_limit=25,
    burst_limit=60,
    placing_concurrency=4,
    partner_event_source="aws.partner/example.com/card-company/disputes",
    # The local cloud sends no mail, and has no DNS.
    sender=Sender(address="orders@shop.example", identity="orders@shop.example", owned=True),
    alarm_addresses=(),
    api_domain=None,
    operators_client=True,
    dashboard=True,
)
"""``dev`` with every option, as it is deployed to the local cloud."""
LAPTOPS: Mapping[str, Environment] = {
    "laptop": LAPTOP,
    "laptop-express": replace(LAPTOP, saga_type=StateMachineType.EXPRESS),
}
"""The environments of the local cloud."""
ENVIRONMENTS: Mapping[str, Environment] = {env.name: env for env in (DEV, PROD)}
"""The environments of an account."""


def environment(name: str) -> Environment:
    """Return the environment named ``name``, which ``-c env=NAME`` selects.

    Raises:
        InvalidSettingError: there is no such environment, or one of its settings is invalid.
    """
    selectable = {**ENVIRONMENTS, **LAPTOPS}
    if name not in selectable:
        known = ", ".join(selectable)
        raise InvalidSettingError(f"unknown environment {name!r}: -c env=NAME takes one of {known}")
    check_settings(selectable[name])
    return selectable[name]
