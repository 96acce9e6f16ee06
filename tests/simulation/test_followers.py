"""The services that only follow what happens to orders, and what they use of AWS."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ministack.services import s3

from simulation import chance as kinds
from simulation.buckets import Buckets
from simulation.bus import Topic
from simulation.chance import Chance
from simulation.kernel import Kernel
from simulation.stories import STORIES, play_story
from simulation.templates import synthesized
from simulation.wiring import FOLLOWERS
from simulation.world import World

PUTS = st.lists(st.tuples(st.sampled_from("ab"), st.binary(max_size=2), st.booleans()), max_size=8)


def calm() -> Chance:
    chance = Chance(0, Kernel())
    chance.calm_from = 0
    return chance


@settings(max_examples=100, deadline=None)
@given(PUTS)
def test_bucket_keeps_the_same_objects_as_the_emulator(puts: Sequence[tuple[str, bytes, bool]]):
    s3.reset()
    s3._create_bucket("invoices", b"")
    simulated = Buckets(calm())
    simulated.create("invoices")

    for key, body, only_new in puts:
        request: dict[str, Any] = {"Bucket": "invoices", "Key": key, "Body": body}
        condition = {"if-none-match": "*"} if only_new else {}
        status = s3._put_object("invoices", key, body, condition)[0]
        answer = simulated.perform(
            "put_object", request | ({"IfNoneMatch": "*"} if only_new else {})
        )
        assert isinstance(answer, Exception) == (status == 412)

    for key in "ab":
        status, _, body = s3._get_object("invoices", key, {})
        answer = simulated.perform("get_object", {"Bucket": "invoices", "Key": key})
        assert isinstance(answer, Exception) == (status == 404)
        if status == 200:
            assert answer["Body"].read() == body


def test_message_of_a_standard_topic_reaches_each_subscriber_once_or_more(
    monkeypatch: pytest.MonkeyPatch,
):
    chance, got = Chance(0, Kernel()), list[tuple[str, str]]()
    monkeypatch.setattr(chance, "fault", lambda *_, **__: kinds.DUPLICATE)
    topic = Topic(chance.kernel, chance)
    topic.subscribe(lambda entry: got.append(("one", entry["Message"])), {})
    topic.subscribe(lambda entry: got.append(("two", entry["Message"])), {})

    topic.publish("failed")
    chance.kernel.run(until=chance.kernel.now + 4 * 3600)

    assert sorted(got) == [("one", "failed")] * 2 + [("two", "failed")] * 2


@pytest.mark.parametrize("followers", [False, True])
def test_followers_are_there_on_request(followers: bool):
    world = World(synthesized(express=False), calm(), followers=followers)

    stacks = {name.partition(".")[0].rpartition("-")[2] for name in world.functions}
    assert (set(FOLLOWERS) <= stacks) is followers


def test_stories_are_played_without_followers():
    notes = [note.text for note in play_story(STORIES[0]).notes]

    assert not [text for text in notes if text.startswith(("notifications.", "SES "))]
