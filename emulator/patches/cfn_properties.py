"""Properties of our templates that MiniStack's CloudFormation silently drops.

AWS: they take effect.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-stage.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-globaltable.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesis-stream.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topic.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
MiniStack 1.5.33: its services know them (tracing of state machines excepted, which is only
stored here), its CloudFormation does not pass them on, or passes them in the wrong case.
Can go: when `emulator.template_check` finds no difference without it.
"""

from typing import Any

from botocore.serialize import create_serializer
from botocore.session import Session
from ministack.services import apigateway, dynamodb, kinesis, lambda_svc, s3, sns, stepfunctions

from emulator.patches._cloudformation import Properties, after, call, present

_TOPIC_ATTRIBUTES = (
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "FifoThroughputScope",
    "FifoTopic",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
)
_LIFECYCLE = (
    "AbortIncompleteMultipartUpload",
    "Expiration",
    "Filter",
    "ID",
    "NoncurrentVersionExpiration",
    "Status",
)


def install() -> None:
    """Set the dropped properties through MiniStack's APIs after each create and update."""
    after("AWS::ApiGatewayV2::Stage", _stage)
    after("AWS::DynamoDB::GlobalTable", _global_table)
    after("AWS::Lambda::Function", _function)
    after("AWS::Kinesis::Stream", _stream)
    after("AWS::S3::Bucket", _bucket)
    after("AWS::SNS::Topic", _topic)
    after("AWS::StepFunctions::StateMachine", _state_machine)


def _stage(name: str, properties: Properties, _attributes: dict[str, Any]) -> None:
    settings = _lower_camel(properties.get("DefaultRouteSettings", {}))
    apigateway._stages[properties["ApiId"]][name]["defaultRouteSettings"] = settings


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


def _stream(name: str, properties: Properties, _attributes: dict[str, Any]) -> None:
    encryption = properties.get("StreamEncryption", {"EncryptionType": "NONE"})
    call(kinesis._start_stream_encryption({"StreamName": name, **encryption}))


def _bucket(name: str, properties: Properties, _attributes: dict[str, Any]) -> None:
    call(s3._delete_bucket_encryption(name))
    if "BucketEncryption" in properties:
        stated = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        body = _rules("PutBucketEncryption", [_encryption_rule(rule) for rule in stated])
        call(s3._put_bucket_encryption(name, body))
    call(s3._delete_bucket_lifecycle(name))
    if "LifecycleConfiguration" in properties:
        stated = properties["LifecycleConfiguration"]["Rules"]
        body = _rules("PutBucketLifecycleConfiguration", [_lifecycle_rule(rule) for rule in stated])
        call(s3._put_bucket_lifecycle(name, body))
    if "ObjectLockConfiguration" in properties:
        lock = dict(properties["ObjectLockConfiguration"])
        if retention := lock.get("Rule", {}).get("DefaultRetention"):
            periods = {
                name: int(retention[name]) for name in ("Days", "Years") if name in retention
            }
            lock["Rule"] = {"DefaultRetention": {**retention, **periods}}
        call(s3._put_object_lock_configuration(name, _xml("PutObjectLockConfiguration", lock)))


def _encryption_rule(stated: dict[str, Any]) -> dict[str, Any]:
    by_default = stated["ServerSideEncryptionByDefault"]
    if by_default["SSEAlgorithm"] == "aws:kms":
        # This is AWS's default key. MiniStack needs it to be named.
        by_default = {"KMSMasterKeyID": "alias/aws/s3", **by_default}
    rule = present(stated, "BucketKeyEnabled")
    return {**rule, "ApplyServerSideEncryptionByDefault": by_default}


def _lifecycle_rule(stated: dict[str, Any]) -> dict[str, Any]:
    rule = {**stated, "Filter": {"Prefix": stated.get("Prefix", "")}, "ID": stated.get("Id", "")}
    if "ExpirationInDays" in stated:
        rule["Expiration"] = {"Days": int(stated["ExpirationInDays"])}
    return present(rule, *_LIFECYCLE)


def _rules(operation: str, rules: list[dict[str, Any]]) -> bytes:
    """Return a list of rules as the XML that S3's API takes."""
    return _xml(operation, {"Rules": rules})


def _xml(operation: str, content: dict[str, Any]) -> bytes:
    """Return the body of an S3 operation as the XML that its API takes."""
    model: Any = Session().get_service_model("s3").operation_model(operation)
    member = model.input_shape.serialization["payload"]
    request = {"Bucket": "any", member: content}
    return bytes(create_serializer("rest-xml").serialize_to_request(request, model)["body"])


def _topic(arn: str, properties: Properties, _attributes: dict[str, Any]) -> None:
    for attribute in _TOPIC_ATTRIBUTES:
        if attribute in properties:
            value = properties[attribute]
            # In the API, all attributes are texts.
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
    """Return a template's value with keys as in the API: LogGroupArn becomes logGroupArn."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _lower_camel(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_lower_camel(item) for item in value]
    return value
