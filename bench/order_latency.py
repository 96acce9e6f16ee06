"""Measure how long an order takes until it is confirmed, next to the floor of its hops.

`python -m bench.order_latency` deploys the order path, and the same hops with functions that do
nothing (`bench/floor_stack.py`). It sends orders one by one, now to the one and now to the other,
and looks at the row until it is confirmed. `docs/figures/order_latency.json` keeps the
milliseconds.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles

import urllib3
from aws_cdk import App

from bench.figures import write_figures
from bench.floor_stack import FloorStack
from bench.order_load import Sender, deploy_order_path, prepare
from bench.order_watch import OrderWatch
from emulator.cloud import running
from emulator.deploy import deploy
from lambdas.contracts.order_states import OrderState
from stacks.environments import LAPTOP

LOOK_EVERY = 0.005
"""Seconds between two looks at a row."""
GIVE_UP = 60.0
WARM_UP = 8


def main() -> int:
    """Measure, keep and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.order_latency", description=__doc__)
    parser.add_argument("--orders", type=int, default=100, help="how many of each")
    orders = parser.parse_args().orders
    with running() as cloud, tempfile.TemporaryDirectory() as folder:
        outputs = deploy_order_path(cloud, LAPTOP)
        app = App(outdir=folder, analytics_reporting=False)
        FloorStack(app, "Floor")
        app.synth()
        floors = deploy(cloud, assembly=Path(folder), progress=lambda _: None)
        send = Sender(cloud, outputs, prepare(cloud, outputs))
        http = urllib3.PoolManager(ca_certs=str(cloud.certificate), timeout=30, retries=False)

        def send_to_floor() -> str:
            answer = http.request("POST", f"{floors['ApiUrl']}/orders", body="{}")
            return str(json.loads(answer.data)["order_id"])

        watch = OrderWatch(cloud, outputs["OrdersTable"])
        watch_floor = OrderWatch(cloud, floors["OrdersTable"])
        ways: dict[str, tuple[Callable[[], str], OrderWatch]] = {
            "order": (lambda: send(0).order_id, watch),
            "floor": (send_to_floor, watch_floor),
        }
        took: dict[str, list[float]] = {name: [] for name in ways}
        for n in range(WARM_UP + orders):
            for name, (place, seen) in ways.items():
                milliseconds = _confirmed_after(place, seen)
                if n >= WARM_UP:
                    took[name].append(milliseconds)
    shares = {name: (_tenths(times, 5), _tenths(times, 9)) for name, times in took.items()}
    write_figures(
        "order_latency",
        {
            name: {"p50": p50, "p90": p90, "milliseconds": list(map(round, took[name]))}
            for name, (p50, p90) in shares.items()
        },
    )
    for share, order, floor_time in zip(("p50", "p90"), *shares.values(), strict=True):
        print(f"{share}: {order} ms, floor {floor_time} ms, {order / floor_time:.2f} ×")
    return 0


def _tenths(times: list[float], number: int) -> int:
    """Return what so many tenths of the times are below."""
    return round(quantiles(times, n=10)[number - 1])


def _confirmed_after(place: Callable[[], str], watch: OrderWatch) -> float:
    """Place an order; return after how many milliseconds it was confirmed.

    Raises:
        RuntimeError: it was not accepted.
        TimeoutError: it is not confirmed in time.
    """
    began = time.monotonic()
    order = place()
    if not order:
        raise RuntimeError("the order was not accepted")
    while watch.state(order) != OrderState.CONFIRMED:
        if time.monotonic() - began > GIVE_UP:
            raise TimeoutError(f"order {order} is not confirmed after {GIVE_UP:.0f} s")
        time.sleep(LOOK_EVERY)
    return 1_000 * (time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
