"""A FIFO topic forgets deduplication ids when they are too old, and looks at no others."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from emulator.patches.topic_deduplication import forget_old_ids

NOW = 1_000.0


class Ids(dict[str, Any]):
    """A topic's ids, which count how many of them are looked at."""

    looked_at = 0

    def __iter__(self) -> Iterator[str]:
        for each in super().__iter__():
            self.looked_at += 1
            yield each


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)


def test_old_ids_are_forgotten_and_others_are_kept():
    ids = Ids({str(n): {"expire": NOW - 2 + n} for n in range(10)})

    forget_old_ids({"dedup_cache": ids})

    # An id is known until its time, and not at it.
    assert list(ids) == [str(n) for n in range(3, 10)]


def test_no_more_ids_are_looked_at_than_are_forgotten_and_one():
    ids = Ids({str(n): {"expire": NOW - 2 + n} for n in range(1_000)})

    forget_old_ids({"dedup_cache": ids})

    assert ids.looked_at == 4


def test_topic_without_messages_has_nothing_to_forget():
    topic: dict[str, Any] = {}
    forget_old_ids(topic)

    assert topic == {}
