"""The rights of functions: what Lambda does with a role for its function, and what code calls.

That each right is used, and that none is missing, is only seen when the platform runs
(tests/e2e/test_grants.py, tests/abuse/test_rights.py). Here it is seen at once that a right is for
something that the function's code never does, or that its settings do not name.
"""

from collections.abc import Iterator
from typing import Any

from tests.templates.checks.code import names_used
from tests.templates.checks.common import as_list, check, policies_of, statements
from tests.templates.kinds import (
    BUCKET,
    BUS,
    CONSUMER,
    FUNCTION,
    INVOKE_CONFIG,
    MAPPING,
    QUEUE,
    STREAM,
    TABLE,
    TOPIC,
)
from tests.templates.synthesis import Platform, Resource

READS = {
    TABLE: {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator",
            "dynamodb:ListStreams"},
    STREAM: {"kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords",
             "kinesis:GetShardIterator", "kinesis:ListShards"},
    QUEUE: {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl", "sqs:ReceiveMessage"},
    CONSUMER: {"kinesis:SubscribeToShard"},
}  # fmt: skip
"""What Lambda does with the source of a mapping.
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-create-package.html and its like.
"""
WRITES = {
    QUEUE: {"sqs:SendMessage"},
    TOPIC: {"sns:Publish"},
    BUS: {"events:PutEvents"},
    FUNCTION: {"lambda:InvokeFunction"},
    BUCKET: {"s3:PutObject", "s3:ListBucket"},
}
"""What Lambda does with a destination, or with a dead-letter queue."""
CALLS = {
    "dynamodb:BatchGetItem": {"batch_get_item"},
    "dynamodb:ConditionCheckItem": {"ConditionCheck"},
    "dynamodb:DeleteItem": {"delete_item", "Delete"},
    "dynamodb:GetItem": {"get_item"},
    "dynamodb:PutItem": {"put_item", "Put"},
    "dynamodb:Query": {"query"},
    "dynamodb:Scan": {"scan"},
    "dynamodb:UpdateItem": {"update_item", "Update"},
    "dsql:DbConnect": {"generate_db_connect_auth_token"},
    "dsql:DbConnectAdmin": {"generate_db_connect_admin_auth_token"},
    "events:PutEvents": {"put_events"},
    "lambda:InvokeFunction": {"invoke"},
    "s3:GetObject": {"get_object"},
    "s3:PutObject": {"put_object"},
    "ses:SendEmail": {"send_email"},
    # SES may ask for it where there is an attachment.
    "ses:SendRawEmail": {"send_email"},
    "sns:Publish": {"publish", "publish_batch"},
    "sqs:SendMessage": {"send_message"},
    "sqs:GetQueueAttributes": {"get_queue_attributes"},
    "sqs:ListQueues": {"list_queues"},
    "cloudwatch:GetMetricData": {"get_metric_data"},
    "kinesis:AddTagsToStream": {"add_tags_to_stream"},
    "kinesis:DescribeStreamSummary": {"describe_stream_summary"},
    "kinesis:ListStreamConsumers": {"list_stream_consumers"},
    "kinesis:ListTagsForStream": {"list_tags_for_stream"},
    "kinesis:UpdateShardCount": {"update_shard_count"},
}
"""The names in the code without which an action is never called."""
LOGGING = ("logs:CreateLogStream", "logs:PutLogEvents")
TRACING = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def by_lambda(platform: Platform, function: Resource) -> Iterator[tuple[str, Resource]]:
    """Yield what Lambda does for a function: actions, each with the resource."""
    logs = platform.referred(function.stack, function.properties["LoggingConfig"]["LogGroup"])
    if logs is not None:
        yield from ((action, logs) for action in LOGGING)
    for mapping in platform.all(MAPPING):
        if platform.referred(mapping.stack, mapping.properties["FunctionName"]) != function:
            continue
        source = platform.referred(mapping.stack, mapping.properties["EventSourceArn"])
        if source is not None:
            yield from ((action, source) for action in READS[source.kind])
            if source.kind == CONSUMER:
                stream = platform.referred(source.stack, source.properties["StreamARN"])
                yield from ((action, stream) for action in READS[STREAM] if stream)
        yield from _writes(platform, mapping, mapping.properties.get("DestinationConfig", {}))
    for config in platform.all(INVOKE_CONFIG):
        if platform.referred(config.stack, config.properties["FunctionName"]) == function:
            yield from _writes(platform, config, config.properties["DestinationConfig"])
    dead_letters = function.properties.get("DeadLetterConfig", {}).get("TargetArn")
    yield from _writes(platform, function, {"OnFailure": {"Destination": dead_letters}})


def _writes(platform: Platform, at: Resource, config: Any) -> Iterator[tuple[str, Resource]]:
    for destination in config.values():
        place = platform.referred(at.stack, destination["Destination"])
        if place is not None:
            yield from ((action, place) for action in WRITES[place.kind])


def granted(platform: Platform, function: Resource) -> Iterator[tuple[str, Resource | None, Any]]:
    """Yield what a function's role may do: the action, the resource and how it is written."""
    role = platform.referred(function.stack, function.properties["Role"])
    for policy in policies_of(platform, role) if role else ():
        for statement in statements(policy):
            for action in as_list(statement["Action"]):
                for written in as_list(statement["Resource"]):
                    yield action, _resource(platform, function.stack, written), written


def _resource(platform: Platform, stack: str, written: Any) -> Resource | None:
    match written:
        case {"Fn::Join": ["", [first, *_]]}:
            return platform.referred(stack, first)
    return platform.referred(stack, written)


@check
def lambda_may_do_what_it_does_for_a_function(platform: Platform) -> Iterator[str]:
    for function in platform.all(FUNCTION):
        may = {(action, str(resource)) for action, resource, _ in granted(platform, function)}
        for action, resource in by_lambda(platform, function):
            if (action, str(resource)) not in may:
                yield f"{function}: Lambda may not {action} on {resource} for it"
        if "TracingConfig" in function.properties and not {action for action, _ in may} >= TRACING:
            yield f"{function}: Lambda may not write its traces"


@check
def function_has_no_right_that_its_code_cannot_use(platform: Platform) -> Iterator[str]:
    for function in platform.all(FUNCTION):
        lambdas = {(action, str(place)) for action, place in by_lambda(platform, function)}
        variables = function.properties.get("Environment", {}).get("Variables", {})
        named = set(map(str, _named(platform, function.stack, variables)))
        for action, resource, written in granted(platform, function):
            if action in TRACING or (action, str(resource)) in lambdas:
                continue
            if not CALLS.get(action, set()) & names_used(function.properties["Handler"]):
                yield f"{function}: it may {action}, and its code never does"
            elif resource is not None and str(resource) not in named:
                yield f"{function}: it may {action} on {written}, which its settings do not name"


def _named(platform: Platform, stack: str, value: Any) -> Iterator[Resource]:
    """Yield all resources to which settings refer; a view's setting chooses one of two tables."""
    if (resource := platform.referred(stack, value)) is not None:
        yield resource
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from _named(platform, stack, inner)
