"""The environments for which the app can be synthesized, and their settings.

``dev`` also runs on a laptop: the local cloud gets the same templates as a development account.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from aws_cdk import Duration, RemovalPolicy
from aws_cdk.aws_logs import RetentionDays
from aws_cdk.aws_stepfunctions import StateMachineType

from stacks.names import stack_name

PARTNER_SOURCE_NAME = re.compile(r"aws\.partner(/[._A-Za-z0-9-]+){2,}")
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPartnerEventsRequestEntry.html"""

DOMAIN_NAME = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
CERTIFICATE_ARN = re.compile(r"arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+")


class InvalidSettingError(Exception):
    """A setting is invalid; the message names it and says what is valid."""


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
    """The name that ``-c env=NAME`` selects."""
    log_retention: RetentionDays
    """How long log groups keep their lines."""
    archive_retention: Duration | None
    """How long the bus's archive keeps events; None means for ever."""
    orders_retention: Duration | None
    """How many days the orders service keeps an order that has ended; None means for ever."""
    saga_type: StateMachineType
    """Standard or Express; the saga's time-outs fit both."""
    keep_data: bool
    """Whether data outlives its stack, is protected against deletion, and is backed up."""
    rate_limit: int
    """How many requests per second the HTTP API accepts."""
    burst_limit: int
    """How many concurrent requests the HTTP API accepts."""
    lead_time: Duration
    """How long the simulated supplier takes to deliver."""
    card_limit: int = 1_000_00
    """The amount, in minor units, from which the simulated card provider declines."""
    unresolved_after: Duration = Duration.hours(1)  # noqa: RUF009 -- it never changes
    """How old an open reservation or charge must be before its service queries the order's status.

    It must be well above the duration of a saga and its takeover.
    """
    dispatch_within: Duration = Duration.hours(12)  # noqa: RUF009 -- it never changes
    """How soon an order is dispatched after its confirmation.

    Then its event is published again; after twice that time a person is called.
    """
    resumed_per_minute: int = 1_200
    """How many stalled or deferred orders are taken up again in a minute."""
    max_open_orders: int = 72_000
    """The largest backlog with which new orders are accepted; above it they are answered with 429.

    The orders that are resumed in an hour, so that nobody waits much longer. It is well above what
    the platform ends in a minute, between two counts: it is busy until the next orders come.
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
    """The minimum and maximum number of warehouse instances."""
    shards: tuple[int, int] | None
    """The minimum and maximum number of shards of the order stream; None means on-demand mode."""
    shards_cooldown: Duration
    """How long shards must be unneeded before the scaler removes them."""
    enhanced_fan_out: bool
    """Whether each projection reads every shard through a connection of its own.

    It is then pushed records without polling, and shares no throughput with other consumers.
    """
    partner_event_source: str | None = None
    """The card company's partner event source; without one, nothing for disputes is deployed."""
    sender: str | None = None
    """The address that sends mails to customers; without one, mails are recorded but not sent.

    SES asks the owner of the address for confirmation first.
    """
    api_domain: ApiDomain | None = None
    """The HTTP API's own domain name; without one, API Gateway gives it an address."""
    notification_concurrency: int | None
    """The reserved concurrency of each function that writes mails or invoices; None means none."""

    @property
    def removal_policy(self) -> RemovalPolicy:
        """What CloudFormation does with data when its stack is destroyed."""
        return RemovalPolicy.RETAIN if self.keep_data else RemovalPolicy.DESTROY

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
    workers=(1, 2),
    shards=(1, 4),
    shards_cooldown=Duration.minutes(15),
    enhanced_fan_out=False,
    notification_concurrency=None,
    lead_time=Duration.minutes(10),
    # A laptop's views are late by a second or two, and nobody wants to wait.
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
    rate_limit=500,
    burst_limit=1_000,
    workers=(2, 10),
    shards=(2, 32),
    shards_cooldown=Duration.hours(1),
    enhanced_fan_out=True,
    notification_concurrency=10,
    lead_time=Duration.days(2),
    offer_lead_time=Duration.minutes(2),
    duplicate_action="hold",
    duplicate_window=Duration.minutes(5),
)
ENVIRONMENTS: Mapping[str, Environment] = {env.name: env for env in (DEV, PROD)}


def environment(
    name: str,
    *,
    partner: str | None = None,
    sender: str | None = None,
    domain: str | None = None,
    certificate: str | None = None,
) -> Environment:
    """Return the environment ``name``, with the given partner event source, sender and domain.

    Raises:
        InvalidSettingError: there is no such environment, or another setting is invalid.
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
    api_domain = _api_domain(domain, certificate) if domain or certificate else None
    return replace(
        env,
        partner_event_source=partner or env.partner_event_source,
        sender=sender or env.sender,
        api_domain=api_domain or env.api_domain,
    )


def _api_domain(name: str | None, certificate: str | None) -> ApiDomain:
    if not name or not DOMAIN_NAME.fullmatch(name):
        raise InvalidSettingError(
            f"{name!r} is no domain name: -c domain=NAME takes one such as api.your.shop"
        )
    if not certificate or not CERTIFICATE_ARN.fullmatch(certificate):
        raise InvalidSettingError(
            f"{certificate!r} is no certificate for {name}: -c certificate=ARN takes one of AWS "
            "Certificate Manager, such as arn:aws:acm:eu-west-1:123456789012:certificate/ID"
        )
    return ApiDomain(name=name, certificate_arn=certificate)
