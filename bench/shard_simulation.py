"""Simulate a day of the order stream under its scaler: number of shards, lag of consumers.

`python -m bench.shard_simulation` prints each change and its reason. With `--draw` it also writes
the picture in docs/. The deployed code decides, with the settings of `prod`. The stream is a slow
model: CloudWatch reports a minute one to two minutes after its end, the scaler runs at any second
of a minute, and shards are split or merged one after another, 30 s each.
"""

import argparse
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from bench.svg_chart import Line, Panel, render_svg
from lambdas.backbone.domain import (
    DAY,
    LAG_TOLERANCE,
    MAX_CALLS_PER_DAY,
    SHARD_RECORDS,
    Decision,
    Limits,
    MinuteMetrics,
    StreamState,
    decide,
)
from stacks.environments import PROD, Environment

CHART_PATH = Path(__file__).parents[1] / "docs" / "scaling.svg"
START = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)
RESHARD_DURATION = timedelta(seconds=30)
RECORD_BYTES = 700
READS_PER_SHARD = 1_500
"""Records that consumers process per second and shard."""


def limits(env: Environment) -> Limits:
    """Return the limits of the environment's scaler."""
    if env.shards is None:
        raise ValueError(f"{env.name} leaves its shards to Kinesis")
    floor, ceiling = env.shards
    cooldown = timedelta(seconds=env.shards_cooldown.to_seconds())
    return Limits(floor=floor, ceiling=ceiling, cooldown=cooldown)


