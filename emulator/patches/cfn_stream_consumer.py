"""CloudFormation's `AWS::Kinesis::StreamConsumer`.

AWS: a consumer with enhanced fan-out is a resource of a stack; Ref gives its ARN.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesis-streamconsumer.html
MiniStack 1.5.33: registers consumers by API, but a template with a consumer is refused.
Can go: when MiniStack registers the type.
"""

from ministack.services import kinesis

from emulator.patches._cloudformation import Properties, Resource, add_type, call, present


def install() -> None:
    """Register the resource type.

    If one of its two properties changes, the consumer is replaced.
    """
    add_type(
        "AWS::Kinesis::StreamConsumer",
        create=_create,
        update=lambda physical_id, old, new, stack: _create(physical_id, new, stack),
        delete=_delete,
        replacing=("ConsumerName", "StreamARN"),
    )


def _create(_logical_id: str, properties: Properties, _stack_name: str) -> Resource:
    wanted = present(properties, "ConsumerName", "StreamARN")
    consumer = call(kinesis._register_consumer(wanted))["Consumer"]
    return consumer["ConsumerARN"], {**consumer, "StreamARN": wanted["StreamARN"]}


def _delete(physical_id: str, _properties: Properties) -> None:
    call(kinesis._deregister_consumer({"ConsumerARN": physical_id}))
