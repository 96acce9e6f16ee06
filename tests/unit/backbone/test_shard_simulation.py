"""Over days of load: what holds whatever comes, and what the picture in docs/ shows."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bench import shard_simulation
from bench.shard_simulation import (
    SALE_DAY,
    SALE_RATE,
    STEADY_RATE,
    Load,
    SimulatedMinute,
    Simulation,
    hours,
)
from bench.svg_chart import drop_level_points
from lambdas.backbone.domain import DAY, LAG_TOLERANCE, MAX_CALLS_PER_DAY, Limits, count_doublings

PROD = shard_simulation.LIMITS
LIMITS = Limits(floor=1, ceiling=8, cooldown=timedelta(minutes=15))
LENGTH = timedelta(hours=30)

# Hours of one rate each, in records a second: often none, sometimes more than the ceiling takes.
loads = st.lists(
    st.sampled_from([0.0, 50.0, 400.0, 900.0, 2_000.0, 5_000.0, 9_000.0]), min_size=30, max_size=30
)
poisons = st.tuples(st.integers(0, 29), st.integers(1, 90))


def load(rates: Sequence[float], poison: tuple[int, int]) -> Load:
    begin, minutes = poison
    return Load(
        rate=lambda at: rates[int(at / timedelta(hours=1))],
        poison=(hours(begin), hours(begin) + timedelta(minutes=minutes)),
    )


@given(loads, poisons, st.integers(0, 1_000))
@settings(max_examples=15, phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_invariants_hold_under_any_load(rates: list[float], poison: tuple[int, int], seed: int):
    simulation = Simulation(load(rates, poison), limits=LIMITS, seed=seed)
    days = list(simulation.run(LENGTH))
    calls, aim = simulation.calls, LIMITS.floor

    for moment in days:
        # Within bounds, and never more than AWS does in one call.
        assert LIMITS.floor <= moment.decision.shards <= LIMITS.ceiling
        assert moment.decision.shards <= 2 * moment.shards_before
        assert 2 * moment.decision.shards >= moment.shards_before
        # Whatever happened, what is left of the calls leads up to the ceiling.
        aim = moment.decision.shards if moment.changed else aim
        end = moment.at + timedelta(minutes=1)
        left = MAX_CALLS_PER_DAY - sum(end - DAY <= call < end for call in calls)
        assert left >= count_doublings(aim, LIMITS.ceiling)
        assert not moment.changed or not moment.resharding
    for before, after in pairwise([moment for moment in days if moment.changed]):
        if after.decision.shards < after.shards_before:
            assert after.at - before.at >= LIMITS.cooldown - timedelta(minutes=1)


@pytest.fixture(scope="module")
def day() -> list[SimulatedMinute]:
    return list(Simulation(SALE_DAY).run())


class TestDocumentedDay:
    def test_chart_in_docs_is_current(self, day: list[SimulatedMinute]):
        assert shard_simulation.CHART_PATH.read_text() == shard_simulation.render_chart(day), (
            "python -m bench.shard_simulation --draw"
        )

    def test_consumers_catch_up_soon_after_sale_start(self, day: list[SimulatedMinute]):
        until_poison = [moment for moment in day if moment.at < day[0].at + hours(15)]

        assert (
            0 < shard_simulation.recovery_time(until_poison, hours(9)) / timedelta(minutes=1) <= 20
        )

    def test_shards_grow_for_the_sale_and_shrink_afterwards(self, day: list[SimulatedMinute]):
        changes = [
            (moment.shards_before, moment.decision.shards) for moment in day if moment.changed
        ]

        assert changes == [(2, 4), (4, 8), (8, 16), (16, 32), (32, 16), (16, 8), (8, 4)]
        assert PROD.ceiling == 32

    def test_poison_does_not_change_the_shards(self, day: list[SimulatedMinute]):
        poisoned = [moment for moment in day if hours(15) <= moment.at - day[0].at < hours(16)]

        assert max(moment.backlog_age for moment in poisoned) > 20 * LAG_TOLERANCE
        assert not any(moment.changed for moment in poisoned)
        assert any(moment.decision.reason.startswith("a consumer is stuck") for moment in poisoned)

    def test_idle_stream_keeps_calls_for_growing(self, day: list[SimulatedMinute]):
        assert day[-1].decision.reason == "the calls that are left today are kept for growing"


@pytest.mark.parametrize("rate", [0.0, STEADY_RATE, 750.0, 1_400.0, SALE_RATE])
def test_steady_load_does_not_oscillate(rate: float):
    day = list(Simulation(Load(rate=lambda _: rate)).run())

    steps = [moment.decision.shards > moment.shards_before for moment in day if moment.changed]
    assert all(steps)
    assert len(steps) <= count_doublings(PROD.floor, PROD.ceiling)


def test_level_line_is_drawn_by_its_ends():
    points = [(0, 1), (1, 1), (2, 1), (3, 4), (4, 4), (5, 1)]

    assert drop_level_points(points) == [(0, 1), (2, 1), (3, 4), (4, 4), (5, 1)]
