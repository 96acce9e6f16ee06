"""Faults that the demo injects, and their repair with the operator's command.

Each fault denies a permission until a message is dead-lettered because of it.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from demo.ops_command import run_ops
from demo.screen import RED, Note, Screen
from emulator.cloud import Cloud, RootSession
from emulator.faults import control
from emulator.polling import poll
from ops.deployed import Deployed
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.readers import reader_for
from ops.dlq.selection import find_sink
from ops.faults import FAULTS_WHILE_DISPATCHING, FAULTS_WHILE_PLACING, Denials, InjectedFault

DEAD_LETTER_TIMEOUT = 180.0
"""Seconds to wait for a dead letter, and until all are redriven."""


class FaultInjection:
    """Injects faults, and redrives the dead letters with the operator's command."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._client = cloud.client
        templates = Deployed(session=RootSession(cloud), environment="dev").templates()
        self._sinks = find_failure_sinks(templates)
        self._denials = Denials(self._client, templates)
        self._listing = ""
        self._moved = self._left = 0
        self._found: list[InjectedFault] = []
        self._missing: list[InjectedFault] = []

    @contextmanager
    def active(
        self,
        faults: Sequence[InjectedFault],
        *,
        is_over: Callable[[], bool] = lambda: False,
        is_concerned: Callable[[], bool] = lambda: True,
    ) -> Iterator[None]:
        """Inject the faults before the block runs; wait at its end until all are over.

        Args:
            faults: The faults. Each ends by itself when it has caused a dead letter.
            is_over: Whether all work is done, so that no fault can cause a dead letter any more.
            is_concerned: Whether any work met the faults, so that there must be a dead letter.
        """
        stop = threading.Event()
        with ThreadPoolExecutor(len(faults)) as pool:
            try:
                injected = {
                    fault: pool.submit(self._await_dead_letter, fault, self._deny(fault), stop)
                    for fault in faults
                }
                yield

                def are_over() -> bool:
                    return all(future.done() for future in injected.values()) or is_over()

                poll(are_over, seconds=DEAD_LETTER_TIMEOUT, interval=0.2)
            finally:
                stop.set()
        for fault, future in injected.items():
            if future.result():
                self._found.append(fault)
            elif is_concerned():
                self._missing.append(fault)

    def redrive_all(self, note: Note) -> None:
        """Redrive all dead letters, repeatedly, until none is left or to come, or time is over.

        What a fault has failed once may be on its way to a last attempt.
        """
        self._listing = self._ops("dlq", "list", "--non-empty")

        def is_done() -> bool:
            # Counted first: what is delivered meanwhile is seen as a dead letter.
            unfinished = self._unfinished()
            if not self._dead_letters():
                return not unfinished
            output = self._ops("dlq", "redrive", "--all", "--yes", "--json", "--per-second", "200")
            self._moved += json.loads(output)["moved"]
            note(f"{self._moved:,} redriven")
            return False

        poll(is_done, seconds=DEAD_LETTER_TIMEOUT, interval=0.2)
        self._left = self._dead_letters()

    @property
    def succeeded(self) -> bool:
        """Whether each fault that work met caused a dead letter, and none is left."""
        return not self._missing and not self._left

    def show(self, screen: Screen) -> None:
        """Show the faults, what the operator saw of them, and how they ended."""
        screen.title("Injected faults")
        for fault in (*FAULTS_WHILE_PLACING, *FAULTS_WHILE_DISPATCHING):
            if fault in self._found:
                outcome = f"dead-lettered in {fault.queue}"
            elif fault in self._missing:
                outcome = screen.paint(f"not dead-lettered in {fault.queue}", RED)
            else:
                outcome = "left out: no order would have met it"
            screen.item(fault.what, outcome)
        if not self._found:
            return
        screen.say()
        screen.say("  $ python -m ops dlq list --non-empty")
        for line in self._listing.splitlines():
            screen.say(f"  {line}")
        screen.say()
        screen.say("  $ python -m ops dlq redrive --all --yes")
        left = screen.paint(f"{self._left:,} still there", RED) if self._left else "none is left"
        screen.say(f"  {self._moved:,} redriven, {left}")

    def _await_dead_letter(
        self, fault: InjectedFault, permit: Callable[[], None], stop: threading.Event
    ) -> bool:
        """Wait for a dead letter, then permit again; return whether there was one."""
        try:
            poll(
                lambda: stop.is_set() or self._depth(fault),
                seconds=DEAD_LETTER_TIMEOUT,
                interval=0.1,
            )
            return self._depth(fault) > 0
        finally:
            permit()

    def _depth(self, fault: InjectedFault) -> int:
        return reader_for(find_sink(self._sinks, fault.queue), self._client).depth().total

    def _deny(self, fault: InjectedFault) -> Callable[[], None]:
        """Deny the permission; return how to permit again."""
        self._denials.deny(fault)
        return partial(self._denials.permit, fault)

    def _dead_letters(self) -> int:
        return sum(reader_for(sink, self._client).depth().total for sink in self._sinks)

    def _unfinished(self) -> int:
        return control.unfinished(self._cloud)

    def _ops(self, *words: str) -> str:
        return run_ops(self._cloud, *words).stdout
