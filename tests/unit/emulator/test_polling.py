import time

import pytest

from demo.waiting import wait_until_none
from emulator.polling import LONGEST_STEP, poll


class Clock:
    """A clock on which each look takes so many seconds, as on a machine that stands still."""

    def __init__(self, step: float) -> None:
        self.step, self.time, self.looks = step, 0.0, 0

    def look(self) -> bool:
        self.looks += 1
        self.time += self.step
        return False

    def pass_by(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture(params=[1.0, LONGEST_STEP, 1000.0])
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(request.param)
    monkeypatch.setattr(time, "monotonic", lambda: clock.time)
    monkeypatch.setattr(time, "sleep", clock.pass_by)
    return clock


def test_time_in_which_the_machine_stood_still_is_not_waited(clock: Clock):
    assert not poll(clock.look, seconds=120, interval=0)
    assert clock.looks == 120 / min(clock.step, LONGEST_STEP)


def test_without_progress_the_demo_waits_for_as_many_looks_on_a_machine_that_stood_still(
    clock: Clock,
):
    wait_until_none(lambda: 1 + int(clock.look()), stall=120)
    assert 120 / LONGEST_STEP <= clock.looks <= 120
