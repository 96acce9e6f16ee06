"""A function that reads the events of a FIFO topic from a queue of its own."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.event import Event
from stacks.constructs.grants import grant
from stacks.constructs.nag import acknowledge
from stacks.constructs.topic_queue import TopicQueue


class Subscriber(TopicQueue):
    """Invokes a function with the events of a topic, in order within each message group.

    Retries, dead letters and alarms are those of ``TopicQueue``.
    Partial failures: the function reports each failed message; SQS deletes the others.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        topic: sns.ITopic,
        events: Sequence[type[Event]],
        function: lambda_.Function,
        max_concurrency: int,
        alarms: sns.ITopic,
    ) -> None:
        """``max_concurrency`` is the number of batches that are processed at the same time."""
        super().__init__(
            scope,
            id,
            topic=topic,
            events=events,
            # Six times the function's time-out: no message reappears while it is processed.
            # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
            visibility_timeout=Duration.seconds(6 * _timeout(function)),
            alarms=alarms,
        )
        function.add_environment("DEAD_LETTER_QUEUE_URL", self.dead_letters.queue_url)
        grant(function, "sqs:SendMessage", on=self.dead_letters.queue_arn)
        function.add_event_source(
            sources.SqsEventSource(
                self.queue,
                batch_size=10,
                max_concurrency=max_concurrency,
                report_batch_item_failures=True,
            )
        )
        acknowledge(
            function,
            "Serverless-LambdaEventSourceMappingDestination",
            reason="a mapping of a queue has none: the queue has a redrive policy instead",
        )


def _timeout(function: lambda_.Function) -> float:
    if function.timeout is None:
        raise TypeError(f"{function.node.path} states no time-out")
    return function.timeout.to_seconds()
