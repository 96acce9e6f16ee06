"""What each check of ``checks.streams`` must report."""

from collections.abc import Callable

from tests.templates import kinds
from tests.templates.breakages.common import Breakage, Case, change
from tests.templates.checks import streams
from tests.templates.checks.common import DAY
from tests.templates.synthesis import Platform, Resource


def change_target_of_stream(broken: Platform) -> Resource:
    rule = broken.one(kinds.RULE, "ToOrderStream")
    rule.properties["Targets"][0].pop("KinesisParameters")
    return rule


def break_edge(edit: Callable[[Platform], object], *, mapping: str = "UpdateTimelines") -> Breakage:
    """Break something around a mapping: the one that feeds the timelines, if no other is meant."""

    def break_it(broken: Platform) -> Resource:
        edit(broken)
        return broken.one(kinds.MAPPING, mapping)

    return break_it


def read_a_consumer(broken: Platform) -> Resource:
    mapping = broken.one(kinds.MAPPING, "UpdateTimelines")
    consumer = {"StreamARN": mapping.properties["EventSourceArn"]}
    broken.templates[mapping.stack]["Resources"]["Consumer"] = {
        "Type": kinds.CONSUMER,
        "Properties": consumer,
    }
    mapping.properties["EventSourceArn"] = {"Fn::GetAtt": ["Consumer", "ConsumerARN"]}
    return mapping


BREAKAGES: list[Case] = [
    *(
        (streams.stream_mapping_is_bounded, change(kinds.MAPPING, "", name))
        for name in (
            "MaximumRetryAttempts",
            "MaximumRecordAgeInSeconds",
            "BisectBatchOnFunctionError",
            "FunctionResponseTypes",
            "DestinationConfig",
        )
    ),
    (streams.stream_mapping_is_bounded, change(kinds.MAPPING, MaximumRetryAttempts=-1)),
    (streams.stream_mapping_is_bounded, change(kinds.MAPPING, StartingPosition="LATEST")),
    (
        streams.stream_mapping_is_bounded,
        change(kinds.MAPPING, "UpdateTimelines", MaximumRecordAgeInSeconds=7 * DAY),
    ),
    *(
        (
            streams.projection_has_failure_destination_and_alarms,
            change(kinds.MAPPING, "UpdateTimelines", name),
        )
        for name in (
            "ParallelizationFactor",
            "MaximumBatchingWindowInSeconds",
            "BatchSize",
            "DestinationConfig",
            "MetricsConfig",
        )
    ),
    *(
        (streams.projection_has_failure_destination_and_alarms, break_edge(edit))
        for edit in (
            change(kinds.FUNCTION, "UpdateTimelines", Environment={"Variables": {}}),
            change(kinds.QUEUE, "TimelinesProjectionDeadLetters", FifoQueue=True),
            change(kinds.ALARM, "TimelinesProjectionBatchesDeadLettered", Threshold=10),
            change(kinds.ALARM, "TimelinesProjectionBatchesDeadLettered", AlarmActions=[]),
        )
    ),
    *(
        (
            streams.reader_of_a_stream_that_is_behind_is_noticed,
            break_edge(change(kinds.ALARM, alarm, **{name: value}), mapping=mapping),
        )
        for alarm, mapping in (
            ("TimelinesProjectionBehind", "UpdateTimelines"),
            ("-Orders/OutboxBehind", "-Orders/RelayOutboxDynamoDBEventSource"),
        )
        for name, value in (("MetricName", "Errors"), ("Dimensions", []), ("Threshold", 0))
    ),
    (streams.projection_uses_configured_fan_out, read_a_consumer),
    *(
        (streams.stream_is_retained_and_encrypted, change(kinds.STREAM, "", **changed))
        for changed in (
            {"RetentionPeriodHours": 23},
            {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": "ours"}},
            {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
            {"ShardCount": 9},
        )
    ),
    (streams.stream_is_partitioned_by_subject, change_target_of_stream),
]
