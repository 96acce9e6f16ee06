"""Publishing on a FIFO topic: in few requests, in each subject's order, whatever fails."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.inventory import StockChanged
from lambdas.orders.api import MAX_TEXT
from lambdas.runtime.publisher import MAX_ENTRIES, RETRY
from lambdas.runtime.topic import Topic, group_id
from tests.support.aws_fakes import FakeSns


def event(subject: str, sequence: int) -> EventEnvelope[Any]:
    return envelope(
        StockChanged(sku=subject, available=sequence, reserved=0, minimum=0),
        subject=subject,
        sequence=sequence,
        correlation_id="c",
        causation_id="c",
        occurred_at="2026-12-01T08:26:00+00:00",
    )


def test_full_request_of_largest_messages_is_below_the_limit():
    sku = "\N{GRINNING FACE}" * MAX_TEXT
    sent = envelope(
        StockChanged(sku=sku, available=10**9, reserved=10**9, minimum=10**9),
        subject=sku,
        sequence=10**9,
        correlation_id="0" * 36,
        causation_id=f"ReserveStock/{'0' * 36}",
        occurred_at="2026-12-01T08:26:00.000000+00:00",
    )

    assert 1_500 < len(sent.to_sns_message()) < 2_500
    assert MAX_ENTRIES * 2_500 < 256_000


def events(*subjects: str) -> list[EventEnvelope[Any]]:
    """One of each of these subjects, numbered by subject."""
    return [event(name, subjects[: i + 1].count(name)) for i, name in enumerate(subjects)]


def publish(sns: FakeSns, sent: list[EventEnvelope[Any]]) -> list[tuple[str, int]]:
    rejected = Topic("topic", sns=sns).publish(sent)
    return [(event.metadata.subject, event.metadata.sequence) for event in rejected]


@pytest.mark.parametrize(
    ("number", "batches"), [(0, []), (1, [1]), (10, [10]), (11, [10, 1]), (100, [10] * 10)]
)
def test_ten_go_in_a_request(number: int, batches: list[int]):
    sns = FakeSns()

    assert publish(sns, events(*"A" * number)) == []
    assert [len(request) for request in sns.requests] == batches
    assert MAX_ENTRIES == 10


def test_message_has_body_group_and_attributes():
    sns = FakeSns()

    publish(sns, events("A"))

    (entry,) = sns.entries
    assert set(entry) == {"Id", "Message", "MessageGroupId", "MessageDeduplicationId"}
    message = json.loads(entry["Message"])
    assert set(message) == {"source", "detail_type", "metadata", "data"}
    assert entry["MessageGroupId"] == group_id("A")
    assert entry["MessageDeduplicationId"] == message["metadata"]["event_id"]


def test_each_subject_is_sent_again_from_its_first_failure_on():
    sns = FakeSns(refused={("A", 2)}, times=1)

    assert publish(sns, events("A", "A", "B", "A", "B")) == []
    assert sns.requests == [
        [("A", 1), ("A", 2), ("B", 1), ("A", 3), ("B", 2)],
        [("A", 2), ("A", 3)],
    ]


def test_events_behind_a_lasting_failure_are_not_sent_and_other_subjects_are():
    sns = FakeSns(refused={("A", 2)})
    sent = events(*"A" * 10, "B", "A")

    assert publish(sns, sent) == [("A", number) for number in range(2, 12)]
    assert len(sns.requests) == RETRY.max_attempts + 1
    assert sns.requests[-1] == [("B", 1)]
    assert ("A", 11) not in sns.delivered


@given(
    subjects=st.lists(st.sampled_from("ABC"), max_size=35),
    refused=st.sets(st.tuples(st.sampled_from("ABC"), st.integers(1, 12))),
    times=st.integers(0, 8),
)
def test_first_deliveries_up_to_a_failure_are_in_order(
    subjects: list[str], refused: set[tuple[str, int]], times: int
):
    """A rejected event and those behind it are the rest of their subject: retries miss none."""
    sns = FakeSns(refused=refused, times=times)
    sent = events(*subjects)

    rejected = publish(sns, sent)

    for name in set(subjects):
        numbers = [number for subject, number in rejected if subject == name]
        assert numbers == list(
            range(subjects.count(name) - len(numbers) + 1, subjects.count(name) + 1)
        )
        taken = {number for subject, number in sns.delivered if subject == name}
        assert taken | set(numbers) == set(range(1, subjects.count(name) + 1))
    if not rejected and not refused:
        assert len(sns.requests) == -(-len(sent) // MAX_ENTRIES)


@given(st.text())
def test_any_subject_has_a_group_that_sns_takes(subject: str):
    assert re.fullmatch("[!-~]{1,128}", group_id(subject.encode(errors="ignore").decode()))


def test_each_subject_has_a_group_of_its_own():
    assert group_id("85123A") == group_id("85123A") != group_id("85123B")
    assert group_id("BANK CHARGES") != group_id("BANK  CHARGES")
