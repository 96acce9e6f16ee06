"""Event source mappings of streams read each shard in order, as their settings say."""

import inspect
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from ministack.services import kinesis, lambda_svc

from emulator.cloud import Cloud
from tests.support.consumers import (
    LOG,
    READ_STREAM,
    STREAM,
    TABLE,
    all_of,
    bodies,
    consumer,
    denied,
    put,
    seen,
    stream_mapping,
    until,
)
from tests.support.small_stacks import Deploy, allowed, client, get, ref, role
from tests.support.streams import ROLE, of_each_source, write
from tests.support.waiting import TIMEOUT_SECONDS


def test_slow_mapping_delays_no_other(cloud: Cloud, deploy: Deploy) -> None:
    # Longer than anybody here waits for anything.
    slow = consumer("Slow", SECONDS=str(2 * TIMEOUT_SECONDS))
    slow["Slow"]["Properties"]["Timeout"] = 3 * TIMEOUT_SECONDS
    stack = deploy(
        {
            "Stream": STREAM, "Table": TABLE, "Role": ROLE,
            **slow, **consumer("Quick"), **consumer("Third"),
            "SlowMapping": stream_mapping(get("Stream"), "Slow"),
            "QuickMapping": stream_mapping(get("Stream"), "Quick"),
            "ThirdMapping": stream_mapping(get("Table", "StreamArn"), "Third"),
        },
        Stream=ref("Stream"), Table=ref("Table"),
        Quick=ref("QuickLog"), Third=ref("ThirdLog"),
    )  # fmt: skip
    put(cloud, stack.outputs["Stream"], "a")
    assert bodies(until(lambda: seen(cloud, stack.outputs["Quick"]), bool)) == [["a"]]
    put(cloud, stack.outputs["Stream"], "b")
    client(cloud, "dynamodb").put_item(TableName=stack.outputs["Table"], Item={"id": {"S": "c"}})
    quick = until(lambda: seen(cloud, stack.outputs["Quick"]), lambda s: len(s) == 2)
    assert bodies(quick) == [["a"], ["b"]]
    assert bodies(until(lambda: seen(cloud, stack.outputs["Third"]), bool)) == [["c"]]


def test_lanes_run_in_parallel_and_each_key_in_order(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            # Long enough for the local cloud to start more processes rather than wait for one.
            "Stream": STREAM, **consumer(SECONDS="1.2"), "Role": ROLE,
            "Mapping": stream_mapping(get("Stream"), BatchSize=1, ParallelizationFactor=4),
        },
        Stream=ref("Stream"), Log=ref("ConsumerLog"),
    )  # fmt: skip
    names = "abcdefgh"
    put(cloud, stack.outputs["Stream"], *((key, f"{key}{n}") for n in range(2) for key in names))
    found = until(
        lambda: seen(cloud, stack.outputs["Log"]), lambda s: len(s) == 16, seconds=TIMEOUT_SECONDS
    )
    order = [body for one in found for body in one.bodies]
    assert all(order.index(f"{key}0") < order.index(f"{key}1") for key in names)
    assert any(one.overlaps(other) for one, other in pairwise(found))


@of_each_source
def test_batching_window_gathers_records(cloud: Cloud, deploy: Deploy, source: Any) -> None:
    resources, arn, outputs = source
    stack = deploy(
        {
            **resources, **consumer(), "Role": ROLE,
            # Nobody waits for its end: the batch is full before.
            "Mapping": stream_mapping(arn, MaximumBatchingWindowInSeconds=60, BatchSize=3),
        },
        Log=ref("ConsumerLog"), **outputs,
    )  # fmt: skip
    for body in "abc":
        write(cloud, stack, body)
    found = until(lambda: seen(cloud, stack.outputs["Log"]), bool)
    assert bodies(found) == [["a", "b", "c"]]


def test_mapping_starts_at_its_timestamp(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {"Stream": STREAM, **consumer(), "Role": ROLE},
        Stream=ref("Stream"), Arn=get("Stream"), Function=ref("Consumer"), Log=ref("ConsumerLog"),
    )  # fmt: skip
    put(cloud, stack.outputs["Stream"], "before")
    time.sleep(0.01)
    now = time.time()
    put(cloud, stack.outputs["Stream"], "after")
    created = client(cloud, "lambda").create_event_source_mapping(
        EventSourceArn=stack.outputs["Arn"], FunctionName=stack.outputs["Function"],
        StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=now,
    )  # fmt: skip
    found = until(lambda: seen(cloud, stack.outputs["Log"]), bool)
    client(cloud, "lambda").delete_event_source_mapping(UUID=created["UUID"])
    assert bodies(found) == [["after"]]
    assert created["BatchSize"] == 100


def test_enhanced_fan_out_consumer_gets_records(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Stream": STREAM, **consumer(),
            "Fan": {
                "Type": "AWS::Kinesis::StreamConsumer",
                "Properties": {"ConsumerName": "fan", "StreamARN": get("Stream")},
            },
            "Role": role(
                "kinesis:DescribeStream", "kinesis:ListShards", "kinesis:SubscribeToShard", *LOG
            ),
        },
        Stream=ref("Stream"), Fan=ref("Fan"), Arn=get("Fan", "ConsumerARN"),
        Function=ref("Consumer"), Log=ref("ConsumerLog"),
    )  # fmt: skip
    assert stack.outputs["Fan"] == stack.outputs["Arn"]
    created = client(cloud, "lambda").create_event_source_mapping(
        EventSourceArn=stack.outputs["Fan"], FunctionName=stack.outputs["Function"],
        StartingPosition="LATEST",
    )  # fmt: skip
    put(cloud, stack.outputs["Stream"], "a")
    found = until(lambda: seen(cloud, stack.outputs["Log"]), bool)
    client(cloud, "lambda").delete_event_source_mapping(UUID=created["UUID"])
    assert bodies(found) == [["a"]]


