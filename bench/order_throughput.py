"""Measure the throughput and latency of the whole order path in the local cloud.

`python -m bench.order_throughput --rate 100 --seconds 60` sends orders to the HTTP API at a steady
rate, whether or not the platform keeps up. Then it waits until all of them have ended. An order
goes through the API, the outbox, the saga with its three functions and the ledger, and is published
as OrderConfirmed. Only that path
and the catalogue are deployed; `--whole` deploys all other consumers as well.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import urllib3

from demo import api_client
from demo.deployment import deploy_app
from demo.offers import put_prices_on_offer
from emulator.cloud import Cloud, running
from lambdas.contracts.orders import TERMINAL_STATES, OrderState
from lambdas.runtime.dynamodb import from_item
from stacks.environments import DEV

SKUS = 500
PRICE = 250
CUSTOMERS = 50
SENDER_THREADS = 24
WARM_UP_ORDERS = 40
FINAL_STATES = (OrderState.CONFIRMED, *TERMINAL_STATES)
STALL_TIMEOUT_SECONDS = 60.0
"""Seconds without a finished order after which the measurement ends."""


@dataclass(frozen=True, slots=True)
class SentOrder:
    """A request that was sent: its status, its delay, and the time to the response."""

    order_id: str
    status: int
    late: float
    took: float


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
        customers = _prepare(cloud, outputs)
        send = _Sender(cloud, outputs, customers)
        # Sent one by one before the measurement, so that the functions have started.
        _send_all(send, count=WARM_UP_ORDERS, rate=10)
        _await_final_states(cloud, outputs, WARM_UP_ORDERS)
        before = _cpu_seconds(cloud)
        sent, elapsed = _send_all(
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


def _prepare(cloud: Cloud, outputs: Mapping[str, str]) -> api_client.Customers:
    functions = cloud.client("lambda")
    for start in range(0, SKUS, 50):
        lines = [{"sku": f"SKU-{n}", "quantity": 1_000_000} for n in range(start, start + 50)]
        functions.invoke(
            FunctionName=outputs["ReceiveStockFunction"],
            Payload=json.dumps({"delivery_id": f"bench-{start}", "lines": lines}),
        )
    put_prices_on_offer(cloud, outputs, [f"SKU-{n}" for n in range(SKUS)], PRICE)
    customers = api_client.create_customers(cloud, outputs)
    for n in range(CUSTOMERS):
        customers.sign_up(f"customer-{n}")
        customers.token(f"customer-{n}")
    return customers


class _Sender:
    """Sends orders. The n-th order is the same in each run, and is no duplicate of another."""

    def __init__(
        self, cloud: Cloud, outputs: Mapping[str, str], customers: api_client.Customers
    ) -> None:
        self._url = f"{outputs['ApiUrl']}/orders"
        self._customers = customers
        self._run = count()
        self._http = urllib3.PoolManager(
            maxsize=SENDER_THREADS,
            block=True,
            ca_certs=str(cloud.certificate),
            timeout=30,
            retries=False,
        )

    def __call__(self, late: float) -> SentOrder:
        n = next(self._run)
        lines = [
            {"sku": f"SKU-{(n * 7 + k) % SKUS}", "quantity": k + 1 + n // SKUS, "unit_price": PRICE}
            for k in range(1 + n % 4)
        ]
        body = {"currency": "GBP", "country": "United Kingdom", "lines": lines}
        token = self._customers.token(f"customer-{n % CUSTOMERS}")
        began = time.monotonic()
        try:
            answer = self._http.request(
                "POST",
                self._url,
                body=json.dumps(body),
                headers={
                    "Authorization": f"Bearer {token}",
                    "Content-Type": "application/json",
                    "Idempotency-Key": f"bench-{n}",
                },
            )
        except urllib3.exceptions.HTTPError as error:
            sys.stderr.write(f"order {n}: {error}\n")
            return SentOrder("", 0, late, time.monotonic() - began)
        took = time.monotonic() - began
        order_id = json.loads(answer.data).get("order_id", "") if answer.status == 202 else ""
        return SentOrder(order_id, answer.status, late, took)


def _send_all(send: _Sender, *, count: int, rate: float) -> tuple[list[SentOrder], float]:
    """Send orders at their times; return the requests and the total seconds."""
    began = time.monotonic()
    turns = iter(range(count))
    lock = threading.Lock()

    def work() -> Iterator[SentOrder]:
        while True:
            with lock:
                turn = next(turns, None)
            if turn is None:
                return
            due = began + turn / rate
            time.sleep(max(0.0, due - time.monotonic()))
            yield send(time.monotonic() - due)

    with ThreadPoolExecutor(SENDER_THREADS) as pool:
        shares = pool.map(lambda _: list(work()), range(SENDER_THREADS))
        sent = [order for share in shares for order in share]
    return sent, time.monotonic() - began


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
