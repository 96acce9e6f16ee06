"""Load in the simulation: many orders at a steady rate, while a participant may be throttled.

`python -m simulation.load` sends an order every three seconds for an hour, while no invocation of
`ReserveStock` is accepted (a reserved concurrency of 0), with Standard and Express workflows. With
`--orders 10000 --rate 1000 --out none` it sends ten thousand in ten seconds. It plays on until
every order has ended, and prints what became of them. Time is virtual, and functions scale without
a limit: this shows what the real handlers do with many orders, not how fast AWS is.
"""

import resource
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from simulation import chance as kinds
from simulation.chance import Chance
from simulation.kernel import Kernel
from simulation.run import is_quiet
from simulation.scenario import PRICE, SKUS, Customers, Request, WarehouseWorkers, stock
from simulation.templates import synthesized
from simulation.world import World

CUSTOMERS = 100
ROUND, ROUNDS = 60, 24 * 60
"""Every minute it is seen whether all orders have ended, for a day at most."""
OUT = "inventory.reserve_stock"


class ThrottledFunction(Chance):
    """Throttles one function until a time; nothing else is left to chance."""

    def __init__(self, function: str) -> None:
        """``function`` is its name, as in ``inventory.reserve_stock``."""
        self.until = 0.0
        self._where = f"invoke {function}"
        super().__init__(1, Kernel())

    def draw(self, label: str) -> float:
        """Return a number from 0 to below 1; customers neither cancel nor ask again."""
        return 0.99 if label in ("cancels", "asks again", "stock") else super().draw(label)

    def fault(self, where: str, kinds_: Sequence[str], *, rate: float = 1.0) -> str | None:
        """Return the throttle if it is that function's, and else None."""
        throttled = where == self._where and self.kernel.now < self.until
        return kinds.THROTTLE if throttled else None

    def allows(self, id_: str, kind: str) -> bool:
        """Return False: no fault of a seed's plan takes place."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What became of the orders of a run."""

    accepted: int
    ended: Counter[str]
    """Orders by their states."""
    most_deferred: int
    drained: float
    """How many seconds after the last order, and after the outage, the last one was confirmed."""


def play(*, orders: int, rate: float, out: str, express: bool) -> Load:
    """Send orders at a rate per second, while ``out`` is throttled; play until all have ended."""
    chance = ThrottledFunction(out)
    world = World(synthesized(express=express), chance)
    try:
        with world.installed():
            return _play(world, chance, orders, rate)
    finally:
        world.close()


def _play(world: World, chance: ThrottledFunction, orders: int, rate: float) -> Load:
    kernel, customers = world.kernel, Customers(world)
    WarehouseWorkers(world, opens=0)
    stock(world, least=orders)
    kernel.run(until=world.start + 60)
    for number in range(orders):
        lines = [{"sku": SKUS[number % len(SKUS)], "quantity": 1, "unit_price": PRICE}]
        body = {"currency": "GBP", "country": "France", "lines": lines}
        request = Request(f"customer-{number % CUSTOMERS}", f"key-{number}", body)
        customers.requests.append(request)
        kernel.after(number / rate, customers.place, request)
    chance.until = kernel.now + orders / rate
    kernel.run(until=chance.until)
    table, most_deferred = world.table("Orders", "Orders"), 0
    for _ in range(ROUNDS):
        rows = list(world.tables.rows(table))
        most_deferred = max(most_deferred, sum("deferred_since" in row for row in rows))
        if is_quiet(world):
            break
        kernel.run(until=kernel.now + ROUND)
    last = max(datetime.fromisoformat(row["changed_at"]).timestamp() for row in rows)
    return Load(
        accepted=sum(bool(request.order_id) for request in customers.requests),
        ended=Counter(str(row["state"]) for row in rows),
        most_deferred=most_deferred,
        drained=last - chance.until,
    )


def main() -> int:
    """Play with both kinds of workflows; return 1 if an order was not dispatched."""
    parser = ArgumentParser(prog="python -m simulation.load", description=__doc__)
    parser.add_argument("--orders", type=int, default=1_200)
    parser.add_argument("--rate", type=float, default=1 / 3, help="orders a second")
    parser.add_argument("--out", default=OUT, help="the handler that is throttled meanwhile")
    given = parser.parse_args()
    failed = False
    for express in (False, True):
        began = time.monotonic()
        load = play(orders=given.orders, rate=given.rate, out=given.out, express=express)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        failed |= load.ended != {"DISPATCHED": given.orders}
        print(
            f"{'Express' if express else 'Standard'}: {load.accepted:,} accepted; "
            + ", ".join(f"{n:,} {state.lower()}" for state, n in load.ended.items())
            + f"; at most {load.most_deferred:,} deferred; all ended {load.drained:,.0f} s"
            f" afterwards ({time.monotonic() - began:.0f} s of this machine, {memory:,} MiB)"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
