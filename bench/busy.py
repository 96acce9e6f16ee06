"""Measure what becomes of orders while the platform is busy, in the local cloud.

`python -m bench.busy [SCENARIO ...]` deploys the order path, once with Standard and once with
Express workflows, and plays each scenario. Orders go through the API, the outbox, the saga with its
functions and the ledger. Delays between attempts are AWS's. A throughput is of the time until nine
tenths of the accepted orders have ended; the rest of a backlog ends when the last deferred order is
looked at again. `docs/figures/busy.json` keeps the figures; `--write` writes the table of
`docs/reliability.md` with them, and measures nothing.
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from aws_cdk.aws_stepfunctions import StateMachineType

from bench.busy_figures import figures_of, render
from bench.figures import FOLDER, machine, read_figures, write_figures
from bench.order_load import (
    MAX_THREADS,
    Sender,
    SentOrder,
    deploy_order_path,
    prepare,
    send_all,
)
from bench.order_watch import OrderWatch, await_orders, unsaturated_throughput
from bench.page_tables import DOCS, show
from emulator.cloud import Cloud, RootSession, running
from ops.deployed import Deployed
from stacks.environments import LAPTOP

PARTICIPANTS = {
    "reserve": "inventory/ReserveStock",
    "payment": "payments/TakePayment",
    "shipment": "shipping/BookShipment",
    "relay": "orders/RelayOutbox",
}
"""Without the last one no event is published, also none of confirmed orders."""
OVERLOADS = ("burst", "tenfold", "account")
WARM_UP_ORDERS = 40
BURST_RATE, BURST_SECONDS = 400.0, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How long and how hard the scenarios are; times in seconds, rates in orders a second."""

    outage: float
    rate: float
    times: float
    """The multiple of the unsaturated throughput that ``tenfold`` offers."""
    seconds: float
    """How long ``tenfold`` and ``account`` offer orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A deployed platform that has no open order."""

    cloud: Cloud
    outputs: Mapping[str, str]
    functions: Mapping[str, str]
    """The names of functions as AWS has them, by ours."""
    send: Sender
    watch: OrderWatch


def main() -> int:
    """Measure and print; return 1 if an order was rejected or lost."""
    parser = argparse.ArgumentParser(prog="python -m bench.busy", description=__doc__)
    scenarios = (*PARTICIPANTS, *OVERLOADS)
    parser.add_argument("scenario", nargs="*", choices=[*scenarios, []], help="the default is all")
    parser.add_argument("--saga", choices=["STANDARD", "EXPRESS"], help="the default is both")
    parser.add_argument("--outage", type=float, default=300, help="seconds without a participant")
    parser.add_argument("--rate", type=float, default=4, help="orders a second in an outage")
    parser.add_argument("--times", type=float, default=10, help="multiple of the sustained rate")
    parser.add_argument("--seconds", type=float, default=60, help="how long that is offered")
    parser.add_argument("--write", action="store_true", help="write the table, and end")
    given = parser.parse_args()
    if not given.write:
        settings = Settings(
            outage=given.outage, rate=given.rate, times=given.times, seconds=given.seconds
        )
        for saga in [given.saga] if given.saga else ["STANDARD", "EXPRESS"]:
            _measure(saga, given.scenario or scenarios, settings)
    figures = read_figures("busy")["runs"]
    show(DOCS / "reliability.md", [render(figures)], ["--write"] if given.write else [])
    return int(any(run["rejected"] or run["lost"] for run in figures.values()))


def _measure(saga: str, scenarios: Any, settings: Settings) -> None:
    """Play scenarios with one kind of workflow, and keep the figures of each."""
    for concurrency in (1_000, 10):
        wanted = [each for each in scenarios if (each == "account") == (concurrency == 10)]
        if not wanted:
            continue
        with deployed(StateMachineType[saga], concurrency) as platform:
            unsaturated = unsaturated_throughput(platform.send, platform.watch)
            for scenario in wanted:
                figures = _play(platform, scenario, settings, unsaturated)
                _keep(
                    f"{scenario} {saga}",
                    {"command": shlex.join(["bench.busy", *sys.argv[1:]]), **figures},
                )


def _keep(name: str, figures: Mapping[str, Any]) -> None:
    runs = read_figures("busy")["runs"] if (FOLDER / "busy.json").exists() else {}
    write_figures("busy", {"runs": {**runs, name: figures}})
    print(f"{name}: {json.dumps(figures)}", flush=True)


@contextmanager
def deployed(saga: StateMachineType, concurrency: int) -> Iterator[Platform]:
    """Deploy the order path with that kind of workflow, and let its functions start."""
    # The emulator shortens the delays between AWS's attempts, unless this says otherwise.
    os.environ["EMULATOR_DELAY_SCALE"] = "1"
    with running(account_concurrency=concurrency) as cloud:
        outputs = deploy_order_path(cloud, replace(LAPTOP, saga_type=saga))
        templates = Deployed(session=RootSession(cloud), environment="dev").templates()
        customers = prepare(cloud, outputs)
        platform = Platform(
            cloud=cloud,
            outputs=outputs,
            functions={
                each.name: each.physical for each in templates.resources("AWS::Lambda::Function")
            },
            send=Sender(cloud, outputs, customers),
            watch=OrderWatch(cloud, outputs["OrdersTable"]),
        )
        send_all(platform.send, count=WARM_UP_ORDERS, rate=5)
        await_orders(platform.watch)
        yield platform


def _play(
    platform: Platform, scenario: str, settings: Settings, unsaturated: float
) -> dict[str, Any]:
    """Play one scenario; return its figures."""
    load = machine()["load"]
    began = datetime.now(UTC)
    with platform.watch.sampling():
        if scenario in PARTICIPANTS:
            offered, sent = _play_outage(platform, PARTICIPANTS[scenario], settings)
        else:
            rate, seconds = {
                "burst": (BURST_RATE, BURST_SECONDS),
                "tenfold": (settings.times * unsaturated, settings.seconds),
                "account": (2 * unsaturated, settings.seconds),
            }[scenario]
            offered = round(rate * seconds)
            sent, _ = send_all(
                platform.send, count=offered, rate=rate, threads=MAX_THREADS, in_time=True
            )
    last = datetime.now(UTC)
    await_orders(platform.watch)
    figures = figures_of(sent, platform.watch.rows(), began=began, last=last)
    return {
        "measured_at": began.isoformat(timespec="minutes"),
        "load": [load, machine()["load"]],
        "offered": offered,
        **figures,
        "most_open": platform.watch.most_open,
        "most_deferred": platform.watch.most_deferred,
        "deferred_by": platform.watch.deferred_by,
        "unsaturated_per_second": round(unsaturated, 1),
    }


def _play_outage(
    platform: Platform, participant: str, settings: Settings
) -> tuple[int, list[SentOrder]]:
    """Send orders at a steady rate while a participant is throttled; return how many and which."""
    function = {"FunctionName": platform.functions[participant]}
    lambda_ = platform.cloud.client("lambda")
    lambda_.put_function_concurrency(**function, ReservedConcurrentExecutions=0)
    count = round(settings.rate * settings.outage)
    sent, _ = send_all(platform.send, count=count, rate=settings.rate)
    lambda_.delete_function_concurrency(**function)
    return count, sent


if __name__ == "__main__":
    sys.exit(main())
