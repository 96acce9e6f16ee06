"""Model the backlog of orders while more come than the platform bears.

`python -m bench.backlog` computes what becomes of orders if ten or twenty times as many come in a
minute as an environment bears, or twice as many in a day. It uses the deployed decisions: the
admission of orders, the sagas' retries and deferrals, and the pace at which deferred orders are
resumed. One participant is the bottleneck: it ends as many orders in a second as it bears, and
throttles every other call, which costs nothing. Orders are quantities, and a step is a second;
chance has no part in it.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from bench.page_tables import DOCS, show
from lambdas.orders.admission import READ_EVERY
from lambdas.orders.resumption import LOOK_AGAIN, RUN_FOR, next_limit
from stacks.constructs.saga.model import EXPRESS_TIMEOUTS, STANDARD_TIMEOUTS, Timeouts
from stacks.environments import DEV, PROD, Environment

RESUMED_PER_SECOND = 100
"""Orders that a run of the job resumes in a second: one takes some 10 ms."""
RUN_SECONDS = RUN_FOR // timedelta(seconds=1)
LOOK_SECONDS = LOOK_AGAIN // timedelta(seconds=1)
DAY = 86_400
SHARE = 0.9
"""The share of the accepted orders that have to end before the throughput is computed."""
BEARS = {"dev": 50, "prod": 1_000}
"""Orders a second that the environments bear: see `docs/scaling.md`."""


class Backlog:
    """The orders of one model: in a saga's execution, deferred, or being resumed."""

    def __init__(self, env: Environment, bears: float, timeouts: Timeouts) -> None:
        """``bears`` is how many orders a second the participant ends."""
        self._env, self._bears = env, bears
        self.accepted = self.ended = self.most_open = 0.0
        delays = [timeouts.first_deferral * 2**n for n in range(12)]
        self._delays = [min(delay, timeouts.max_busy_deferral) for delay in delays]
        # The delay before an attempt has full jitter, and so is half as long on average.
        longest = [min(2**n, timeouts.max_delay) for n in range(timeouts.action_retries)]
        self._pauses = [1.0, *(max(1.0, each / 2) for each in longest)]
        self._trying = [[0.0] * len(self._pauses) for _ in range(1 + len(delays))]
        """Orders in an execution, by how often they were deferred, and by failed attempts."""
        self._waiting: list[dict[int, float]] = [{} for _ in self._trying]
        """Deferred orders by how often, and by the look that finds them first."""
        self._resuming: list[list[float]] = []
        """What the runs of this minute resume in each second, by how often it was deferred."""
        self._limit = self._checked = 0.0
        """How many orders the runs of this minute may resume, and how many they have taken up."""
        self._ended_before = self._counted = 0.0
        self._closed = False

    @property
    def open(self) -> float:
        """Return how many orders are open."""
        return self.accepted - self.ended

    @property
    def found(self) -> float:
        """Return how many orders are somewhere in the model: as many as are open."""
        resuming = sum(map(sum, self._resuming))
        waiting = sum(sum(due.values()) for due in self._waiting)
        return sum(map(sum, self._trying)) + waiting + resuming

    def step(self, now: int, offered: float) -> None:
        """Let a second pass, in which this many orders are offered."""
        if now % 60 == 0:
            self._plan_runs()
        if now % LOOK_SECONDS == 0 and now % 60 < RUN_SECONDS and not self._resuming:
            self._look(now)
        if now % 60 == READ_EVERY.total_seconds():
            self._closed = self._counted > self._env.max_open_orders
        taken = 0.0 if self._closed else min(offered, self._env.rate_limit)
        self.accepted += taken
        self._trying[0][0] += taken
        for times, orders in enumerate(self._resuming.pop(0) if self._resuming else ()):
            self._trying[times][0] += orders
        self._attempt(now)
        self.most_open = max(self.most_open, self.open)

    def _attempt(self, now: int) -> None:
        """Let those whose pause is over call the participant, which serves some of them."""
        calling = [
            [orders / pause for orders, pause in zip(row, self._pauses, strict=True)]
            for row in self._trying
        ]
        calls = sum(map(sum, calling))
        served = min(1.0, self._bears / calls) if calls else 0.0
        self.ended += calls * served
        for times, row in enumerate(calling):
            for attempt, orders in enumerate(row):
                self._trying[times][attempt] -= orders
                failed = orders * (1 - served)
                if attempt + 1 < len(self._pauses):
                    self._trying[times][attempt + 1] += failed
                elif failed:
                    self._defer(now, min(times + 1, len(self._delays)), failed)

    def _defer(self, now: int, times: int, orders: float) -> None:
        """Defer orders; half of their delay is jitter. They are due at one of the next looks."""
        delay = self._delays[times - 1]
        first, last = now + delay / 2, now + delay
        due = self._waiting[times]
        for look in range(int(first // LOOK_SECONDS), int(last // LOOK_SECONDS) + 1):
            share = min(last, LOOK_SECONDS * (look + 1)) - max(first, LOOK_SECONDS * look)
            due[look + 1] = due.get(look + 1, 0.0) + orders * share / (last - first)

    def _plan_runs(self) -> None:
        """Count the orders, and decide how many the runs of this minute resume, as they do."""
        self._counted = self.open
        runs = self._env.resuming_runs
        went_on, self._ended_before = self.ended - self._ended_before, self.ended
        least = self._env.resumed_per_minute // runs
        limit = next_limit(went_on=int(went_on / runs), least=least)
        self._limit = min(limit, RESUMED_PER_SECOND * RUN_SECONDS) * runs
        self._checked = 0.0

    def _look(self, now: int) -> None:
        """Take the orders that are due, and spread what the limit leaves of them over the run."""
        look = now // LOOK_SECONDS
        ready = [sum(orders for at, orders in due.items() if at <= look) for due in self._waiting]
        share = min(1.0, (self._limit - self._checked) / sum(ready)) if sum(ready) else 0.0
        for due in self._waiting:
            for at in [at for at in due if at <= look]:
                due[at] *= 1 - share
                if due[at] < 1e-6:
                    del due[at]
        taken = [orders * share for orders in ready]
        self._checked += sum(taken)
        until = round(RUN_SECONDS * self._checked / self._limit)
        fastest = math.ceil(sum(taken) / (RESUMED_PER_SECOND * self._env.resuming_runs))
        seconds = max(1, until - now % 60, fastest)
        self._resuming = [[orders / seconds for orders in taken] for _ in range(seconds)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of the orders that were offered."""

    offered: float
    accepted: float
    most_open: float
    drained: int
    """How many seconds after the last order the last one had ended."""
    share: float
    """The throughput until nine tenths had ended, as a share of the unsaturated one."""


def play(env: Environment, timeouts: Timeouts, *, times: float, seconds: int) -> Result:
    """Offer ``times`` what the environment bears for some seconds; play until all have ended."""
    backlog = Backlog(env, BEARS[env.name], timeouts)
    offered = times * BEARS[env.name]
    ends: list[float] = []
    now = 0
    while now < seconds or backlog.open > 1:
        backlog.step(now, offered if now < seconds else 0.0)
        ends.append(backlog.ended)
        now += 1
    most = next(at for at, ended in enumerate(ends, 1) if ended >= SHARE * backlog.accepted)
    return Result(
        offered=offered * seconds,
        accepted=backlog.accepted,
        most_open=backlog.most_open,
        drained=now - seconds,
        share=ends[most - 1] / most / BEARS[env.name],
    )


def row(env: Environment, saga: str, timeouts: Timeouts, *, times: float, seconds: int) -> str:
    """Return a line of the page's table."""
    result = play(env, timeouts, times=times, seconds=seconds)
    cells = [
        f"`{env.name}`, {saga}",
        f"{times * BEARS[env.name]:,.0f} a second",
        "a day" if seconds == DAY else "a minute",
        f"{result.accepted:,.0f}",
        f"{result.most_open:,.0f}",
        f"{result.drained / 60:.0f} min",
        f"{result.share:.2f} ×",
    ]
    return f"| {' | '.join(cells)} |"


def render() -> Iterator[str]:
    """Yield the table of the page."""
    lines = [
        "| environment, saga | offered | for | accepted | most open | drained after | throughput |",
        "|---|---|---|---|---|---|---|",
    ]
    for env in (DEV, PROD):
        for saga, timeouts in (("Standard", STANDARD_TIMEOUTS), ("Express", EXPRESS_TIMEOUTS)):
            for times, seconds in ((10, 60), (20, 60), (2, DAY)):
                lines.append(row(env, saga, timeouts, times=times, seconds=seconds))
    yield "\n".join(lines)


def main() -> int:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.backlog", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    given = parser.parse_args()
    show(DOCS / "scaling.md", render(), ["--write"] if given.write else [])
    return 0


if __name__ == "__main__":
    sys.exit(main())
