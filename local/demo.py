"""The demo, which plays an export through the platform, and `up`, which leaves it running."""

import json
import os
import shlex
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from local import verify
from local.cloud import Cloud, running
from local.deploy import deploy
from local.shop import SCHEMA, Api, Customers, http, in_threads, place_orders, receive, stock_shelves
from local.shop import take_in as read_export

PATIENCE = 60
"""Seconds without any order ending, or any event being logged, after which the rest is given up."""
SHOWN = 10
NOTIFICATION = {"category": "lab-supplies", "value": 415, "location": "eu-west"}
"""The detail of the EventBridge tutorial's test event, which other rules must leave alone."""
BOLD, RED, GREEN, DIM = 1, 31, 32, 2

Database = sqlite3.Connection
Outputs = Mapping[str, str]
Note = Callable[[str], None]


@dataclass(slots=True)
class Screen:
    """What the person sees: a line a phase, redrawn while it lasts if this is a terminal."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    took: dict[str, float] = field(default_factory=dict)

    def say(self, text: str = "") -> None:
        """Write a line."""
        print(text, file=self.out, flush=True)

    def title(self, text: str) -> None:
        """Write a headline."""
        self.say(f"\n{self.paint(text, BOLD)}")

    def item(self, label: str, text: object, *, colour: int | None = None) -> None:
        """Write a label and what belongs to it."""
        shown = str(text) if colour is None else self.paint(str(text), colour)
        self.say(f"  {label:<22}{shown}")

    def paint(self, text: str, colour: int) -> str:
        """The text in an ANSI colour, where colours are wanted. https://no-color.org"""
        wanted = self.out.isatty() and not os.environ.get("NO_COLOR")
        return f"\033[{colour}m{text}\033[0m" if wanted else text

    @contextmanager
    def phase(self, name: str) -> Iterator[Note]:
        """Show a phase; what is noted last stays on its line, with the time it took."""
        began = time.monotonic()
        last = ""

        def note(text: str) -> None:
            nonlocal last
            last = text
            if self.out.isatty():
                line = f"  {name:<22}{text}"[: shutil.get_terminal_size().columns - 1]
                self.out.write(f"\r\033[K{line}")
                self.out.flush()

        note("")
        yield note
        self.took[name] = time.monotonic() - began
        start = "\r\033[K" if self.out.isatty() else ""
        self.say(f"{start}  {name:<22}{last:<50}{self.took[name]:6.1f} s")


def bar(done: int, total: int, width: int = 24) -> str:
    """A progress bar."""
    filled = width * done // total if total else width
    return f"[{'#' * filled}{'.' * (width - filled)}] {done:,} of {total:,}"


def demo(orders: Path, *, port: int | None, screen: Screen | None = None) -> int:
    """Play an export through the platform and show what became of it; 1 if a promise is broken."""
    screen = screen or Screen()
    screen.title(f"Orders, on a local cloud, with {orders.name}")
    with ExitStack() as stack:
        with screen.phase("starting") as note:
            cloud = stack.enter_context(running(port=port))
            note(cloud.endpoint)
        database = stack.enter_context(closing(_database(cloud)))
        with screen.phase("reading orders") as note:
            total = read_export(orders, database)
            note(f"{total:,} orders")
        outputs = _deployed(cloud, screen)
        sent_at = time.time()
        evidence = verify.Evidence(cloud, outputs, database)
        api = _play(cloud, outputs, database, evidence, total, screen)
        with screen.phase("checking") as note:
            tested = _publish_notification(cloud, outputs, evidence, database)
            _await_events(evidence, database)
            evidence.gather()
            evidence.gather_parked()
            found = list(verify.violations(database))
            note(f"{len(verify.RULES)} rules")
        kept = _summary(screen, database, api, evidence, found, tested)
    screen.say(f"\n  All took {sum(screen.took.values()):.1f} s; {time.time() - sent_at:.1f} s ran.")
    return 0 if kept else 1
