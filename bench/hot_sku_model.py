"""A model of one SKU that every order wants; its designs are in `bench.hot_sku`."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from bench.virtual_time import Process, VirtualTime
from lambdas.inventory.writes import RETRY
from lambdas.runtime.retry import RetryPolicy

TRANSACTION = 0.010
"""Seconds that a transaction has a row for itself; a conflict takes as long to be returned."""
ROW_TRANSACTIONS = 500
"""Transactions that a row takes in a second; more are throttled."""
SAGA_RETRIES, SAGA_MAX_DELAY = 6, 32
"""Those of a Standard saga; then it defers the order."""
DEFERRAL = 30
"""Seconds for which it does so, half of them random."""
GIVE_UP = 600.0
"""Seconds after the last order at which the model ends."""


class ModelError(Exception):
    """The modelled design breaks a promise."""


@dataclass(slots=True)
class Result:
    """How the orders of a run ended."""

    orders: int
    waits: list[float] = field(default_factory=list)
    """How long each decided order waited, in seconds."""
    reserved: int = 0
    refused: int = 0
    refused_in_error: int = 0
    """Orders refused though enough was available."""
    shipped: int = 0
    changes: Counter[int] = field(default_factory=Counter)
    """How often the SKU's numbers changed in each second; each change is an event."""

    def percentile(self, share: float) -> float:
        """Return the wait in seconds that this share of all orders does not exceed.

        It is infinity if too many orders still wait.
        """
        waits = sorted(self.waits) + [float("inf")] * (self.orders - len(self.waits))
        return waits[min(int(share * self.orders), self.orders - 1)]


class Row:
    """A row of DynamoDB, which takes one transaction at a time."""

    def __init__(self) -> None:
        self.busy = False
        self.begun: Counter[int] = Counter()
        """The transactions that began in each second."""

    def begin(self, second: int) -> bool:
        """Count a transaction; return whether it neither conflicts nor is throttled."""
        self.begun[second] += 1
        return not self.busy and self.begun[second] <= ROW_TRANSACTIONS


class Model:
    """Orders of one unit each, and the stock that they want."""

    ships = False
    """Whether reserved units leave the stock later."""

    def __init__(self, *, rate: int, seconds: int, stock: int, seed: int = 1) -> None:
        self.time, self.random = VirtualTime(), Random(seed)  # noqa: S311
        self.result = Result(orders=rate * seconds)
        self.available, self.reserved, self.sequence = stock, 0, 1
        self.row = Row()
        self._rate, self._seconds = rate, seconds
        self._decided: dict[int, bool] = {}

    def run(self) -> Result:
        """Run the model; return how the orders ended."""
        for order in range(self.result.orders):
            self.time.start(self._saga(order), at=order / self._rate)
        self.time.run(self._seconds + GIVE_UP)
        return self.result

    def _saga(self, order: int) -> Process:
        """Call the function as often as the saga does, its deferrals included."""
        began, calls = self.time.now, 0
        while (answer := (yield from self.reserve(order))) is None:
            calls += 1
            if calls % (SAGA_RETRIES + 1):
                delay = min(2.0 ** (calls % (SAGA_RETRIES + 1) - 1), SAGA_MAX_DELAY)
                yield self.random.random() * delay
            else:
                yield DEFERRAL * (0.5 + self.random.random() / 2)
        self.result.waits.append(self.time.now - began)
        if answer and self.ships:
            yield from self.ship(order)

    def reserve(self, order: int) -> Process:
        """Make one call of the function; return the decision, None if there is none yet."""
        raise NotImplementedError

    def ship(self, order: int) -> Process:
        """Take the order's unit out of the stock."""
        raise NotImplementedError

    def decide(self, order: int, reserved: bool, available: int | None = None) -> bool:
        """Record a decision; ``available`` is the number of units on which it is based."""
        if order in self._decided:
            raise ModelError(f"order {order} was decided twice")
        self._decided[order] = reserved
        self.result.reserved += reserved
        self.result.refused += not reserved
        left = self.available if available is None else available
        self.result.refused_in_error += not reserved and left > 0
        return reserved

    def decision(self, order: int) -> bool | None:
        """Return the decision for an order; None if there is none."""
        return self._decided.get(order)

    def note_change(self) -> None:
        """Count a change of the SKU's numbers."""
        self.sequence += 1
        self.result.changes[int(self.time.now)] += 1
        if min(self.available, self.reserved) < 0:
            raise ModelError("more was sold than there is")

    def take(self, order: int) -> bool:
        """Reserve a unit for an order, or refuse it: the effect of a transaction."""
        if not self.available:
            return self.decide(order, False)
        self.available -= 1
        self.reserved += 1
        self.note_change()
        return self.decide(order, True)

    def transact(self, rows: Sequence[Row], effect: Callable[[], bool]) -> Process:
        """Try a transaction on rows; return what its effect returns, or None after a conflict."""
        begun = [row.begin(int(self.time.now)) for row in rows]
        free = all(begun)
        for row in rows if free else ():
            row.busy = True
        yield TRANSACTION
        if not free:
            return None
        for row in rows:
            row.busy = False
        return effect()

    def attempts(self, row: Row, effect: Callable[[], bool], retry: RetryPolicy = RETRY) -> Process:
        """Try a transaction as often as ``retry`` allows; return None if all attempts conflict."""
        for attempt in range(retry.max_attempts):
            if attempt:
                yield self.random.random() * retry.base_delay * 2 ** (attempt - 1)
            done = yield from self.transact([row], effect)
            if done is not None:
                return done
        return None
