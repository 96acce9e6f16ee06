"""What a stream mapping keeps whatever happens: every record, its order, bounded attempts."""

import math
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings, strategies

from emulator.delivery_rules.stream_batches import Shard
from emulator.delivery_rules.stream_records import Batch, Settings
from tests.support.stream_batches import failing, record

options = strategies.builds(
    Settings,
    batch_size=strategies.integers(1, 6),
    batching_window=strategies.sampled_from([0, 3]),
    lanes=strategies.integers(1, 4),
    retries=strategies.integers(0, 3),
    bisect=strategies.booleans(),
    reports=strategies.booleans(),
)


@dataclass
class World:
    """Random keys, poison and endings; notes what came of each record."""

    options: Settings
    keys: str
    poison: frozenset[int]
    chance: Random
    now: float = 0
    tried: Counter[int] = field(default_factory=Counter)
    processed: list[int] = field(default_factory=list)
    discarded: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart(0)

    def restart(self, position: int) -> None:
        self.shard = Shard(self.options, position)
        self.read = position
        self.running: list[Batch] = []
        self.checkpoint = position

    def step(self) -> None:
        fresh = min(self.chance.randint(0, 5), self.shard.capacity, len(self.keys) - self.read)
        coming = range(self.read, self.read + fresh)
        self.shard.add_records([record(n, self.keys[n]) for n in coming], self.now)
        self.read += fresh
        self.do_what_is_due()
        if self.running and self.chance.random() < 0.5:
            self.end(self.running.pop(self.chance.randrange(len(self.running))))
            self.do_what_is_due()
        else:
            due = self.shard.next_due()
            self.now = max(self.now + 1, due if due < math.inf else 0)
        assert self.shard.checkpoint >= self.checkpoint, "it never goes back"
        self.checkpoint = self.shard.checkpoint
        done = {*self.processed, *self.discarded}
        assert done >= set(range(self.checkpoint)), "never past an unfinished record"

    def do_what_is_due(self) -> None:
        batches, discarded = self.shard.due(self.now)
        for batch in batches:
            busy = {r.key for other in self.running for r in other.records}
            assert not busy & {r.key for r in batch.records}, "one key, one batch at a time"
            self.running.append(batch)
        self.discarded += [r.position for given_up in discarded for r in given_up.records]

    def end(self, batch: Batch) -> None:
        if self.chance.random() < 0.1:
            self.shard.complete(batch, self.now, throttled=True)
            return
        positions = [r.position for r in batch.records]
        self.tried.update(positions)
        bad = [p for p in positions if p in self.poison]
        if bad and not self.options.reports:
            self.shard.complete(batch, self.now, error=True)
        else:
            self.processed += positions[: positions.index(bad[0])] if bad else positions
            self.shard.complete(batch, self.now, answer=failing(*map(str, bad)))

    @property
    def idle(self) -> bool:
        return self.shard.checkpoint == len(self.keys)

    def to_the_end(self) -> None:
        for _ in range(20_000):
            if self.idle:
                return
            self.step()
        raise AssertionError("it never ends")

    def crash(self) -> None:
        """Forget all but the checkpoint. What was running has taken effect."""
        for batch in self.running:
            if not self.poison & {r.position for r in batch.records}:
                self.processed += [r.position for r in batch.records]
        self.restart(self.shard.checkpoint)


worlds = strategies.builds(
    World,
    options=options,
    keys=strategies.text("abcdef", min_size=1, max_size=30),
    poison=strategies.frozensets(strategies.integers(0, 29), max_size=4),
    chance=strategies.integers(0, 2**32).map(Random),
)


def in_order_per_key(world: World) -> bool:
    """Whether each key's records were first done in the order in which they came."""
    first = list(dict.fromkeys(world.processed))
    return all(
        mine == sorted(mine)
        for key in set(world.keys)
        for mine in [[p for p in first if world.keys[p] == key]]
    )


@settings(max_examples=400)
@given(worlds)
def test_no_record_is_lost_and_the_order_of_each_key_is_kept(world: World) -> None:
    world.to_the_end()
    assert set(world.processed) | set(world.discarded) == set(range(len(world.keys)))
    assert not set(world.processed) & set(world.discarded)
    assert in_order_per_key(world)


@settings(max_examples=400)
@given(worlds)
def test_attempts_are_bounded(world: World) -> None:
    world.to_the_end()
    # Each split leaves less than there was; each size is tried once and `retries` times again.
    most = world.options.batch_size + world.options.retries + 1
    assert all(count <= most for count in world.tried.values())


@settings(max_examples=400)
@given(worlds)
def test_poison_stays_alone_with_bisecting(world: World) -> None:
    if not world.options.bisect:
        return
    world.to_the_end()
    assert sorted(world.discarded) == [p for p in range(len(world.keys)) if p in world.poison]


@settings(max_examples=400)
@given(worlds, strategies.integers(1, 40))
def test_restart_from_the_checkpoint_repeats_and_loses_nothing(world: World, steps: int) -> None:
    for _ in range(steps):
        if not world.idle:
            world.step()
    world.crash()
    world.to_the_end()
    assert set(world.processed) | set(world.discarded) == set(range(len(world.keys)))
    if world.options.bisect:
        assert set(world.discarded) == world.poison & set(range(len(world.keys)))
