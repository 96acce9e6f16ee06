"""The outbox of a table: its stream, whose changes a relay publishes on the bus or a topic."""

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.destinations import batches_to_queue
from stacks.constructs.queue import DeadLetterQueue


class Outbox(Construct):
    """Invokes ``relay`` with the changes of a table, in order for each row.

    Retries: a failed batch is retried ten times, for at most six hours; the stream keeps changes
    for a day. It is split on each failure, so that one bad change does not block the others.
    Dead letters: the relay sends malformed changes to ``DeadLetters``, whole and with the reason.
    Lambda sends the stream positions of failed changes; their rows still hold the events.
    Alarms: when that queue is not empty.
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        table: dynamodb.TableV2,
        relay: lambda_.Function,
        alarms: sns.ITopic,
        parallelization_factor: int,
    ) -> None:
        """``parallelization_factor`` is the number of concurrent batches of a shard."""
        super().__init__(scope, id)
        dead_letters = DeadLetterQueue(
            self,
            "DeadLetters",
            consumer=relay.node.id,
            contents="unpublished changes",
            alarms=alarms,
        )
        relay.add_environment("DEAD_LETTER_QUEUE_URL", dead_letters.queue_url)
        relay.add_event_source(
            sources.DynamoEventSource(
                table,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=100,
                parallelization_factor=parallelization_factor,
                retry_attempts=10,
                max_record_age=Duration.hours(6),
                bisect_batch_on_error=True,
                report_batch_item_failures=True,
                filters=[
                    lambda_.FilterCriteria.filter(
                        {"eventName": lambda_.FilterRule.or_("INSERT", "MODIFY")}
                    )
                ],
                on_failure=batches_to_queue(dead_letters),
            )
        )
