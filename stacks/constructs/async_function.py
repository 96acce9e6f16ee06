"""A function that is invoked asynchronously, with a destination for each outcome."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.alarm import alarm
from stacks.constructs.destinations import to_queue
from stacks.constructs.function import ServiceFunction
from stacks.constructs.queue import DeadLetterQueue


class AsyncFunction(ServiceFunction):
    """A function that is invoked asynchronously; each outcome has a destination.

    Retries: a failed attempt is retried twice, after one and two minutes; a throttled one for at
    most six hours.
    Failures: after the last attempt, ``on_failure`` gets the record of the invocation with its
    error, and the dead-letter queue gets the event, which can be redriven.
    Alarms: a dead letter is waiting; Lambda could not deliver an outcome or a dead letter.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        alarms: sns.ITopic,
        on_success: lambda_.IDestination | None = None,
        on_failure: lambda_.IDestination | None = None,
        **function: Any,
    ) -> None:
        """Declare the function.

        Args:
            scope: the service's stack.
            id: the function's id.
            alarms: the topic of alarms.
            on_success: the destination of successful invocations; none if it is missing.
            on_failure: the destination of failed ones; a queue of its own if it is missing.
            function: the arguments of ServiceFunction.
        """
        dead_letter_queue = DeadLetterQueue(
            scope,
            f"{id}DeadLetters",
            consumer=id,
            contents="failed events",
            alarms=alarms,
            native_dlq=True,
        )
        super().__init__(scope, id, dead_letter_queue=dead_letter_queue, **function)
        if on_failure is None:
            failure_records = DeadLetterQueue(
                scope,
                f"{id}FailureRecords",
                consumer=id,
                contents="records of failed invocations",
                alarms=alarms,
            )
            on_failure = to_queue(failure_records)
        self.configure_async_invoke(
            retry_attempts=2,
            max_event_age=Duration.hours(6),
            on_success=on_success,
            on_failure=on_failure,
        )
        for name, metric in (
            ("OutcomesLost", "DestinationDeliveryFailures"),
            ("DeadLettersLost", "DeadLetterErrors"),
        ):
            alarm(
                self,
                name,
                alarm_description=f"{id}: Lambda could not deliver an outcome ({metric})",
                command="dlq list",
                metric=self.metric(metric, period=Duration.minutes(1), statistic="Sum"),
                alarms=alarms,
            )
