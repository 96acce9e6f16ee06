"""Measure the latency of each hop of an event from the bus to a view, in the local cloud.

`python -m bench.latency` publishes one event after another, each alone. Then it waits in silence
and publishes one more, as often as requested. The functions are not changed. The time of a hop
comes from the stream's record, from the log of the invocation, and from reading the row.
`docs/latency.md` has the figures, and what AWS adds.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from demo.deployment import deploy_app
from emulator.cloud import Cloud, running
from lambdas.contracts.envelope import envelope
from lambdas.contracts.payments import PaymentTaken
from lambdas.contracts.values import Money

HOPS = ("put on the bus", "in the stream", "function begun", "in the view")
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class LatencyProbe:
    """The clients and the deployed resources that the measurement uses."""

    clients: Any
    bus: str
    stream: str
    table: str
    logs: str

    def measure(self, order: str) -> list[float]:
        """Publish one event for an order; return the seconds until each hop."""
        event = PaymentTaken(
            order_id=order, customer_id="bench", total=Money(amount=1, currency="GBP")
        )
        published = envelope(
            event,
            subject=order,
            sequence=1,
            correlation_id=order,
            causation_id=order,
            occurred_at=datetime.now(UTC).isoformat(),
        )
        iterators = list(self._latest_iterators())
        began = time.time()
        self.clients("events").put_events(Entries=[published.to_put_events_entry(self.bus)])
        put = time.time()
        dynamodb = self.clients("dynamodb")
        while "Item" not in dynamodb.get_item(
            TableName=self.table, Key={"order_id": {"S": order}}, ConsistentRead=True
        ):
            if time.time() - began > TIMEOUT_SECONDS:
                raise TimeoutError(f"{order} is not in the view after {TIMEOUT_SECONDS} s")
            time.sleep(0.005)
        seen = time.time()
        return [put - began, self._arrived_at(iterators) - began, self._started_at(began) - began,
                seen - began]  # fmt: skip

    def _latest_iterators(self) -> Iterator[str]:
        kinesis = self.clients("kinesis")
        for shard in kinesis.list_shards(StreamName=self.stream)["Shards"]:
            yield kinesis.get_shard_iterator(
                StreamName=self.stream, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
            )["ShardIterator"]

    def _arrived_at(self, iterators: Sequence[str]) -> float:
        kinesis = self.clients("kinesis")
        (record,) = (
            record
            for iterator in iterators
            for record in kinesis.get_records(ShardIterator=iterator)["Records"]
        )
        return float(record["ApproximateArrivalTimestamp"].timestamp())

    def _started_at(self, since: float) -> float:
        """Return when the invocation that wrote the row began, by its log, which is late."""
        until = time.time() + TIMEOUT_SECONDS
        while time.time() < until:
            events = self.clients("logs").filter_log_events(
                logGroupName=self.logs, startTime=int(since * 1000)
            )["events"]
            for event in events:
                if re.search(r"START|platform.start", event["message"]):
                    return float(event["timestamp"]) / 1000
            time.sleep(0.05)
        raise TimeoutError(f"{self.logs} has no invocation")


def main() -> int:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--events", type=int, default=40, help="how many are published one by one")
    parser.add_argument(
        "--idle-seconds",
        type=float,
        default=300,
        help="seconds without events before each idle run",
    )
    parser.add_argument(
        "--idle-runs", type=int, default=1, help="how many runs follow an idle time"
    )
    arguments = parser.parse_args()
    with running() as cloud:
        probe = _make_probe(cloud, deploy_app(cloud, progress=lambda _: None))
        probe.measure("first")
        warm = [probe.measure(f"warm-{n}") for n in range(arguments.events)]
        idle = []
        for n in range(arguments.idle_runs):
            time.sleep(arguments.idle_seconds)
            idle.append(probe.measure(f"silent-{n}"))
    print(
        f"Local cloud, {datetime.now(UTC):%d %B %Y}, milliseconds since the event was published.\n"
    )
    print("| | " + " | ".join(HOPS) + " |")
    print("|---" * (len(HOPS) + 1) + "|")
    for name, runs, share in (
        (f"warm, p50 of {len(warm)}", warm, 0.5),
        (f"warm, p95 of {len(warm)}", warm, 0.95),
        (f"after {arguments.idle_seconds:.0f} s idle, the worst of {len(idle)}", idle, 1.0),
    ):
        hops = [sorted(run[hop] for run in runs) for hop in range(len(HOPS))]
        cells = (f"{1000 * hop[min(len(hop) - 1, int(len(hop) * share))]:,.0f}" for hop in hops)
        print(f"| {name} | " + " | ".join(cells) + " |")
    return 0


def _make_probe(cloud: Cloud, outputs: Mapping[str, str]) -> LatencyProbe:
    clients = cloud.client
    found = clients("cloudformation").describe_stack_resources(StackName="Orders-Dev-Storefront")
    (logs,) = (
        resource["PhysicalResourceId"]
        for resource in found["StackResources"]
        if resource["LogicalResourceId"].startswith("UpdateTimelinesLogs")
    )
    return LatencyProbe(
        clients=clients,
        bus=outputs["EventBus"],
        stream=outputs["OrderStreamName"],
        table=outputs["TimelinesTable"],
        logs=logs,
    )


if __name__ == "__main__":
    sys.exit(main())
