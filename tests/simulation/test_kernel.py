"""Virtual time, and the processes that wait for it."""

import pytest

from simulation.kernel import START, Kernel, Process, Signal


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


def test_processes_wait_side_by_side_in_virtual_time(kernel: Kernel) -> None:
    seen: list[tuple[str, float]] = []

    def work(name: str, seconds: float) -> None:
        kernel.sleep(seconds)
        seen.append((name, kernel.now - START.timestamp()))

    kernel.start(Process("slow", lambda: work("slow", 3_600)))
    kernel.start(Process("fast", lambda: work("fast", 5)))
    kernel.run(until=START.timestamp() + 7_200)

    assert seen == [("fast", 5), ("slow", 3_600)]


def test_killed_process_ends_where_it_waits(kernel: Kernel) -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            kernel.sleep(10)
            seen.append("went on")
        finally:
            seen.append("ended")

    process = Process("victim", work)
    process.on_death = lambda: seen.append("died")
    kernel.start(process)
    kernel.after(1, process.kill)
    kernel.run(until=START.timestamp() + 100)

    assert seen == ["ended", "died"]


def test_signal_is_given_once(kernel: Kernel) -> None:
    seen: list[str] = []

    def work() -> None:
        signal = Signal()
        kernel.after(1, signal.fire, "answer")
        kernel.after(2, signal.fire, "late answer")
        seen.append(signal.wait())
        kernel.sleep(5)

    kernel.start(Process("waiting", work))
    kernel.run(until=START.timestamp() + 100)

    assert seen == ["answer"]


def test_process_cannot_let_another_go_on(kernel: Kernel) -> None:
    signals: list[Signal] = []

    def wait() -> None:
        signals.append(Signal())
        signals[0].wait()

    kernel.start(Process("waiting", wait))
    kernel.start(Process("giving", lambda: signals[0].fire("answer")))

    with pytest.raises(TypeError, match="cannot switch to another"):
        kernel.run(until=START.timestamp() + 100)


def test_timer_is_in_progress_until_it_is_cancelled(kernel: Kernel) -> None:
    timeout = kernel.after(60, lambda: None)
    kernel.after(1, lambda: None, background=True)
    assert kernel.foreground == 1

    timeout.cancel()
    assert kernel.foreground == 0


def test_cancelled_timer_does_nothing(kernel: Kernel) -> None:
    seen: list[str] = []
    kernel.after(1, seen.append, "due").cancel()
    kernel.run(until=START.timestamp() + 100)

    assert seen == []
    assert kernel.foreground == 0
