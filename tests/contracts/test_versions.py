"""Versions of a contract: reading and publishing older ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.event import Event
from lambdas.contracts.parsing import parse_detail, parse_event
from lambdas.contracts.patterns import filter_policy, live_pattern, record_filter, replay_pattern


def add_unit(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Version 1 to 2: a length had no unit."""
    return {**data, "unit": "cm"}


def rename_length(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Version 2 to 3: ``length`` is called ``size``."""
    return {**{n: v for n, v in data.items() if n != "length"}, "size": data["length"]}


def restore_length(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Version 3 to 2."""
    return {**{n: v for n, v in data.items() if n != "size"}, "length": data["size"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxMeasured(Event):
    """An event in the second of two releases: it publishes what it models."""

    source: ClassVar = "com.aws.boxes"
    version: ClassVar = 3
    upcasters: ClassVar = {1: add_unit, 2: rename_length}

    order_id: str
    size: int
    unit: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxMeasuredBefore(Event):
    """The same in the first of the two releases: it reads version 3 and publishes 2."""

    source: ClassVar = "com.aws.boxes"
    version: ClassVar = 3
    publishes: ClassVar = 2
    upcasters: ClassVar = {1: add_unit, 2: rename_length}
    downcasters: ClassVar = {3: restore_length}

    order_id: str
    size: int
    unit: str


DATA_BY_VERSION = {
    1: {"order_id": "a", "length": 30},
    2: {"order_id": "a", "length": 30, "unit": "cm"},
    3: {"order_id": "a", "size": 30, "unit": "cm"},
}


def detail(version: int, data: Any) -> dict[str, Any]:
    metadata = {
        "event_id": "e",
        "subject": "a",
        "sequence": 1,
        "correlation_id": "a",
        "causation_id": "r",
        "occurred_at": "2026-12-01T09:00:00Z",
        "schema_version": version,
    }
    return {"metadata": metadata, "data": data}


def measured(event: type[Any]) -> EventEnvelope[Any]:
    return envelope(
        event(order_id="a", size=30, unit="cm"),
        subject="a",
        sequence=1,
        correlation_id="a",
        causation_id="r",
        occurred_at="2026-12-01T09:00:00Z",
    )


@pytest.mark.parametrize("version", DATA_BY_VERSION)
def test_every_version_is_read_as_the_newest(version: int):
    parsed = parse_detail(BoxMeasured, detail(version, DATA_BY_VERSION[version]))

    assert parsed.data == BoxMeasured(order_id="a", size=30, unit="cm")
    assert parsed.metadata.schema_version == version


@pytest.mark.parametrize("version", [0, 4])
def test_unknown_version_is_refused_naming_event_version_and_what_is_read(version: int):
    delivered = {
        "source": "com.aws.boxes",
        "detail-type": "BoxMeasured",
        "detail": detail(version, DATA_BY_VERSION[3]),
    }

    with pytest.raises(ContractError) as refused:
        parse_event([BoxMeasured], delivered)

    reads = "this code reads 1 and 2 and 3"
    assert str(refused.value) == f"not a BoxMeasured: schema_version is {version}, {reads}"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"order_id": "a"}, "it does not fit version 2: KeyError: 'length'"),
        (None, "it must be an object, not null"),
        ([1], "it must be an object, not list"),
        ({"length": "30"}, "size must be an integer, not str"),
    ],
)
def test_data_that_do_not_fit_their_older_version_are_refused(data: Any, problem: str):
    with pytest.raises(ContractError, match="not a BoxMeasured") as refused:
        parse_detail(BoxMeasured, detail(1, data))

    assert problem in refused.value.problems


def test_conversion_leaves_what_was_delivered_as_it_was():
    delivered = detail(1, {"order_id": "a", "length": 30})

    parse_detail(BoxMeasured, delivered)

    assert delivered == detail(1, {"order_id": "a", "length": 30})


def test_newest_version_is_published_by_default():
    published = measured(BoxMeasured).to_lambda_response()

    assert BoxMeasured.publishes == published["metadata"]["schema_version"] == 3
    assert published["data"] == {**DATA_BY_VERSION[3], "note": None}


def test_older_version_is_published_while_the_class_says_so():
    published = measured(BoxMeasuredBefore).to_lambda_response()

    assert published["metadata"]["schema_version"] == 2
    assert published["data"] == DATA_BY_VERSION[2]


def test_next_release_reads_what_this_one_publishes():
    published = measured(BoxMeasuredBefore).to_lambda_response()

    assert parse_detail(BoxMeasured, published).data == measured(BoxMeasured).data


def test_event_of_an_older_version_is_published_again_in_the_version_of_the_code():
    parsed = parse_detail(BoxMeasured, detail(1, DATA_BY_VERSION[1]))

    published = parsed.to_lambda_response()

    assert published["metadata"]["schema_version"] == 3
    assert published["metadata"]["event_id"] == "e"


@pytest.mark.parametrize("pattern", [live_pattern, replay_pattern, filter_policy, record_filter])
def test_patterns_name_no_version(pattern: Any):
    assert "version" not in str(pattern([BoxMeasured]))
