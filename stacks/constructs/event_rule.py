"""From an event to what reacts to it."""

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
from stacks.constructs.grants import grant
from stacks.constructs.queue import DeadLetterQueue

Target = Callable[..., Any]
"""Makes an IRuleTarget of ``dead_letter_queue``, ``retry_attempts`` and ``max_event_age``."""


class EventRule(Construct):
    """When one of these events is told live on the bus, that target acts. Replays pass it by.

    Delivery is tried for a day; what cannot be delivered by then is parked, whole, with the reason
    in its message attributes.
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
        label: str = "",
        consumer: str = "",
    ) -> None:
        """Declare the rule; ``target`` is a target's class with all but its delivery given.

        ``label`` says in a word or two what several events are; ``consumer`` names the target in
        the alarm, where it is not the rule's id.
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
        add_target(rule, target, consumer=consumer, contents=f"undelivered {label}", alarms=alarms)


class AwsEventRule(Construct):
    """When AWS, or a SaaS partner on its own bus, tells of something, that target acts.

    It is delivered and parked as our own events are.
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
        """Declare the rule, for events of these types, of all when none is given, and such details.

        Without a ``bus`` it listens to the default one, on which AWS's services tell.
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


def override_pattern(rule: events.Rule, pattern: dict[str, Any]) -> None:
    """Give ``rule`` the whole pattern: the construct's own type of pattern knows no replays."""
    cfn_rule = rule.node.default_child
    if not isinstance(cfn_rule, events.CfnRule):
        raise TypeError(f"{rule.node.path} has no CfnRule")
    cfn_rule.event_pattern = pattern


@jsii.implements(events.IRuleTarget)
class StreamTarget:
    """A stream that gets each event whole, under a partition key that is found in the event.

    The CDK's own target may also put records by the batch, which EventBridge does not do.
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
        """Called by the rule."""
        return self._delivery.target_config(
            rule,
            arn=self._stream.stream_arn,
            role=self._role(),
            kinesis_parameters=events.CfnRule.KinesisParametersProperty(
                partition_key_path=self._path
            ),
        )

    def _role(self) -> iam.IRole:
        """That of the stream, which all rules with this target share."""
        id = "EventsRole"
        found = self._stream.node.try_find_child(id)
        if isinstance(found, iam.Role):
            return found
        role = iam.Role(self._stream, id, assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
        grant(role, "kinesis:PutRecord", on=self._stream.stream_arn)
        return role


@jsii.implements(events.IRuleTarget)
class LogGroupTarget:
    """A CloudWatch Logs group that gets each event whole.

    The CDK's own target makes a custom resource and a Logs resource policy for each rule, and a
    region holds ten such policies; ``backbone`` declares one for all.
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
        """Called by the rule."""
        return self._delivery.target_config(rule, arn=log_group_arn(self._log_group))


@dataclass(frozen=True, slots=True)
class _DeliverySettings:
    """How often and how long delivery is tried, and where what is given up on is parked."""

    queue: sqs.Queue
    retry_attempts: int
    max_event_age: Duration

    def target_config(self, rule: events.IRule, **target: Any) -> events.RuleTargetConfig:
        """The target's configuration; lets EventBridge park in the queue what it cannot deliver."""
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
    """The group's ARN without the ``:*`` that CloudFormation appends and EventBridge refuses."""
    return Stack.of(log_group).format_arn(
        service="logs",
        resource="log-group",
        resource_name=log_group.log_group_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
