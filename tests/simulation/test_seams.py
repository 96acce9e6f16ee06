"""What a run puts in the place of boto3, of clocks and of waits."""

from lambdas.runtime.retry import RetryPolicy
from simulation.chance import Chance
from simulation.kernel import Kernel, Process
from simulation.templates import synthesized
from simulation.world import World


def test_policy_of_a_module_that_is_imported_only_now_waits_in_virtual_time():
    world = World(synthesized(express=False), Chance(1, Kernel()))
    times = []

    def work() -> None:
        for _ in RetryPolicy(max_attempts=2, base_delay=3_600).attempts():
            times.append(world.kernel.now)

    with world.installed():
        world.kernel.start(Process("late", work))
        world.kernel.run(until=world.start + 7_200)

    assert 60 < times[1] - times[0] < 3_600
