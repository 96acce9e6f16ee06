"""Several commands for one order, with their steps in any order and with any crashes."""

import threading
from collections.abc import Callable
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lambdas.payments.charging import refund, take
from lambdas.payments.domain import Kind, State
from tests.support.payments import CardProvider, Crash, MemoryCharges, refund_command, take_command

TAKE = take_command("o-1")
REFUND = refund_command("o-1")


class Actor:
    """Runs one command in a thread that stops before every call to a port."""

    def __init__(self, command: Callable[[Any, Any], Any], charges: Any, provider: Any) -> None:
        self.result: State | None = None
        self.error: BaseException | None = None
        self.done = False
        self._fault = ""
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)

        def run() -> None:
            try:
                self.result = command(self._port(charges), self._port(provider)).state
            except Crash:
                pass
            except BaseException as error:  # noqa: BLE001 -- raised again by ``step``
                self.error = error
            self.done = True
            self._stopped.release()

        threading.Thread(target=run, daemon=True).start()
        self._stopped.acquire()

    def step(self, fault: str = "") -> None:
        """Let the command make its next call, and crash before or after it if ``fault`` says so."""
        if self.done:
            return
        self._fault = fault
        self._go.release()
        self._stopped.acquire()
        if self.error:
            raise self.error

    def _port(self, port: Any) -> Any:
        actor = self

        class Stopping:
            def __getattr__(self, name: str) -> Callable[..., Any]:
                def call(*arguments: Any) -> Any:
                    actor._stopped.release()
                    actor._go.acquire()
                    if actor._fault == "before":
                        raise Crash
                    result = getattr(port, name)(*arguments)
                    if actor._fault == "after":
                        raise Crash
                    return result

                return call

        return Stopping()


def taking(charges: Any, provider: Any) -> Any:
    return take(TAKE, charges, provider)


def refunding(charges: Any, provider: Any) -> Any:
    return refund(REFUND, charges, provider)


FAULTS = st.sampled_from(["", "", "", "before", "after"])
COMMANDS = st.lists(st.sampled_from([taking, refunding]), min_size=1, max_size=4)
SCHEDULES = st.lists(st.tuples(st.integers(0, 3), FAULTS), max_size=24)


# A charge under way is overtaken by a whole refund, and its function dies.
@example(
    [taking, refunding],
    [(0, ""), (1, ""), (1, ""), (0, "after"), (1, "")],
    False,
)
@settings(max_examples=300)
@given(COMMANDS, SCHEDULES, st.booleans())
def test_no_money_is_lost_or_taken_twice(commands, schedule, declines):
    charges, provider = MemoryCharges(), CardProvider(declines)
    actors = [Actor(command, charges, provider) for command in commands]
    for index, fault in schedule:
        actors[index % len(actors)].step(fault)
    for actor in actors:
        while not actor.done:
            actor.step()

    assert len(provider.taken) <= 1
    if any(
        actor.result is State.REFUNDED
        for actor, command in zip(actors, commands, strict=True)
        if command is refunding
    ):
        # Whatever became of the others, a refund that ended well left nothing with the provider.
        assert provider.collected("o-1") == 0

    # The saga repeats what crashed: a refund if it ever wanted one, else the taking.
    if refunding in commands:
        assert refunding(charges, provider).state is State.REFUNDED
        assert taking(charges, provider).state is State.REFUNDED
        assert provider.collected("o-1") == 0
        assert len(charges.ledger) in (0, 2)
    elif declines:
        assert taking(charges, provider).state is State.DECLINED
        assert (provider.taken, charges.ledger) == ([], [])
    else:
        assert taking(charges, provider).state is State.TAKEN
        assert provider.collected("o-1") == TAKE.total.amount
        assert charges.posted() == {("o-1", Kind.CHARGE)}
