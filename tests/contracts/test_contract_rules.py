"""What a release may change of the last release's contracts, line by line."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tools.contract_rules import describe_release, find_problems

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}


def fields(*required: str, **optional: Any) -> dict[str, Any]:
    """The schema of an object with required texts and with optional fields."""
    properties = dict.fromkeys(required, TEXT) | optional
    return {"type": "object", "properties": properties, "required": list(required)}


RELEASED: dict[str, Any] = {
    "events": {
        "BoxPacked": {
            "source": "com.aws.boxes",
            "topic": "",
            "via_destination": False,
            "subject_field": "box_id",
            "publishes": 1,
            "versions": {
                "1": {
                    "type": "object",
                    "properties": {
                        "box_id": TEXT,
                        "items": {"type": "array", "items": fields("sku", note=TEXT)},
                        "size": {"anyOf": [NUMBER, {"type": "null"}]},
                    },
                    "required": ["box_id", "items"],
                }
            },
        }
    },
    "consumers": {"Shipping": {"BoxPacked": [1]}, "Storefront": {"BoxPacked": [1]}},
    "samples": {"BoxPacked.v1.json": "digest"},
}

Change = Callable[[Any], object]


def changed(*changes: Change, of: Any = RELEASED) -> Any:
    """The contracts after changes of them."""
    contracts = deepcopy(of)
    for change in changes:
        change(contracts)
    return contracts


def event(contracts: Any) -> Any:
    return contracts["events"]["BoxPacked"]


def data(contracts: Any) -> Any:
    return event(contracts)["versions"]["1"]


def add_version_2(contracts: Any) -> None:
    event(contracts)["versions"]["2"] = fields("box_id", "colour")
    contracts["samples"]["BoxPacked.v2.json"] = "digest"
    for read in contracts["consumers"].values():
        read["BoxPacked"] = [1, 2]


def publish_2(contracts: Any) -> None:
    event(contracts)["publishes"] = 2


RELEASE_A = changed(add_version_2)


@pytest.mark.parametrize(
    "change",
    [
        lambda contracts: None,
        lambda contracts: data(contracts)["properties"].update(colour=TEXT),
        lambda contracts: data(contracts)["properties"].pop("size"),
        lambda contracts: (
            contracts["events"].update(BoxLost=event(contracts)),
            contracts["samples"].update({"BoxLost.v1.json": "digest"}),
        ),
        lambda contracts: contracts["consumers"]["Shipping"].pop("BoxPacked"),
        lambda contracts: contracts["samples"].update({"BoxPacked.v2.json": "digest"}),
    ],
    ids=["nothing", "optional field", "one less", "new event", "consumer gone", "sample added"],
)
def test_compatible_change_is_one_release(change: Change):
    assert find_problems(RELEASED, changed(change)) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            lambda d: (d["properties"].pop("box_id"), d["required"].remove("box_id")),
            "box_id was removed, and consumers of the last release need it",
        ),
        (
            lambda d: (d["properties"].update(colour=TEXT), d["required"].append("colour")),
            "colour is new and required, and older events lack it: give it a default",
        ),
        (
            lambda d: d["properties"].update(box_id=NUMBER),
            "box_id was string and is integer",
        ),
        (
            lambda d: d["properties"].update(box_id={**TEXT, "maxLength": 9}),
            "box_id was limited to {} and is to {'maxLength': 9}",
        ),
        (
            lambda d: d["properties"].update(size=NUMBER),
            "size was integer or null and is integer",
        ),
        (
            lambda d: d["required"].remove("box_id"),
            "box_id was required and is optional, and consumers of the last release need it",
        ),
        (
            lambda d: d["properties"]["items"]["items"]["required"].append("note"),
            "items[].note was optional and is required, and older events lack it",
        ),
        (
            lambda d: d["properties"]["items"].update(items=TEXT),
            "items[] was object and is string",
        ),
    ],
)
def test_breaking_change_of_a_version_names_field_and_the_two_releases(change: Change, fault: str):
    (problem,) = find_problems(RELEASED, changed(lambda contracts: change(data(contracts))))

    assert problem == (
        f"BoxPacked 1: {fault}. Make it version 2 in two releases: A reads 1 and 2 and publishes "
        "1, B publishes 2 (docs/how-to/change-an-event.md)"
    )


@pytest.mark.parametrize(
    ("part", "value"),
    [("source", "x"), ("topic", "x"), ("subject_field", ""), ("via_destination", True)],
)
def test_changed_identity_needs_another_event(part: str, value: Any):
    (problem,) = find_problems(RELEASED, changed(lambda c: event(c).update({part: value})))

    assert problem == f"BoxPacked: its {part} changed: make it an event with a name of its own"


@pytest.mark.parametrize(
    ("change", "done"),
    [
        (lambda samples: samples.update({"BoxPacked.v1.json": "other"}), "was edited"),
        (lambda samples: samples.clear(), "was removed"),
    ],
)
def test_sample_of_a_release_is_never_edited(change: Change, done: str):
    (problem,) = find_problems(RELEASED, changed(lambda c: change(c["samples"])))

    assert problem.startswith(f"BoxPacked.v1.json {done}: restore it")


def test_version_without_a_sample_is_named():
    release = changed(add_version_2, lambda contracts: contracts["samples"].popitem())

    (problem,) = find_problems(RELEASED, release)

    assert problem.startswith(
        "BoxPacked 2 has no sample: write tests/contracts/samples/BoxPacked.v2.json"
    )


def test_new_version_is_first_only_read():
    assert find_problems(RELEASED, RELEASE_A) == []
    assert describe_release(RELEASED, RELEASE_A) == [
        "BoxPacked: release A, which reads version 2 and still publishes 1"
    ]


def test_new_version_is_published_once_the_last_release_reads_it():
    release_b = changed(publish_2, of=RELEASE_A)

    assert find_problems(RELEASE_A, release_b) == []
    assert describe_release(RELEASE_A, release_b) == [
        "BoxPacked: release B, which publishes version 2"
    ]


def test_publishing_what_the_last_release_does_not_read_names_consumers_and_release():
    (problem,) = find_problems(RELEASED, changed(add_version_2, publish_2))

    assert problem == (
        "BoxPacked 2 is published, and Shipping, Storefront of the last release do not read it: in "
        "this release, A, set publishes = 1 with a downcaster; publish 2 in the next, B"
    )


def test_consumer_that_does_not_read_the_newest_version_is_named():
    release = changed(add_version_2, lambda c: c["consumers"]["Shipping"].update(BoxPacked=[1]))

    (problem,) = find_problems(RELEASED, release)

    assert problem.startswith("Shipping does not read BoxPacked 2: let all its consumers read it")


def test_consumer_that_drops_a_version_is_named():
    release = changed(
        publish_2, lambda c: c["consumers"]["Shipping"].update(BoxPacked=[2]), of=RELEASE_A
    )

    (problem,) = find_problems(RELEASE_A, release)

    assert problem == (
        "Shipping no longer reads BoxPacked 1, and such events are in queues and in the archive: "
        "keep the upcaster from 1, in every release"
    )


@pytest.mark.parametrize(
    ("released", "current", "line"),
    [
        (RELEASED, RELEASED, "no event changes its version: one release"),
        (
            changed(publish_2, of=RELEASE_A),
            RELEASE_A,
            "BoxPacked: goes back to publishing version 1",
        ),
        (changed(lambda c: c["events"].clear()), RELEASED, "BoxPacked: a new event, version 1"),
    ],
)
def test_release_is_described(released: Any, current: Any, line: str):
    assert describe_release(released, current) == [line]
