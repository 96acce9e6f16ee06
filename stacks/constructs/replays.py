"""The only rule that matches replayed events, and the queue that it fills."""

from collections.abc import Sequence
from functools import partial

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.event import Event
from lambdas.contracts.patterns import replay_pattern
from stacks.constructs.contract_outputs import note_read
from stacks.constructs.event_rule import add_target, override_pattern
from stacks.constructs.queue import WorkQueue


class Replays(Construct):
    """A rule that matches replayed events only, and a queue from which a rebuild reads them.

    Every replay is limited to this rule. A rebuild that is aborted may leave messages in the queue;
    they do not harm the next one, because projections ignore duplicates.
    Retries: EventBridge tries to deliver for a day; a rebuild receives a message up to ten times.
    Dead letters: messages that a rebuild received ten times, and events that were not delivered.
    Alarms: when there are dead letters, and when a message waits for over 15 minutes.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bus: events.IEventBus,
        archive: events.Archive,
        event_types: Sequence[type[Event]],
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(scope, id)
        queue = WorkQueue(
            self,
            "Queue",
            consumer="Replays",
            contents="replayed events for a rebuild",
            visibility_timeout=Duration.minutes(1),
            alarms=alarms,
        )
        rule = events.Rule(
            self,
            "Rule",
            event_bus=bus,
            description="Replayed events, for rebuilding views",
            event_pattern=events.EventPattern(source=[contract.source for contract in event_types]),
        )
        override_pattern(rule, replay_pattern(event_types))
        note_read(self, event_types)
        add_target(
            rule,
            partial(targets.SqsQueue, queue),
            consumer="Replays",
            contents="undelivered replayed events",
            alarms=alarms,
        )
        stack = Stack.of(self)
        CfnOutput(stack, "EventArchiveArn", value=archive.archive_arn)
        CfnOutput(stack, "ReplayRuleArn", value=rule.rule_arn)
        CfnOutput(stack, "ReplayQueueUrl", value=queue.queue_url)
