"""Archived events are replayed to the rules that a replay names, and to no others."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.support.cli import run_ops
from tests.support.deliveries import eventually, received
from tests.support.listeners import listen
from tests.support.small_stacks import client, lines
from tests.support.storefront_platform import Platform, ada, platform
from tests.support.storefront_traffic import Traffic
from tests.support.tokens import subject

__all__ = ["ada", "platform"]


@pytest.fixture(scope="module")
def traffic(platform: Platform, ada: str) -> Traffic:
    return Traffic(platform, subject(ada))


def the_next_second() -> datetime:
    """Wait for it: the time of an event has no parts of a second, and all before is of another."""
    since = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    assert eventually(lambda: datetime.now(UTC) >= since)
    return since


def test_replay_to_all_rules_reaches_the_catch_all_and_the_replay_queue_only(
    platform: Platform, traffic: Traffic
):
    events = client(platform.cloud, "events")
    kinesis = client(platform.cloud, "kinesis")
    backbone = client(platform.cloud, "cloudformation").describe_stacks(
        StackName="Orders-Dev-Backbone"
    )["Stacks"][0]["Outputs"]
    named = {each["OutputKey"]: each["OutputValue"] for each in backbone}
    archive = events.describe_archive(ArchiveName=named["EventArchiveArn"].rpartition("/")[2])
    since = the_next_second()
    traffic.order("to-all")

    events.start_replay(
        ReplayName="to-all",
        EventSourceArn=named["EventArchiveArn"],
        EventStartTime=since,
        EventEndTime=datetime.now(UTC),
        Destination={"Arn": archive["EventSourceArn"]},
    )

    replay = partial(events.describe_replay, ReplayName="to-all")
    assert eventually(lambda: replay()["State"] == "COMPLETED")
    expected_ids = {
        published.metadata.event_id
        for published in traffic.published
        if published.metadata.subject == "to-all"
    }
    received_events: set[str] = set()

    def all_received() -> bool:
        details = [json.loads(m["Body"])["detail"] for m in received(platform.cloud, queue)]
        received_events.update(detail["metadata"]["event_id"] for detail in details)
        return expected_ids == received_events

    queue = named["ReplayQueueUrl"]
    assert eventually(all_received)
    replayed = '"replay-name": "to-all"'
    assert any(replayed in line for line in lines(platform.cloud, named["EventLogGroup"], replayed))
    (shard,) = kinesis.list_shards(StreamName=named["OrderStreamName"])["Shards"]
    start = kinesis.get_shard_iterator(
        StreamName=named["OrderStreamName"],
        ShardId=shard["ShardId"],
        ShardIteratorType="AT_TIMESTAMP",
        Timestamp=since,
    )
    streamed = kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
    live = [json.loads(record["Data"]) for record in streamed]
    assert {event["detail"]["metadata"]["event_id"] for event in live} == expected_ids
    assert not [event for event in live if "replay-name" in event]


def test_operator_replays_a_period_to_one_rule_only(platform: Platform, traffic: Traffic):
    since = the_next_second()
    traffic.order("replayed")
    wanted = ("events", "replay", "--from", since.isoformat())
    url = listen(
        platform.cloud,
        platform.outputs["EventBus"],
        pattern={"replay-name": [{"exists": True}]},
        name="OfAnOperator",
    )
    live = next(
        rule["Name"]
        for rule in client(platform.cloud, "events").list_rules(
            EventBusName=platform.outputs["EventBus"]
        )["Rules"]
        if '"exists": false' in json.dumps(json.loads(rule["EventPattern"]))
    )

    planned = run_ops(platform.cloud, *wanted, "--rule", "OfAnOperator", "--json")
    refused = run_ops(platform.cloud, *wanted, "--rule", live, "--yes")
    code, said = run_ops(platform.cloud, *wanted, "--rule", "OfAnOperator", "--yes")

    assert (planned[0], json.loads(planned[1])["replayed"]) == (0, False)
    assert refused[0] == 2
    assert refused[1].startswith(f"{live} excludes replayed events")
    assert "OfAnOperator" in refused[1]
    assert (code, said.splitlines()[-1]) == (0, "replayed: 100%")
    expected_count = sum(one.metadata.subject == "replayed" for one in traffic.published) + 1
    messages = received(platform.cloud, url, expected_count)
    received_events = [json.loads(message["Body"]) for message in messages]
    assert {event["detail"]["metadata"]["subject"] for event in received_events} == {"replayed"}
    assert {event["replay-name"].partition("-")[0] for event in received_events} == {"ops"}
    logged = client(platform.cloud, "logs").filter_log_events(
        logGroupName=platform.outputs["EventLogGroup"], startTime=int(since.timestamp() * 1000)
    )
    assert not [each for each in logged["events"] if "replay-name" in each["message"]]
