"""Measure the throughput and latency of the whole order path in the local cloud.

`python -m bench.order_throughput --rate 100 --seconds 60` sends orders to the HTTP API at a steady
rate, whether or not the platform keeps up. Then it waits until all of them have ended. An order
goes through the API, the outbox, the saga with its three functions and the ledger, and is published
as OrderConfirmed. Only that path
and the catalogue are deployed; `--whole` deploys all other consumers as well.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from bench.order_load import Sender, SentOrder, prepare, send_all
from demo.deployment import deploy_app
from emulator.cloud import Cloud, running
from lambdas.contracts.order_states import TERMINAL_STATES, OrderState
from lambdas.runtime.dynamodb import from_item
from stacks.environments import DEV

WARM_UP_ORDERS = 40
FINAL_STATES = (OrderState.CONFIRMED, *TERMINAL_STATES)
STALL_TIMEOUT_SECONDS = 60.0
"""Seconds without a finished order after which the measurement ends."""


def main() -> int:
    """Measure and print; return 1 if an order was not accepted or not confirmed."""
    parser = argparse.ArgumentParser(prog="python -m bench.order_throughput", description=__doc__)
    parser.add_argument("--rate", type=float, default=100, help="orders a second")
    parser.add_argument("--seconds", type=float, default=60, help="for how long")
    parser.add_argument("--whole", action="store_true", help="deploy the whole platform")
    arguments = parser.parse_args()
    with running() as cloud:
        outputs: dict[str, str] = {}
        stacks = [None] if arguments.whole else map(DEV.stack_name, ("Orders", "Catalog"))
        for stack in stacks:
            outputs |= deploy_app(cloud, stack=stack, progress=lambda _: None)
        customers = prepare(cloud, outputs)
        send = Sender(cloud, outputs, customers)
        # Sent one by one before the measurement, so that the functions have started.
        send_all(send, count=WARM_UP_ORDERS, rate=10)
        _await_final_states(cloud, outputs, WARM_UP_ORDERS)
        before = _cpu_seconds(cloud)
        sent, elapsed = send_all(
            send, count=round(arguments.rate * arguments.seconds), rate=arguments.rate
        )
        began = time.monotonic()
        orders = _await_final_states(cloud, outputs, WARM_UP_ORDERS + len(sent))
        drained = time.monotonic() - began
        used = _cpu_seconds(cloud).since(before)
        measured = {order.order_id for order in sent}
        rows = [row for row in orders if row["order_id"] in measured]
        _print_report(sent, elapsed, rows, drained, used)
        confirmed = sum(row["state"] == OrderState.CONFIRMED for row in rows)
    return 0 if confirmed == len(sent) else 1


def _await_final_states(
    cloud: Cloud, outputs: Mapping[str, str], total: int
) -> list[dict[str, Any]]:
    """Return the orders when ``total`` have ended, or when no more end."""
    pages = cloud.client("dynamodb").get_paginator("scan")
    most, since = 0, time.monotonic()
    while True:
        began = time.monotonic()
        rows = [
            from_item(item)
            for page in pages.paginate(TableName=outputs["OrdersTable"])
            for item in page["Items"]
        ]
        ended = sum(row["state"] in FINAL_STATES for row in rows)
        if ended > most:
            most, since = ended, time.monotonic()
        if ended >= total or time.monotonic() - since > STALL_TIMEOUT_SECONDS:
            return rows
        # A long pause, so that most of the machine's time is left for the orders.
        time.sleep(max(1.0, 4 * (time.monotonic() - began)))


class _CpuSeconds(NamedTuple):
    """Processor seconds: of the emulator's process, and of functions and databases."""

    server: float
    others: float

    def since(self, before: "_CpuSeconds") -> "_CpuSeconds":
        return _CpuSeconds(self.server - before.server, self.others - before.others)


def _cpu_seconds(cloud: Cloud) -> _CpuSeconds:
    """Return the processor time of the local cloud so far."""
    processes = list(_processes())
    (server,) = [
        each.pid
        for each in processes
        if each.pid == each.session and str(cloud.directory) in each.command
    ]
    theirs = [each for each in processes if each.session == server]
    own = sum(each.own for each in theirs if each.pid == server)
    return _CpuSeconds(own, sum(each.own + each.of_ended for each in theirs) - own)


class _Process(NamedTuple):
    pid: int
    session: int
    command: Sequence[str]
    own: float
    of_ended: float
    """Return the processor seconds of a process and of its ended children."""


def _processes() -> Iterator[_Process]:
    """Return all processes of this machine: proc_pid_stat(5)."""
    second = os.sysconf("SC_CLK_TCK")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text(errors="replace").split("\0")
            _, _, after_the_name = (process / "stat").read_text().rpartition(") ")
        except (FileNotFoundError, ProcessLookupError):  # the process has ended meanwhile
            continue
        fields = after_the_name.split()
        user, system, of_ended_user, of_ended_system = (int(field) for field in fields[11:15])
        yield _Process(
            pid=int(process.name),
            session=int(fields[3]),
            command=command,
            own=(user + system) / second,
            of_ended=(of_ended_user + of_ended_system) / second,
        )


def _print_report(
    sent: Sequence[SentOrder],
    elapsed: float,
    rows: Sequence[Mapping[str, Any]],
    drained: float,
    used: _CpuSeconds,
) -> None:
    accepted = sum(order.status == 202 for order in sent)
    confirmed = [row for row in rows if row["state"] == OrderState.CONFIRMED]
    sagas = [
        (
            datetime.fromisoformat(row["changed_at"]) - datetime.fromisoformat(row["placed_at"])
        ).total_seconds()
        for row in confirmed
    ]
    print(f"sent        {len(sent):,} in {elapsed:.1f} s: {len(sent) / elapsed:.1f} a second")
    print(f"accepted    {accepted:,}")
    print(f"confirmed   {len(confirmed):,}; the last {drained:.1f} s after the last was sent")
    print(f"answer      {_quantiles([order.took for order in sent])}")
    print(f"confirming  {_quantiles(sagas)}")
    print(f"lateness    {_quantiles([order.late for order in sent])}")
    server, others = (1000 * seconds / len(sent) for seconds in used)
    print(f"processors  {server:.1f} ms an order of the server, {others:.1f} ms of the others")


def _quantiles(values: Sequence[float]) -> str:
    ranked = sorted(values) or [0.0]
    shown = (
        f"{name} {1000 * ranked[min(len(ranked) - 1, int(len(ranked) * share))]:,.0f} ms"
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    )
    return ", ".join(shown)


if __name__ == "__main__":
    sys.exit(main())