LIMITS = limits(PROD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The records written per second, by time of day; and when a poison record is retried."""

    rate: Callable[[timedelta], float]
    poison: tuple[timedelta, timedelta] = (timedelta(days=9), timedelta(days=9))


def hours(at: float) -> timedelta:
    """Return the time of day at this number of hours."""
    return timedelta(hours=at)


STEADY_RATE, SALE_RATE = 550.0, 20 * 550.0


def _sale_day_rate(at: timedelta) -> float:
    if hours(9) <= at < hours(11):
        return SALE_RATE
    return 0.0 if at >= hours(19) else STEADY_RATE


SALE_DAY = Load(rate=_sale_day_rate, poison=(hours(15), hours(15.5)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedMinute:
    """The stream's state in one minute."""

    at: datetime
    """When the minute began."""
    load: float
    """The number of shards whose capacity the written records would use up."""
    shards: int
    """The shards at the end of the minute."""
    backlog_age: timedelta
    """The largest age of a record that was not processed yet."""
    shards_before: int
    """The shards when the scaler decided."""
    resharding: bool
    """Whether shards were being split or merged when the scaler decided."""
    decision: Decision

    @property
    def changed(self) -> bool:
        """Whether the scaler changed the number of shards."""
        return self.decision.shards != self.shards_before


@dataclass(slots=True)
class _Backlog:
    """The waiting records, in order, with the age of the oldest."""

    records: deque[tuple[datetime, float]] = field(default_factory=deque)

    def take(self, most: float) -> list[tuple[datetime, float]]:
        taken = []
        while self.records and most > 0:
            at, count = self.records.popleft()
            if count > most:
                self.records.appendleft((at, count - most))
            taken.append((at, min(count, most)))
            most -= count
        return taken

    def age(self, now: datetime) -> timedelta:
        return now - self.records[0][0] if self.records else timedelta()

    @property
    def count(self) -> float:
        return sum(count for _, count in self.records)


class Simulation:
    """A stream with its scaler, its consumers, and producers that retry throttled records."""

    def __init__(self, load: Load, *, limits: Limits = LIMITS, seed: int = 1) -> None:
        self.calls: list[datetime] = []
        self.shards = limits.floor
        self._load, self._limits, self._random = load, limits, Random(seed)  # noqa: S311
        self._target, self._next_split = self.shards, START
        self._unwritten, self._unread = _Backlog(), _Backlog()
        self._published_metrics: list[tuple[datetime, MinuteMetrics]] = []

    def run(self, length: timedelta = DAY) -> Iterator[SimulatedMinute]:
        """Yield the minutes of the simulation."""
        now = START
        while now < START + length:
            yield self._minute(now)
            now += MINUTE

    def _minute(self, begin: datetime) -> SimulatedMinute:
        due = begin + self._random.randrange(6) * TICK
        written = rejected = 0.0
        lag = late = timedelta()
        for step in range(6):
            now = begin + step * TICK
            self._reshard(now)
            if now == due:
                shards_before, resharding = self.shards, self.shards != self._target
                decision = self._scale(now)
            rate = self._load.rate(now - START) * self._random.uniform(0.9, 1.1)
            self._unwritten.records.append((now, rate * TICK.total_seconds()))
            taken = self._unwritten.take(self.shards * SHARD_RECORDS * TICK.total_seconds())
            written += sum(count for _, count in taken)
            rejected += self._unwritten.count
            if taken:
                self._unread.records.append((now, sum(count for _, count in taken)))
            self._unread.take(self.shards * READS_PER_SHARD * TICK.total_seconds())
            behind = max(self._unread.age(now), self._poison_lag(now))
            lag = max(lag, behind)
            late = max(late, self._unwritten.age(now) + behind)
        minute = MinuteMetrics(
            at=begin, bytes=written * RECORD_BYTES, records=written, rejected=rejected, lag=lag
        )
        known = begin + MINUTE + self._random.uniform(1, 2) * MINUTE
        self._published_metrics.append((known, minute))
        return SimulatedMinute(
            at=begin,
            load=self._load.rate(begin - START) / SHARD_RECORDS,
            shards=self.shards,
            backlog_age=late,
            shards_before=shards_before,
            resharding=resharding,
            decision=decision,
        )

    def _poison_lag(self, now: datetime) -> timedelta:
        """Return the lag that a poison record causes: it is retried until it is dead-lettered."""
        begin, end = self._load.poison
        return now - START - begin if begin <= now - START < end else timedelta()

    def _reshard(self, now: datetime) -> None:
        while self.shards != self._target and self._next_split <= now:
            self.shards += 1 if self.shards < self._target else -1
            self._next_split += RESHARD_DURATION

    def _scale(self, now: datetime) -> Decision:
        since = now - self._limits.cooldown
        stream = StreamState(
            shards=self.shards,
            active=self.shards == self._target,
            changes=[call for call in self.calls if call > now - DAY],
            minutes=[
                minute
                for known, minute in self._published_metrics
                if known <= now and minute.at >= since
            ],
        )
        decision = decide(stream, self._limits, now=now)
        if decision.shards != stream.shards:
            self.calls.append(now)
            self._target, self._next_split = decision.shards, now + RESHARD_DURATION
        return decision


def recovery_time(day: Sequence[SimulatedMinute], begin: timedelta) -> timedelta:
    """Return the time from ``begin`` to the last minute in which records were late."""
    late = [moment.at for moment in day if moment.backlog_age > LAG_TOLERANCE]
    return max((at - START - begin + MINUTE for at in late), default=timedelta())


def render_chart(day: Sequence[SimulatedMinute]) -> str:
    """Return an SVG chart: shards and load above, the age of records below."""
    at = [(moment.at - START).total_seconds() / 3600 for moment in day]
    return render_svg(
        "A simulated day of the order stream: a flash sale from 9 to 11, poison from 15 to 15:30, "
        "silence from 19",
        x_label="hour of the day",
        x_max=24,
        panels=[
            Panel(
                "shards",
                [
                    Line("shards", list(zip(at, (m.shards for m in day), strict=True))),
                    Line("load", list(zip(at, (m.load for m in day), strict=True))),
                ],
            ),
            Panel(
                "minutes",
                [
                    Line(
                        "age of the oldest record that waits",
                        [
                            (hour, moment.backlog_age.total_seconds() / 60)
                            for hour, moment in zip(at, day, strict=True)
                        ],
                    )
                ],
            ),
        ],
    )


def main() -> int:
    """Simulate and print; write the chart with ``--draw``."""
    parser = argparse.ArgumentParser(prog="python -m bench.shard_simulation", description=__doc__)
    parser.add_argument("--draw", action="store_true", help=f"write {CHART_PATH.name}")
    arguments = parser.parse_args()
    simulation = Simulation(SALE_DAY)
    day = list(simulation.run())
    print("time   load  shards   late      why")
    for moment in (moment for moment in day if moment.changed):
        shards = f"{moment.shards_before:>2} → {moment.decision.shards:<2}"
        print(
            f"{moment.at:%H:%M} {moment.load:>5.1f}  {shards}"
            f"  {_minutes(moment.backlog_age):<8}  {moment.decision.reason}"
        )
    sale = [moment for moment in day if moment.at < START + hours(15)]
    left = MAX_CALLS_PER_DAY - len(simulation.calls)
    print(
        f"\nAfter the sale began, records were late for {_minutes(recovery_time(sale, hours(9)))}."
    )
    used = f"{len(simulation.calls)} of {MAX_CALLS_PER_DAY}"
    print(f"Calls: {used}; the {left} left lead to the ceiling.")
    if arguments.draw:
        CHART_PATH.write_text(render_chart(day))
    return 0


def _minutes(time: timedelta) -> str:
    return f"{time.total_seconds() / 60:.1f} min"


if __name__ == "__main__":
    sys.exit(main())
