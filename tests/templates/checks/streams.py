"""Streams and the functions that read them."""

from collections.abc import Iterator, Mapping

from lambdas.contracts.event import DESTINATION_SOURCE
from tests.templates.checks.common import DAY, check, is_fifo
from tests.templates.kinds import ALARM, BUCKET, CONSUMER, MAPPING, QUEUE, RULE, STREAM
from tests.templates.synthesis import Platform, Resource


@check
def stream_mapping_is_bounded(platform: Platform) -> Iterator[str]:
    """By default, a mapping retries a poison record for as long as the stream keeps it."""
    for mapping in platform.all(MAPPING):
        given = mapping.properties
        if not {"StartingPosition"} & given.keys() and "Stream" not in str(given["EventSourceArn"]):
            continue
        if not 0 < given.get("MaximumRetryAttempts", -1) <= 100:
            yield f"{mapping}: retries are not bounded"
        stream = stream_of(platform, mapping)
        retained = stream.properties.get("RetentionPeriodHours", 24) * 3600 if stream else DAY
        if not 60 <= given.get("MaximumRecordAgeInSeconds", -1) < retained:
            yield f"{mapping}: the age of records is not bounded below what the stream keeps"
        if given.get("BisectBatchOnFunctionError") is not True:
            yield f"{mapping}: one bad record fails its whole batch"
        if given.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{mapping}: partial failures are not reported"
        if given.get("StartingPosition") != "TRIM_HORIZON":
            yield f"{mapping}: records written before it existed are skipped"
        on_failure = given.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if platform.referred(mapping.stack, on_failure) is None:
            yield f"{mapping}: failed batches are lost"


def stream_of(platform: Platform, mapping: Resource) -> Resource | None:
    """Return the Kinesis stream that a mapping reads, directly or through a consumer."""
    source = platform.referred(mapping.stack, mapping.properties["EventSourceArn"])
    if source is not None and source.kind == CONSUMER:
        source = platform.referred(source.stack, source.properties["StreamARN"])
    return source if source is not None and source.kind == STREAM else None


def projections(platform: Platform) -> Iterator[Resource]:
    """Return the mappings that read a Kinesis stream."""
    return (mapping for mapping in platform.all(MAPPING) if stream_of(platform, mapping))


@check
def projection_has_failure_destination_and_alarms(platform: Platform) -> Iterator[str]:
    for mapping in projections(platform):
        given = mapping.properties
        function = platform.referred(mapping.stack, given["FunctionName"])
        if function is None:
            yield f"{mapping}: it feeds no function of its stack"
            continue
        for name in ("ParallelizationFactor", "MaximumBatchingWindowInSeconds", "BatchSize"):
            if not given.get(name):
                yield f"{mapping}: {name} is left to the default"
        on_failure = given.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        bucket = platform.referred(mapping.stack, on_failure)
        if bucket is None or bucket.kind != BUCKET:
            yield f"{mapping}: only the positions of failed batches are kept, not the records"
        variables = function.properties["Environment"]["Variables"]
        dead_letters_arn = platform.referred(mapping.stack, variables.get("DEAD_LETTER_QUEUE_URL"))
        if dead_letters_arn is None or dead_letters_arn.kind != QUEUE or is_fifo(dead_letters_arn):
            yield f"{mapping}: its function has no standard dead-letter queue"
        uses = {"Name": "EventSourceMappingUUID", "Value": {"Ref": mapping.id}}
        if given.get("MetricsConfig") != {"Metrics": ["EventCount"]}:
            yield f"{mapping}: it does not count failed batches"
        failed = "OnFailureDestinationDeliveredEventCount"
        if not is_watched(platform, mapping.stack, failed, uses, 0):
            yield f"{mapping}: no alarm watches its {failed}"


@check
def reader_of_a_stream_that_is_behind_is_noticed(platform: Platform) -> Iterator[str]:
    for mapping in platform.all(MAPPING):
        if "StartingPosition" in mapping.properties:
            runs = {"Name": "FunctionName", "Value": mapping.properties["FunctionName"]}
            if not is_watched(platform, mapping.stack, "IteratorAge", runs, 900_000):
                yield f"{mapping}: no alarm watches its IteratorAge"


def is_watched(
    platform: Platform, stack: str, metric: str, dimension: Mapping[str, object], threshold: int
) -> bool:
    """Return whether an alarm of a stack notifies when a metric exceeds a threshold."""
    return any(
        alarm.stack == stack
        and alarm.properties["MetricName"] == metric
        and alarm.properties["Dimensions"] == [dimension]
        and alarm.properties["Threshold"] == threshold
        and alarm.properties["ComparisonOperator"] == "GreaterThanThreshold"
        and alarm.properties.get("AlarmActions")
        for alarm in platform.all(ALARM)
    )


@check
def projection_uses_configured_fan_out(platform: Platform) -> Iterator[str]:
    for mapping in projections(platform):
        source = platform.referred(mapping.stack, mapping.properties["EventSourceArn"])
        if (
            source is not None and source.kind == CONSUMER
        ) != platform.environment.enhanced_fan_out:
            yield f"{mapping}: it reads {source}"


@check
def stream_is_retained_and_encrypted(platform: Platform) -> Iterator[str]:
    for stream in platform.all(STREAM):
        given = stream.properties
        wanted = 4 * 24 if platform.environment.keep_data else 24
        if given.get("RetentionPeriodHours", 24) < wanted:
            yield f"{stream}: events may expire over a long weekend"
        if given.get("StreamEncryption") != {
            "EncryptionType": "KMS",
            "KeyId": "alias/aws/kinesis",
        }:
            yield f"{stream}: it is not encrypted with AWS's key"
        shards = platform.environment.shards
        mode = "PROVISIONED" if shards else "ON_DEMAND"
        if given.get("StreamModeDetails") != {"StreamMode": mode}:
            yield f"{stream}: its mode is not {mode}"
        if given.get("ShardCount") != (shards and shards[0]):
            yield f"{stream}: it has {given.get('ShardCount')} shards"


@check
def stream_is_partitioned_by_subject(platform: Platform) -> Iterator[str]:
    """All events of a subject are then in one shard, in order of arrival."""
    for rule in platform.all(RULE):
        for target in rule.properties["Targets"]:
            stream = platform.referred(rule.stack, target["Arn"])
            if stream is not None and stream.kind == STREAM:
                path = target.get("KinesisParameters", {}).get("PartitionKeyPath")
                via_destination = rule.properties["EventPattern"].get("source") == [
                    DESTINATION_SOURCE
                ]
                detail = "$.detail.responsePayload" if via_destination else "$.detail"
                if path != f"{detail}.metadata.subject":
                    yield f"{rule}: it partitions events by {path}"
