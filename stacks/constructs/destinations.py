"""Lambda's destinations for outcomes of asynchronous invocations, and for failed batches.

Each destination grants the function the one permission that Lambda needs. The CDK's own
destinations grant more: to receive from the queue, to read and delete the bucket's objects, or to
invoke every version of a function.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from collections.abc import Callable
from functools import partial

import jsii
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from lambdas.contracts.event import Event
from stacks.constructs.bucket import ServiceBucket
from stacks.constructs.grants import grant, grant_publish

FAILED_BATCH_KEYS = "aws/lambda/*"
"""The keys under which Lambda stores failed batches."""


@jsii.implements(lambda_.IDestination)
class InvocationDestination:
    """A target for the records of a function's asynchronous invocations."""

    def __init__(self, arn: str, grant_access: Callable[[iam.IGrantable], object]) -> None:
        self._arn = arn
        self._grant_access = grant_access

    def bind(
        self, scope: Construct, fn: lambda_.IFunction, *, type: lambda_.DestinationType
    ) -> lambda_.DestinationConfig:
        """Grant the function access; the CDK calls this."""
        self._grant_access(fn)
        return lambda_.DestinationConfig(destination=self._arn)


@jsii.implements(lambda_.IEventSourceDlq)
class BatchDestination:
    """A target for the batches of a stream that a function failed to process."""

    def __init__(self, arn: str, grant_access: Callable[[lambda_.IFunction], object]) -> None:
        self._arn = arn
        self._grant_access = grant_access

    def bind(
        self, target: lambda_.IEventSourceMapping, target_handler: lambda_.IFunction
    ) -> lambda_.DlqDestinationConfig:
        """Grant the function access; the CDK calls this."""
        self._grant_access(target_handler)
        return lambda_.DlqDestinationConfig(destination=self._arn)


def to_bus(bus: events.IEventBus, event: type[Event]) -> InvocationDestination:
    """Put the records on the bus. Lambda then publishes the event that the function returns."""
    return InvocationDestination(
        bus.event_bus_arn, partial(grant_publish, bus=bus, published=[event])
    )


def to_function(function: lambda_.IFunction) -> InvocationDestination:
    """Invoke another function with the records, asynchronously."""
    return _to("lambda:InvokeFunction", function.function_arn)


def to_topic(topic: sns.ITopic) -> InvocationDestination:
    """Publish the records on a topic."""
    return _to("sns:Publish", topic.topic_arn)


def to_queue(queue: sqs.IQueue) -> InvocationDestination:
    """Send the records to a queue."""
    return _to("sqs:SendMessage", queue.queue_arn)


def batches_to_queue(queue: sqs.IQueue) -> BatchDestination:
    """Send the position of each failed batch to a queue; the stream keeps the records."""
    return BatchDestination(
        queue.queue_arn, partial(_grant_action, action="sqs:SendMessage", arn=queue.queue_arn)
    )


def batches_to_bucket(bucket: ServiceBucket) -> BatchDestination:
    """Store each failed batch in a bucket, with its records."""

    def grant_access(function: lambda_.IFunction) -> None:
        if function.role is None:
            raise TypeError(f"{function.node.path} has no role")
        grant(function.role, "s3:ListBucket", on=bucket.bucket_arn)
        bucket.grant_objects(
            function.role,
            "s3:PutObject",
            objects=FAILED_BATCH_KEYS,
            reason="Lambda names the objects that it stores by mapping, shard and time",
        )

    return BatchDestination(bucket.bucket_arn, grant_access)


def _to(action: str, arn: str) -> InvocationDestination:
    return InvocationDestination(arn, partial(_grant_action, action=action, arn=arn))


def _grant_action(grantee: iam.IGrantable, *, action: str, arn: str) -> None:
    grant(grantee, action, on=arn)
