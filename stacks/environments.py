"""The environments that the app can be synthesized for, and what differs between them.

``dev`` is also what runs on a laptop: the local cloud gets the very templates of a development
account, so there is no environment of its own for it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from aws_cdk import Duration, RemovalPolicy
from aws_cdk.aws_logs import RetentionDays
from aws_cdk.aws_stepfunctions import StateMachineType

PARTNER_SOURCE_NAME = re.compile(r"aws\.partner(/[._A-Za-z0-9-]+){2,}")
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPartnerEventsRequestEntry.html"""


class InvalidSettingError(Exception):
    """A setting cannot be that; the message says which one, and what it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The settings of one environment.

    ``archive_retention`` is how long the bus's archive keeps events, and ``orders_retention`` for
    how many days the orders service keeps an order that is over; None keeps them for ever.
    ``saga_type`` is Standard or Express; the saga's own time-outs fit both.
    ``keep_data`` retains what holds data when a stack is destroyed, protects it against deletion
    and keeps backups. ``rate_limit`` and ``burst_limit`` throttle the HTTP API (requests a second,
    requests at once). ``lead_time`` is how long the supplier's stand-in takes to deliver, and
    ``card_limit`` where the card provider's stand-in begins to decline, in minor units.
    ``workers`` are the fewest and the most instances that the warehouse has, and ``shards`` those
    that the order stream has, None leaves it to Kinesis; these go again when they were not needed
    for ``shards_cooldown``. ``enhanced_fan_out`` gives each projection a connection of its own to
    every shard: it neither waits to be polled nor shares the shard with others.
    ``duplicate_action`` is what becomes of an order that repeats one which its customer placed
    within ``duplicate_window`` before: it is held until somebody decides, or cancelled.
    ``partner_event_source`` is the name of
    the event source through which the card company tells of disputes; with None, nothing that has
    to do with disputes is there. ``unresolved_after`` is how long a reservation or a charge
    is left alone until its service asks what became of the order: well above what a saga and its
    takeover take. ``sender`` is the address from which customers get mails; without one, mails are
    recorded and not sent. SES first asks who reads that address whether it is theirs.
    ``notification_concurrency`` is how many mails or invoices are written at a time, by each of the
    functions that do; None leaves it to the account.
    """

    name: str
    log_retention: RetentionDays
    archive_retention: Duration | None
    orders_retention: Duration | None
    saga_type: StateMachineType
    keep_data: bool
    rate_limit: int
    burst_limit: int
    lead_time: Duration
    card_limit: int = 1_000_00
    unresolved_after: Duration = Duration.hours(1)  # noqa: RUF009 -- it never changes
    duplicate_action: Literal["hold", "cancel"]
    duplicate_window: Duration
    workers: tuple[int, int]
    shards: tuple[int, int] | None
    shards_cooldown: Duration
    enhanced_fan_out: bool
    partner_event_source: str | None = None
    sender: str | None = None
    notification_concurrency: int | None

    @property
    def removal_policy(self) -> RemovalPolicy:
        """What becomes of data when its stack is destroyed."""
        return RemovalPolicy.RETAIN if self.keep_data else RemovalPolicy.DESTROY

    def stack_name(self, service: str) -> str:
        """The name of a service's stack, such as ``Orders-Dev-Payments``."""
        return f"Orders-{self.name.capitalize()}-{service}"

    @property
    def suffix(self) -> str:
        """What sets this environment's physical names apart: nothing for ``dev``."""
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
    workers=(1, 2),
    shards=(1, 4),
    shards_cooldown=Duration.minutes(15),
    enhanced_fan_out=False,
    notification_concurrency=None,
    lead_time=Duration.minutes(10),
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
    rate_limit=500,
    burst_limit=1_000,
    workers=(2, 10),
    shards=(2, 32),
    shards_cooldown=Duration.hours(1),
    enhanced_fan_out=True,
    notification_concurrency=10,
    lead_time=Duration.days(2),
    duplicate_action="hold",
    duplicate_window=Duration.minutes(5),
)
ENVIRONMENTS: Mapping[str, Environment] = {env.name: env for env in (DEV, PROD)}


def environment(name: str, *, partner: str | None = None, sender: str | None = None) -> Environment:
    """The environment called ``name``, with another partner event source or sender if given.

    Raises:
        InvalidSettingError: there is no such environment, or the partner or sender cannot be that.
    """
    if name not in ENVIRONMENTS:
        known = ", ".join(ENVIRONMENTS)
        raise InvalidSettingError(f"unknown environment {name!r}: -c env=NAME takes one of {known}")
    if partner is not None and not PARTNER_SOURCE_NAME.fullmatch(partner):
        raise InvalidSettingError(
            f"no partner event source is called {partner!r}: -c partner=NAME takes a name such as "
            "aws.partner/example.com/disputes"
        )
    if sender and (sender.count("@") != 1 or not all(sender.split("@"))):
        raise InvalidSettingError(
            f"{sender!r} is no sender: -c sender=ADDRESS takes one such as orders@your.shop"
        )
    env = ENVIRONMENTS[name]
    return replace(
        env,
        partner_event_source=partner or env.partner_event_source,
        sender=sender or env.sender,
    )
