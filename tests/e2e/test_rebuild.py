"""Views are rebuilt from the archive by the operator's command, while events come in."""

import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderCancelled, OrderConfirmed, OrderPlaced
from lambdas.contracts.payments import PaymentTaken
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.contracts.values import Line
from lambdas.storefront.customer_orders import build_order_upserts
from lambdas.storefront.sales import build_sales
from lambdas.storefront.timeline import build_timeline_upserts
from tests.e2e.test_read_side import LINES, TOTAL, Platform, platform, subject
from tests.support.cli import ops, run_ops
from tests.support.deliveries import eventually, received
from tests.support.listeners import listen
from tests.support.small_stacks import client, lines
from tests.support.waiting import TIMEOUT_SECONDS

__all__ = ["platform"]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Puts events on the bus, of each order in any order and some of them twice."""

    platform: Platform
    customer: str
    published: list[EventEnvelope[Any]] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def order(self, order: str) -> None:
        about: dict[str, Any] = {"order_id": order, "customer_id": self.customer}
        whole: dict[str, Any] = {**about, "lines": LINES, "total": TOTAL, "country": "Italy"}
        parcel: dict[str, Any] = {"shipment_id": "s", "lines": (Line(sku="85123A", quantity=6),)}
        events: list[tuple[int, Event]] = [
            (1, OrderPlaced(**whole)),
            (2, OrderConfirmed(**whole)),
            (1, PaymentTaken(**about, total=TOTAL)),
            (1, ShipmentDispatched(order_id=order, country="Italy", **parcel)),
        ]
        published = [self._envelope(order, number, event) for number, event in events]
        self.published.extend(published)
        published += self.dice.sample(published, 1)
        self.dice.shuffle(published)
        entries = [
            published.to_put_events_entry(self.platform.outputs["EventBus"])
            for published in published
        ]
        answer = client(self.platform.cloud, "events").put_events(Entries=entries)
        assert answer["FailedEntryCount"] == 0

    def _envelope(self, order: str, number: int, event: Event) -> EventEnvelope[Any]:
        return envelope(
            event,
            subject=order,
            sequence=number,
            correlation_id=order,
            causation_id=order,
            occurred_at=datetime.now(UTC).isoformat(),
        )

    @contextmanager
    def flowing(self, name: str) -> Iterator[None]:
        """Publish the events of one order after another until the block ends."""
        over = threading.Event()

        def flow() -> None:
            number, took = 0, 0.0
            # However slow the machine, most of it is left to those who follow. Each order that has
            # events makes all later rebuilds longer.
            while not over.wait(max(0.3, 5 * took)):
                began = time.monotonic()
                self.order(f"{name}-{number}")
                number, took = number + 1, time.monotonic() - began

        with self._in_background(flow, over):
            yield

    @contextmanager
    def asked(self, path: str, token: str) -> Iterator[list[int]]:
        """Ask for something again and again; the statuses of the answers."""
        over = threading.Event()
        statuses: list[int] = []

        def ask() -> None:
            while not over.wait(0.05):
                statuses.append(self.platform.get(path, token)[0])

        with self._in_background(ask, over):
            yield statuses

    @contextmanager
    def _in_background(self, work: Callable[[], None], over: threading.Event) -> Iterator[None]:
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.fixture(scope="module")
def ada(platform: Platform) -> str:
    return platform.customers.token("ada")


@pytest.fixture(scope="module")
def traffic(platform: Platform, ada: str) -> Traffic:
    traffic = Traffic(platform, subject(ada))
    for number in range(30):
        traffic.order(f"o{number}")
    return traffic


def rebuilding(*arguments: str) -> tuple[str, ...]:
    """What came before now is to come of the archive."""
    return ("view", "rebuild", *arguments, "--overlap", "0")


def rebuilt(platform: Platform, *arguments: str) -> tuple[int, str]:
    return run_ops(platform.cloud, *rebuilding(*arguments))


def outputs(platform: Platform) -> Mapping[str, str]:
    """What storefront's stack says now."""
    stacks = client(platform.cloud, "cloudformation")
    (stack,) = stacks.describe_stacks(StackName="Orders-Dev-Storefront")["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def items(platform: Platform, table: str) -> list[Row]:
    pages = client(platform.cloud, "dynamodb").get_paginator("scan").paginate(TableName=table)
    return sorted((item for page in pages for item in page["Items"]), key=str)


def noted(
    make: Callable[[list[EventEnvelope[Any]]], Any],
) -> Callable[[list[EventEnvelope[Any]]], Any]:
    def rows(events: list[EventEnvelope[Any]]) -> Any:
        return {n.order_id: set(n.attributes) | {"order_id"} for n in make(events)}

    return rows


def of_orders(event: EventEnvelope[Any]) -> bool:
    return isinstance(event.data, OrderPlaced | OrderConfirmed | OrderCancelled)


EXPECTED: dict[str, tuple[str, Callable[[list[EventEnvelope[Any]]], Any]]] = {
    "timelines": ("Timelines", noted(build_timeline_upserts)),
    "orders": (
        "CustomerOrders",
        noted(lambda events: build_order_upserts(filter(of_orders, events))),
    ),
    "sales": (
        "Sales",
        lambda events: {
            f"order/{sale.order_id}": {"partition_key", "sort_key"}
            for sale in build_sales(f for f in events if isinstance(f.data, OrderConfirmed))
        },
    ),
}
PATHS = {
    "timelines": "/orders/o1/timeline",
    "orders": "/orders?limit=5",
    "sales": "/sales?day=2026-12-01&per=product",
}


def rows(platform: Platform, table: str) -> Any:
    """The names of each row's attributes; counters have their own test."""
    found = items(platform, table)
    return {
        next(row[key]["S"] for key in ("partition_key", "order_id") if key in row): set(row)
        for row in found
        if "orders" not in row
    }


def up_to_date(platform: Platform, view: str, traffic: Traffic) -> None:
    """Wait until the view shows all published events."""
    name, expected = EXPECTED[view]
    table, wanted = outputs(platform)[f"{name}Table"], expected(traffic.published)
    assert eventually(lambda: rows(platform, table) == wanted), view


@pytest.mark.parametrize("view", EXPECTED)
def test_view_is_rebuilt_under_live_traffic_and_switched_without_a_gap(
    platform: Platform, ada: str, traffic: Traffic, view: str
):
    name, _ = EXPECTED[view]
    token = platform.operator if view == "sales" else ada
    assert eventually(lambda: platform.get(PATHS[view], token)[0] == 200)
    before = outputs(platform)

    with traffic.asked(PATHS[view], token) as statuses, traffic.flowing(view):
        code, said = rebuilt(platform, view, "--yes")

    after = outputs(platform)
    assert code == 0, said
    assert "equal: " in said
    assert "switched: " in said
    assert set(statuses) == {200}
    assert after[f"{name}Table"] == before[f"{name}StandbyTable"]
    assert after[f"{name}StandbyTable"] == before[f"{name}Table"]
    up_to_date(platform, view, traffic)


def test_rebuilt_view_equals_the_live_one_item_by_item(platform: Platform, traffic: Traffic):
    for view, (name, _) in EXPECTED.items():
        tables = outputs(platform)
        live, standby = tables[f"{name}Table"], tables[f"{name}StandbyTable"]
        up_to_date(platform, view, traffic)

        assert rebuilt(platform, view)[0] == 0

        assert items(platform, standby) == items(platform, live) != []
        assert outputs(platform) == tables


def test_difference_is_reported_and_the_view_is_switched_only_on_request(
    platform: Platform, traffic: Traffic
):
    tables = outputs(platform)
    up_to_date(platform, "timelines", traffic)
    client(platform.cloud, "dynamodb").delete_item(
        TableName=tables["TimelinesTable"], Key={"order_id": {"S": "o1"}}
    )

    code, said = rebuilt(platform, "timelines", "--compare-timeout", "3", "--yes")

    assert (code, "differs: o1" in said, "switched" in said) == (1, True, False)
    assert outputs(platform) == tables

    code, said = rebuilt(
        platform, "timelines", "--compare-timeout", "3", "--yes", "--despite-differences"
    )

    assert (code, "switched" in said) == (0, True)
    assert "o1" in rows(platform, outputs(platform)["TimelinesTable"])


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_interrupted_rebuild_can_be_run_again(
    platform: Platform, traffic: Traffic, ending: signal.Signals
):
    broken = ops(platform.cloud, *rebuilding("timelines"))
    assert broken.stdout is not None
    assert broken.stdout.readline().startswith("emptied: ")
    broken.send_signal(ending)
    broken.communicate(timeout=TIMEOUT_SECONDS)
    assert (
        broken.returncode == {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}[ending]
    )

    code, said = rebuilt(platform, "timelines")

    assert code == 0, said


def test_missing_environment_is_an_error_of_one_line(platform: Platform):
    code, said = rebuilt(platform, "timelines", "--env", "prod")
    assert (code, said) == (
        2,
        f"there is no stack Orders-Prod-Storefront in {platform.cloud.region}\n",
    )


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
        # What a rebuild that was broken off had in hand may come again among them.
        details = [json.loads(m["Body"])["detail"] for m in received(platform.cloud, queue)]
        received_events.update(detail["metadata"]["event_id"] for detail in details)
        return expected_ids <= received_events

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
