"""Topics and queues forget deduplication ids when they are too old, and look at no others."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from ministack.services import sns, sqs

from emulator.patches import deduplication
from emulator.patches.deduplication import forget_old_ids

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


def test_topics_and_queues_look_at_no_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sns, "_prune_sns_dedup", sns._prune_sns_dedup)
    monkeypatch.setattr(sqs, "_prune_dedup", sqs._prune_dedup)
    topic, queue = (Ids({str(n): {"expire": NOW + 1} for n in range(1_000)}) for _ in range(2))

    deduplication.install()
    sns._prune_sns_dedup({"dedup_cache": topic})
    sqs._prune_dedup({"dedup_cache": queue})

    assert (topic.looked_at, queue.looked_at) == (1, 1)
