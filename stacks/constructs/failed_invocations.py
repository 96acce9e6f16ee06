"""Where failed asynchronous invocations of a function go."""

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.destinations import to_queue
from stacks.constructs.queue import DeadLetterQueue


def dead_letter_failures(
    function: lambda_.Function,
    *,
    contents: str,
    alarms: sns.ITopic,
    retry_attempts: int = 2,
    max_event_age: Duration | None = None,
) -> DeadLetterQueue:
    """Send failed asynchronous invocations of ``function`` to a queue, ``<Function>DeadLetters``.

    The message holds the event and the error. Lambda retries a failed invocation after one and two
    minutes, and a throttled one until ``max_event_age``. The default, six hours, is the longest
    that Lambda allows. ``contents`` says in the alarm what the queue holds.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    scope = function.node.scope
    if not isinstance(scope, Construct):
        raise TypeError(f"{function.node.path} is in no stack")
    dead_letters = DeadLetterQueue(
        scope,
        f"{function.node.id}DeadLetters",
        consumer=function.node.id,
        contents=contents,
        alarms=alarms,
    )
    function.configure_async_invoke(
        retry_attempts=retry_attempts,
        max_event_age=max_event_age or Duration.hours(6),
        on_failure=to_queue(dead_letters),
    )
    return dead_letters
