"""A function that reacts to an event."""

from collections.abc import Sequence
from functools import partial

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.event import Event
from stacks.constructs.destinations import to_queue
from stacks.constructs.event_rule import EventRule
from stacks.constructs.queue import DeadLetterQueue

HANDLER_HAS_DESTINATION = "an event it could not react to goes to its failure destination"


class EventHandler(Construct):
    """When such an event is told live on the bus, the function is called with it, asynchronously.

    EventBridge tries for a day to hand the event over. From then on it is Lambda's: an attempt that
    fails is repeated twice, after one and two minutes, and a throttled one for at most six hours.
    What is then left is parked, whole and with the error.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bus: events.IEventBus,
        event: type[Event] | Sequence[type[Event]],
        function: lambda_.Function,
        alarms: sns.ITopic,
    ) -> None:
        """Declare the reaction; each of several events gets a rule of its own.

        ``dead_letters`` is the queue in which is parked what the function fails at.
        """
        super().__init__(scope, id)
        contracts = [event] if isinstance(event, type) else event
        label = " or ".join(each.detail_type for each in contracts)
        self.dead_letters = DeadLetterQueue(
            self,
            "DeadLetters",
            consumer=function.node.id,
            contents=f"failed {label}",
            alarms=alarms,
        )
        set_failure_destination(function, queue=self.dead_letters)
        for each in contracts:
            EventRule(
                self,
                f"On{each.detail_type if len(contracts) > 1 else ''}",
                bus=bus,
                event=each,
                target=partial(targets.LambdaFunction, function),
                consumer=function.node.id,
                alarms=alarms,
            )


def set_failure_destination(function: lambda_.Function, queue: DeadLetterQueue) -> None:
    """Park there, whole and with the error, what the function fails at three times."""
    function.configure_async_invoke(
        retry_attempts=2,
        max_event_age=Duration.hours(6),
        on_failure=to_queue(queue),
    )
