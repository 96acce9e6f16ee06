"""A function that the bus invokes on an event."""

from collections.abc import Sequence
from functools import partial

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.event import Event
from stacks.constructs.event_rule import EventRule
from stacks.constructs.failed_invocations import dead_letter_failures

HANDLER_HAS_DESTINATION = "an event that it fails to handle goes to its failure destination"


class EventHandler(Construct):
    """Invokes a function, asynchronously, with each live event of the given types.

    Retries: EventBridge tries to invoke the function for a day. Lambda then runs it three times.
    Dead letters: ``<Function>DeadLetters`` gets the events that the function failed on, with the
    error; each rule has its own queue for undelivered events.
    Alarms: when one of these queues is not empty.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        bus: events.IEventBus,
        event: type[Event] | Sequence[type[Event]],
        function: lambda_.Function,
        alarms: sns.ITopic,
    ) -> None:
        """Declare one rule for each event type.

        Its id is made from the function's and the event's.
        """
        super().__init__(scope, f"{function.node.id}On")
        contracts = [event] if isinstance(event, type) else event
        self.dead_letters = dead_letter_failures(
            function,
            contents=f"failed {' or '.join(each.detail_type for each in contracts)}",
            alarms=alarms,
        )
        for each in contracts:
            EventRule(
                self,
                each.detail_type,
                bus=bus,
                event=each,
                target=partial(targets.LambdaFunction, function),
                consumer=function.node.id,
                alarms=alarms,
            )