@pytest.mark.parametrize("missing", [*READ_STREAM])
def test_role_that_may_not_read_gets_nothing(cloud: Cloud, deploy: Deploy, missing: str) -> None:
    stack = deploy(
        {
            "Stream": STREAM, **consumer(),
            "Role": role(*(action for action in READ_STREAM if action != missing), *LOG),
            "Mapping": stream_mapping(get("Stream")),
        },
        Stream=ref("Stream"), Arn=get("Stream"), Role=get("Role"), Log=ref("ConsumerLog"),
    )  # fmt: skip
    put(cloud, stack.outputs["Stream"], "a")
    denial = denied(stack.outputs["Role"], missing, stack.outputs["Arn"])
    assert denial in until(cloud.log.read_text, lambda log: denial in log)
    put(cloud, stack.outputs["Stream"], "b")
    with allowed(cloud, stack.outputs["Role"], missing):
        found = until(lambda: seen(cloud, stack.outputs["Log"]), bool)
    assert bodies(found) == [["a", "b"]], "nothing before, and all as soon as it may"


def split(cloud: Cloud, stream: str) -> None:
    client(cloud, "kinesis").update_shard_count(
        StreamName=stream, TargetShardCount=2, ScalingType="UNIFORM_SCALING"
    )


def merge(cloud: Cloud, stream: str) -> None:
    client(cloud, "kinesis").update_shard_count(
        StreamName=stream, TargetShardCount=1, ScalingType="UNIFORM_SCALING"
    )


def split_one(cloud: Cloud, stream: str) -> None:
    client(cloud, "kinesis").split_shard(
        StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )


def merge_two(cloud: Cloud, stream: str) -> None:
    client(cloud, "kinesis").merge_shards(
        StreamName=stream, ShardToMerge="shardId-000000000000",
        AdjacentShardToMerge="shardId-000000000001",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shards", "reshard"), [(1, split), (2, merge), (1, split_one), (2, merge_two)]
)
def test_order_of_a_key_is_kept_across_a_split_or_merge(
    cloud: Cloud, deploy: Deploy, shards: int, reshard: Callable[[Cloud, str], None]
) -> None:
    stack = deploy(
        {
            "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": shards}},
            **consumer(SECONDS="0.2"), "Role": ROLE,
            "Mapping": stream_mapping(get("Stream"), BatchSize=4),
        },
        Stream=ref("Stream"), Log=ref("ConsumerLog"),
    )  # fmt: skip
    names = "abcdef"
    stream = stack.outputs["Stream"]
    put(cloud, stream, *((key, f"{key}{n}") for n in range(3) for key in names))
    reshard(cloud, stream)
    put(cloud, stream, *((key, f"{key}{n}") for n in range(3, 5) for key in names))
    expected = {f"{key}{n}" for n in range(5) for key in names}
    found = until(lambda: seen(cloud, stack.outputs["Log"]), lambda s: all_of(s) == expected)
    order = [body for one in found for body in one.bodies]
    assert sorted(order) == sorted(expected), "none lost, none twice"
    for key in names:
        assert [body for body in order if body[0] == key] == [f"{key}{n}" for n in range(5)]
    names_of_shards = [
        s["ShardId"] for s in client(cloud, "kinesis").list_shards(StreamName=stream)["Shards"]
    ]
    assert min(names_of_shards) > f"shardId-{shards - 1:012d}", "no name is used again"


def test_tumbling_window_carries_its_state(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Stream": STREAM, **consumer(), "Role": ROLE,
            "Mapping": stream_mapping(get("Stream"), TumblingWindowInSeconds=1, BatchSize=2),
        },
        Stream=ref("Stream"), Log=ref("ConsumerLog"),
    )  # fmt: skip
    time.sleep(1 - time.time() % 1)  # All that follows fits into one window.
    put(cloud, stack.outputs["Stream"], "a", "b", "c")
    found = until(lambda: seen(cloud, stack.outputs["Log"]), lambda s: len(s) == 3)
    assert [(one.bodies, one.state, one.final) for one in found] == [
        (["a", "b"], {}, False),
        (["c"], {"n": 2}, False),
        ([], {"n": 3}, True),
    ]


def test_ministack_still_lacks_what_the_patch_adds() -> None:
    polls = inspect.getsource(lambda_svc._poll_kinesis)
    tables = inspect.getsource(lambda_svc._poll_dynamodb_streams)
    for lacking in (
        "BisectBatchOnFunctionError",
        "ReportBatchItemFailures",
        "ParallelizationFactor",
    ):
        assert lacking not in polls + tables, (
            f"MiniStack knows {lacking}: is stream_mappings needed?"
        )
    assert "del stream" in inspect.getsource(kinesis._split_shard), (
        "MiniStack keeps shards that were split: is stream_mappings' reshaping needed?"
    )
