"""The stream of a table, whose changes invoke a function."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.alarm import alarm_if_behind
from stacks.constructs.destinations import batches_to_queue
from stacks.constructs.queue import DeadLetterQueue


class TableStream(Construct):
    """Invokes ``function`` with the changes of a table, in order for each row.

    Retries: a failed batch is retried ten times, for at most six hours; the stream keeps changes
    for a day. It is split on each failure, so that one bad change does not block the others.
    Dead letters: the function sends malformed changes to ``DeadLetters``, whole and with the
    reason. Lambda sends the stream positions of failed changes; their rows are still there.
    Alarms: when that queue is not empty, and when the function is over 15 minutes behind.
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        table: dynamodb.TableV2,
        function: lambda_.Function,
        contents: str,
        alarms: sns.ITopic,
        parallelization_factor: int = 1,
        new_image: Mapping[str, Any] | None = None,
        batch_size: int = 100,
        batching_window: Duration | None = None,
    ) -> None:
        """``contents`` says in the alarm what the dead letters are.

        ``parallelization_factor`` is the number of concurrent batches of a shard. ``new_image`` is
        a filter on the changed rows; without it, all changes count. ``batching_window`` is how long
        Lambda collects records for a batch that is not full; without it, Lambda does not wait.
        """
        super().__init__(scope, id)
        dead_letters = DeadLetterQueue(
            self, "DeadLetters", consumer=function.node.id, contents=contents, alarms=alarms
        )
        pattern: dict[str, Any] = {"eventName": lambda_.FilterRule.or_("INSERT", "MODIFY")}
        if new_image is not None:
            pattern["dynamodb"] = {"NewImage": dict(new_image)}
        function.add_environment("DEAD_LETTER_QUEUE_URL", dead_letters.queue_url)
        function.add_event_source(
            sources.DynamoEventSource(
                table,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=batch_size,
                max_batching_window=batching_window,
                parallelization_factor=parallelization_factor,
                retry_attempts=10,
                max_record_age=Duration.hours(6),
                bisect_batch_on_error=True,
                report_batch_item_failures=True,
                filters=[lambda_.FilterCriteria.filter(pattern)],
                on_failure=batches_to_queue(dead_letters),
            )
        )
        alarm_if_behind(self, function, alarms=alarms)
