import io
import json
import threading
import time
from collections.abc import Callable

import pytest

from demo.fault_injection import FaultInjection
from demo.screen import Screen
from ops.faults import FAULTS_WHILE_DISPATCHING, FAULTS_WHILE_PLACING
from ops.faults import InjectedFault as Fault

(FAULT,) = FAULTS_WHILE_PLACING


class Faults(FaultInjection):
    """Faults on a platform to which it is said what is dead-lettered."""

    def __init__(self, dead_letters: int = 0) -> None:
        self.denied: list[Fault] = []
        self.dead_letters = dead_letters
        self._listing = ""
        self._moved = self._left = 0
        self._found, self._missing = [], []

    def _depth(self, fault: Fault) -> int:
        return self.dead_letters

    def _deny(self, fault: Fault) -> Callable[[], None]:
        self.denied.append(fault)
        return lambda: self.denied.remove(fault)


def shown(faults: Faults) -> str:
    out = io.StringIO()
    faults.show(Screen(out))
    return out.getvalue()


def test_fault_is_injected_before_the_block_and_removed_after_it():
    faults = Faults()
    with faults.active([FAULT]):
        assert faults.denied == [FAULT]
        faults.dead_letters = 1
    assert not faults.denied
    assert faults.succeeded
    assert f"{FAULT.what:<22}dead-lettered in {FAULT.queue}" in shown(faults)


def test_fault_without_affected_work_is_not_waited_for():
    faults = Faults()
    began = time.monotonic()
    with faults.active([FAULT], is_over=lambda: True, is_concerned=lambda: False):
        pass
    assert time.monotonic() - began < 5
    assert not faults.denied
    assert faults.succeeded
    assert "saga start denied     left out: no order would have met it" in shown(faults)
    assert "redriven" not in shown(faults)


def test_affected_work_without_a_dead_letter_is_a_failure():
    faults = Faults()
    with faults.active([FAULT], is_over=lambda: True):
        pass
    assert not faults.succeeded
    assert "not dead-lettered in" in shown(faults)


def test_faults_that_were_never_injected_are_not_claimed():
    assert shown(Faults()).count("left out") == len(FAULTS_WHILE_PLACING) + len(
        FAULTS_WHILE_DISPATCHING
    )


def test_interruption_removes_the_faults_at_once():
    faults = Faults()
    began = time.monotonic()
    with pytest.raises(SystemExit), faults.active(FAULTS_WHILE_DISPATCHING):
        raise SystemExit(143)
    assert time.monotonic() - began < 5
    assert not faults.denied
    assert threading.active_count() < 10


def test_dead_letter_that_is_still_on_its_way_is_redriven_too():
    class Late(Faults):
        """One delivery is unfinished; it becomes a dead letter after the first look."""

        delivering = 1

        def _unfinished(self) -> int:
            return self.delivering

        def _dead_letters(self) -> int:
            seen = self.dead_letters
            self.dead_letters, self.delivering = self.dead_letters + self.delivering, 0
            return seen

        def _ops(self, *words: str) -> str:
            moved, self.dead_letters = self.dead_letters, 0
            return json.dumps({"moved": moved})

    faults = Late()
    faults.redrive_all(lambda _: None)

    assert (faults._moved, faults.succeeded) == (1, True)
