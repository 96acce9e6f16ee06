"""Properties that our templates state and MiniStack's CloudFormation drops without a word.

AWS: they take effect.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-globaltable.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topic.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
MiniStack 1.5.33: its services know them (tracing of state machines excepted, which is only
stored here), its CloudFormation does not pass them on, or passes them in the wrong case.
Can go: when a read-back through each service's API shows what the template said; the tests do.
"""

from typing import Any

from ministack.services import dynamodb, lambda_svc, sns, stepfunctions

from local.supplements._cloudformation import Properties, after, call

_TOPIC_ATTRIBUTES = (
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "FifoThroughputScope",
    "FifoTopic",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
)


def install() -> None:
    """Pass the properties on after each creation and update."""
    after("AWS::DynamoDB::Table", _table)
    after("AWS::DynamoDB::GlobalTable", _global_table)
    after("AWS::Lambda::Function", _function)
    after("AWS::SNS::Topic", _topic)
    after("AWS::StepFunctions::StateMachine", _state_machine)


def _table(name: str, properties: Properties, _attributes: dict[str, Any]) -> None:
    if "TimeToLiveSpecification" in properties:
        expiry = properties["TimeToLiveSpecification"]
        call(dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": expiry}))
    recovery = properties.get("PointInTimeRecoverySpecification", {})
    call(
        dynamodb._update_continuous_backups(
            {"TableName": name, "PointInTimeRecoverySpecification": recovery}
        )
    )
    encryption = properties.get("SSESpecification", {})
    # The API says Enabled where the template says SSEEnabled.
    specification = {**encryption, "Enabled": encryption.get("SSEEnabled", False)}
    dynamodb._tables[name]["SSEDescription"] = (
        dynamodb._sse_description_from_spec(specification) if specification["Enabled"] else None
    )


def _global_table(name: str, properties: Properties, attributes: dict[str, Any]) -> None:
    here = dynamodb.get_region()
    replica: dict[str, Any] = next((r for r in properties["Replicas"] if r["Region"] == here), {})
    encryption = {
        **properties.get("SSESpecification", {}),
        **replica.get("SSESpecification", {}),
    }
    recovery = replica.get("PointInTimeRecoverySpecification", {})
    _table(
        name,
        {
            **properties,
            "SSESpecification": encryption,
            "PointInTimeRecoverySpecification": recovery,
        },
        attributes,
    )
    protected = replica.get("DeletionProtectionEnabled", False)
    dynamodb._tables[name]["DeletionProtectionEnabled"] = protected


def _function(name: str, properties: Properties, _attributes: dict[str, Any]) -> None:
    dead_letters = properties.get("DeadLetterConfig", {})
    lambda_svc._functions[name]["config"]["DeadLetterConfig"] = dead_letters
    if "ReservedConcurrentExecutions" in properties:
        reserved = int(properties["ReservedConcurrentExecutions"])
        request = {"ReservedConcurrentExecutions": reserved}
        call(lambda_svc._put_function_concurrency(name, request))
    else:
        call(lambda_svc._delete_function_concurrency(name))


def _topic(arn: str, properties: Properties, _attributes: dict[str, Any]) -> None:
    for attribute in _TOPIC_ATTRIBUTES:
        if attribute in properties:
            value = properties[attribute]
            # The API's attributes are all text.
            text = str(value).lower() if isinstance(value, bool) else value
            sns._topics[arn]["attributes"][attribute] = text


def _state_machine(arn: str, properties: Properties, _attributes: dict[str, Any]) -> None:
    if "LoggingConfiguration" in properties:
        logging = _lower_camel(properties["LoggingConfiguration"])
        request = {"stateMachineArn": arn, "loggingConfiguration": logging}
        call(stepfunctions._update_state_machine(request))
    tracing = properties.get("TracingConfiguration", {"Enabled": False})
    stepfunctions._state_machines[arn]["tracingConfiguration"] = _lower_camel(tracing)


def _lower_camel(value: Any) -> Any:
    """Spell a template's keys as the API does: LogGroupArn → logGroupArn."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _lower_camel(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_lower_camel(item) for item in value]
    return value
