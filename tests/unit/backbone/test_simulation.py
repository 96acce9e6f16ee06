"""Over days of load: what holds whatever comes, and what the picture in docs/ shows."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bench import shards
from bench.picture import corners
from bench.shards import A_DAY, SALE, STEADY, Load, Moment, Simulation, hours
from lambdas.backbone.domain import CALLS_A_DAY, DAY, PATIENCE, Limits, doublings

PROD = shards.LIMITS
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
def test_whatever_comes(rates: list[float], poison: tuple[int, int], seed: int):
    simulation = Simulation(load(rates, poison), limits=LIMITS, seed=seed)
    days = list(simulation.run(LENGTH))
    calls, aim = simulation.calls, LIMITS.floor

    for moment in days:
        # Within bounds, and never more than AWS does in one call.
        assert LIMITS.floor <= moment.decision.shards <= LIMITS.ceiling
        assert moment.decision.shards <= 2 * moment.seen
        assert 2 * moment.decision.shards >= moment.seen
        # Whatever happened, what is left of the calls leads up to the ceiling.
        aim = moment.decision.shards if moment.changed else aim
        end = moment.at + timedelta(minutes=1)
        left = CALLS_A_DAY - sum(end - DAY <= call < end for call in calls)
        assert left >= doublings(aim, LIMITS.ceiling)
        assert not moment.changed or not moment.busy
    for before, after in pairwise([moment for moment in days if moment.changed]):
        if after.decision.shards < after.seen:
            assert after.at - before.at >= LIMITS.cooldown - timedelta(minutes=1)


@pytest.fixture(scope="module")
def day() -> list[Moment]:
    return list(Simulation(A_DAY).run())


class TestTheDayOfThePicture:
    def test_it_is_the_one_in_docs(self, day: list[Moment]):
        assert shards.PICTURE.read_text() == shards.picture(day), "python -m bench.shards --draw"

    def test_records_are_in_time_again_soon_after_the_sale_began(self, day: list[Moment]):
        until_poison = [moment for moment in day if moment.at < day[0].at + hours(15)]

        assert 0 < shards.recovery(until_poison, hours(9)) / timedelta(minutes=1) <= 20

    def test_the_shards_go_up_for_the_sale_and_down_afterwards(self, day: list[Moment]):
        changes = [(moment.seen, moment.decision.shards) for moment in day if moment.changed]

        assert changes == [(2, 4), (4, 8), (8, 16), (16, 32), (32, 16), (16, 8), (8, 4)]
        assert PROD.ceiling == 32

    def test_poison_changes_nothing(self, day: list[Moment]):
        poisoned = [moment for moment in day if hours(15) <= moment.at - day[0].at < hours(16)]

        assert max(moment.late for moment in poisoned) > 20 * PATIENCE
        assert not any(moment.changed for moment in poisoned)
        assert any(moment.decision.reason.startswith("a consumer stands") for moment in poisoned)

    def test_silence_leaves_the_calls_for_growing(self, day: list[Moment]):
        assert day[-1].decision.reason == "the calls that are left today are kept for growing"


@pytest.mark.parametrize("rate", [0.0, STEADY, 750.0, 1_400.0, SALE])
def test_steady_load_is_not_answered_by_more_and_fewer_in_turn(rate: float):
    day = list(Simulation(Load(rate=lambda _: rate)).run())

    steps = [moment.decision.shards > moment.seen for moment in day if moment.changed]
    assert all(steps)
    assert len(steps) <= doublings(PROD.floor, PROD.ceiling)


def test_a_level_line_is_drawn_by_its_ends():
    points = [(0, 1), (1, 1), (2, 1), (3, 4), (4, 4), (5, 1)]

    assert corners(points) == [(0, 1), (2, 1), (3, 4), (4, 4), (5, 1)]
