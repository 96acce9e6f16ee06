"""Rules, which send events of a bus to a target."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsii
from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from lambdas.contracts.event import Event
from lambdas.contracts.patterns import live_pattern
from stacks.constructs.contract_outputs import note_read
from stacks.constructs.grants import grant
from stacks.constructs.queue import DeadLetterQueue
from stacks.constructs.trust import service_for_this_account, trust_for_this_account

CDK_ROLE = "EventsRole"
"""The id of the role that a target of the CDK makes below the rule."""

Target = Callable[..., Any]
"""Returns an IRuleTarget; takes ``dead_letter_queue``, ``retry_attempts``, ``max_event_age``."""


class EventRule(Construct):
    """Sends live events of the given types to a target. Replayed events do not match.

    Retries: EventBridge tries to deliver for a day.
    Dead letters: an undelivered event goes to the rule's queue, whole; the message attributes hold
    the reason.
    Alarms: when that queue is not empty.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bus: events.IEventBus,
        event: type[Event] | Sequence[type[Event]],
        target: Target,
        alarms: sns.ITopic,
        versions: Sequence[int] | None = None,
        label: str = "",
        consumer: str = "",
    ) -> None:
        """Declare the rule.

        ``target`` is a target's class whose arguments are bound, except those of the delivery.
        ``versions`` are the versions that the target reads; the default is what the event's class
        reads. ``label`` is a short name for several event types. ``consumer`` names the target in
        the alarm; the default is the rule's id.
        """
        super().__init__(scope, id)
        wanted = [event] if isinstance(event, type) else event
        label = label or ", ".join(contract.detail_type for contract in wanted)
        consumer = consumer or id
        rule = events.Rule(
            self,
            "Rule",
            event_bus=bus,
            description=f"{label} to {consumer}",
            event_pattern=events.EventPattern(source=[contract.source for contract in wanted]),
        )
        override_pattern(rule, live_pattern(wanted))
        note_read(self, wanted, versions)
        add_target(rule, target, consumer=consumer, contents=f"undelivered {label}", alarms=alarms)


class AwsEventRule(Construct):
    """Sends events of an AWS service, or of a SaaS partner, to a target.

    Retries, dead letters and alarms are those of ``EventRule``.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        source: str,
        detail_types: Sequence[str],
        detail: Mapping[str, Sequence[str]] | None = None,
        bus: events.IEventBus | None = None,
        target: Target,
        alarms: sns.ITopic,
    ) -> None:
        """Declare the rule.

        Without ``detail_types`` it matches every type, and without ``detail`` every detail. The
        default for ``bus`` is the account's default bus, on which AWS services publish.
        """
        super().__init__(scope, id)
        rule = events.Rule(
            self,
            "Rule",
            event_bus=bus,
            description=f"{', '.join(detail_types) or 'everything'} to {id}",
            event_pattern=events.EventPattern(source=[source]),
        )
        wanted = {
            "source": [source],
            "detail-type": list(detail_types),
            "detail": {name: list(values) for name, values in (detail or {}).items()},
            "replay-name": [{"exists": False}],
        }
        override_pattern(rule, {name: value for name, value in wanted.items() if value})
        add_target(
            rule, target, consumer=id, contents=f"undelivered events of {source}", alarms=alarms
        )


def add_target(
    rule: events.Rule, target: Target, *, consumer: str, contents: str, alarms: sns.ITopic
) -> None:
    """Add ``target`` to ``rule`` with a retry policy and a dead-letter queue of its own."""
    rule.add_target(
        target(
            dead_letter_queue=DeadLetterQueue(
                rule, "Undelivered", consumer=consumer, contents=contents, alarms=alarms
            ),
            retry_attempts=185,
            max_event_age=Duration.hours(24),
        )
    )
    if role := rule.node.try_find_child(CDK_ROLE):
        trust_for_this_account(role)


def override_pattern(rule: events.Rule, pattern: dict[str, Any]) -> None:
    """Set the rule's whole pattern. The CDK's ``EventPattern`` does not support ``replay-name``."""
    cfn_rule = rule.node.default_child
    if not isinstance(cfn_rule, events.CfnRule):
        raise TypeError(f"{rule.node.path} has no CfnRule")
    cfn_rule.event_pattern = pattern


@jsii.implements(events.IRuleTarget)
class StreamTarget:
    """A stream as a target. It gets the whole event; a field of the event is the partition key.

    The CDK's own target also grants ``PutRecords``, which EventBridge does not use.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html
    """

    def __init__(
        self,
        stream: kinesis.Stream,
        *,
        partition_key_path: str,
        dead_letter_queue: sqs.Queue,
        retry_attempts: int,
        max_event_age: Duration,
    ) -> None:
        self._stream = stream
        self._path = partition_key_path
        self._delivery = _DeliverySettings(dead_letter_queue, retry_attempts, max_event_age)

    def bind(self, rule: events.IRule, id: str | None = None) -> events.RuleTargetConfig:
        """Return the target's configuration; the CDK calls this."""
        return self._delivery.target_config(
            rule,
            arn=self._stream.stream_arn,
            role=self._role(),
            kinesis_parameters=events.CfnRule.KinesisParametersProperty(
                partition_key_path=self._path
            ),
        )

    def _role(self) -> iam.IRole:
        """Return the stream's role, which all rules with this target share."""
        id = "EventsRole"
        found = self._stream.node.try_find_child(id)
        if isinstance(found, iam.Role):
            return found
        trusted = service_for_this_account(self._stream, "events.amazonaws.com")
        role = iam.Role(self._stream, id, assumed_by=trusted)
        grant(role, "kinesis:PutRecord", on=self._stream.stream_arn)
        return role


@jsii.implements(events.IRuleTarget)
class LogGroupTarget:
    """A CloudWatch Logs group as a target; it gets the whole event.

    The CDK's own target creates a custom resource and a Logs resource policy for each rule. A
    Region allows ten such policies; ``backbone`` declares one for all rules.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
    """

    def __init__(
        self,
        log_group: logs.ILogGroup,
        *,
        dead_letter_queue: sqs.Queue,
        retry_attempts: int,
        max_event_age: Duration,
    ) -> None:
        self._log_group = log_group
        self._delivery = _DeliverySettings(dead_letter_queue, retry_attempts, max_event_age)

    def bind(self, rule: events.IRule, id: str | None = None) -> events.RuleTargetConfig:
        """Return the target's configuration; the CDK calls this."""
        return self._delivery.target_config(rule, arn=log_group_arn(self._log_group))


@dataclass(frozen=True, slots=True)
class _DeliverySettings:
    """The retries of a delivery, and the queue for undelivered events."""

    queue: sqs.Queue
    retry_attempts: int
    max_event_age: Duration

    def target_config(self, rule: events.IRule, **target: Any) -> events.RuleTargetConfig:
        """Return the configuration, and let EventBridge send undelivered events to the queue."""
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.rule_arn}},
            )
        )
        return events.RuleTargetConfig(
            **target,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.queue.queue_arn),
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_retry_attempts=self.retry_attempts,
                maximum_event_age_in_seconds=self.max_event_age.to_seconds(),
            ),
        )


def log_group_arn(log_group: logs.ILogGroup) -> str:
    """Return the ARN without ``:*``, which CloudFormation appends and EventBridge rejects."""
    return Stack.of(log_group).format_arn(
        service="logs",
        resource="log-group",
        resource_name=log_group.log_group_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
