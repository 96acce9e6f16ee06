"""A pytest plugin that runs, for each mutant, the tests that reach its function.

The tests run once as they are, and it is noted which functions each of them reaches. Then a child
process is forked for each mutant. It gives the function its changed code and runs the tests that
reach it, the quickest first, until one fails.
"""

import gc
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from types import CodeType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.operators import Mutant

TOOL = 4
LONGEST = 60
"""Seconds after which a mutant counts as caught."""
ENDLESS = "it does not end"


@dataclass(slots=True)
class Result:
    """Which test caught a mutant; empty if none did."""

    mutant: Mutant
    reached: int
    caught_by: str


@dataclass
class Mutation:
    """The plugin."""

    mutants: Sequence[Mutant]
    on_result: Callable[[Result], object] = lambda _: None
    results: list[Result] = field(default_factory=list)
    _reached: dict[tuple[str, str], list[tuple[float, pytest.Item]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _codes: dict[tuple[str, str], set[CodeType]] = field(default_factory=lambda: defaultdict(set))

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests, then each mutant."""
        files = {str(mutant.code.co_filename) for mutant in self.mutants}
        self._run_all(session, files)
        for mutant in self.mutants:
            place = (mutant.code.co_filename, mutant.function)
            items = [item for _, item in sorted(self._reached[place], key=lambda each: each[0])]
            caught = self._caught_by(mutant, place, items, session) if items else ""
            self.results.append(Result(mutant, len(items), caught))
            self.on_result(self.results[-1])
        return True

    def _run_all(self, session: pytest.Session, files: set[str]) -> None:
        seen: set[CodeType] = set()

        def start(code: CodeType, _: int) -> Any:
            if code.co_filename in files:
                seen.add(code)
            return sys.monitoring.DISABLE

        sys.monitoring.use_tool_id(TOOL, "mutation")
        sys.monitoring.register_callback(TOOL, sys.monitoring.events.PY_START, start)
        sys.monitoring.set_events(TOOL, sys.monitoring.events.PY_START)
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            seen.clear()
            sys.monitoring.restart_events()
            began = time.perf_counter()
            if _fails(item, following or session.items[0]):
                continue
            for code in seen:
                place = (code.co_filename, code.co_qualname)
                self._reached[place].append((time.perf_counter() - began, item))
                self._codes[place].add(code)
        sys.monitoring.set_events(TOOL, 0)
        sys.monitoring.free_tool_id(TOOL)

    def _caught_by(
        self,
        mutant: Mutant,
        place: tuple[str, str],
        items: Sequence[pytest.Item],
        session: pytest.Session,
    ) -> str:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(LONGEST)
                devnull = os.open(os.devnull, os.O_WRONLY)
                os.dup2(devnull, 1)
                os.dup2(devnull, 2)
                self._change(place, mutant)
                for i, item in enumerate(items):
                    following = items[i + 1] if i + 1 < len(items) else session.items[0]
                    if _fails(item, following):
                        os.write(writer, item.nodeid.encode())
                        break
            except BaseException as error:  # noqa: BLE001 -- whatever it is, it was noticed
                os.write(writer, f"{type(error).__name__}".encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as answer:
            caught = answer.read().decode()
        _, status = os.waitpid(child, 0)
        return caught or (ENDLESS if os.WIFSIGNALED(status) else "")

    def _change(self, place: tuple[str, str], mutant: Mutant) -> None:
        """Give the functions at this place other code, also where a test imports them again."""
        # Of what is frozen, no referrers are found.
        gc.unfreeze()
        for old in self._codes[place]:
            for function in gc.get_referrers(old):
                if isinstance(function, FunctionType):
                    function.__code__ = mutant.code
        own = SourceFileLoader.get_code

        def get_code(loader: SourceFileLoader, name: str) -> CodeType | None:
            return mutant.module if loader.path == place[0] else own(loader, name)

        setattr(SourceFileLoader, "get_code", get_code)  # noqa: B010 -- mypy knows no new method


def _fails(item: pytest.Item, following: pytest.Item) -> bool:
    """Run a test; return whether it failed. What is shared with ``following`` stays set up."""
    item._initrequest()  # type: ignore[attr-defined]
    reports = runtestprotocol(item, log=False, nextitem=following)
    return any(report.failed for report in reports)
