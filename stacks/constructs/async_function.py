"""A function that is called asynchronously, and where its outcomes go."""

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
    """A function whose every outcome goes somewhere, without code of its own.

    Retries: an attempt that fails is repeated twice, after one and two minutes; a throttled one for
    at most six hours.
    Parked: what is then left, twice. ``on_failure`` gets the record of the invocation, with the
    error; the dead-letter queue gets the event as it came, to be put back.
    Alarms: when anything is parked, and when an outcome, or a dead letter, did not get where it was
    to go, of which nothing else would tell.
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
        """Declare it; ``function`` is as for ServiceFunction.

        Failures go to a parking queue unless ``on_failure`` says where else.
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
                metric=self.metric(metric, period=Duration.minutes(1), statistic="Sum"),
                alarms=alarms,
            )
