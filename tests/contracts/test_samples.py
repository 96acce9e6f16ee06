"""Each version of an event has a sample, which this code reads and writes the same."""

import json
from typing import Any

import pytest

from lambdas.contracts.codec import encode, field_types
from lambdas.contracts.envelope import envelope
from lambdas.contracts.event import Event, Metadata
from lambdas.contracts.parsing import parse_detail
from tests.contracts.catalog import EVENTS, GUIDE, SAMPLES, detail_of, read, sample_of

by_name = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)


versions = pytest.mark.parametrize(
    ("event", "version"), [(event, version) for event in EVENTS for version in event.reads()]
)


def without_later_fields(written: Any, sample: Any) -> Any:
    """What is written, without the optional fields that are newer than its sample.

    They have their default, because the sample was read without them.
    """
    if isinstance(written, dict) and isinstance(sample, dict):
        return {
            name: without_later_fields(value, sample.get(name))
            for name, value in written.items()
            if name in sample
        }
    if isinstance(written, list) and isinstance(sample, list) and len(written) == len(sample):
        return [without_later_fields(*each) for each in zip(written, sample, strict=True)]
    return written


class TestSamples:
    """A sample is never edited: a new meaning is a new version, with a sample of its own.

    A sample may lack optional fields that its version got later.
    """

    def test_samples_are_one_for_each_version(self):
        wanted = {sample_of(event, version) for event in EVENTS for version in event.reads()}

        assert set(SAMPLES.iterdir()) == wanted, GUIDE

    @versions
    def test_every_version_is_read_whole(self, event: type[Event], version: int):
        detail = detail_of(event, version)

        parsed = parse_detail(event, detail)

        assert type(parsed.data) is event
        assert encode(parsed.metadata) == detail["metadata"]
        kept = set(detail["data"]) & set(field_types(event))
        data = json.loads(json.dumps(encode(parsed.data)))
        assert {name: data[name] for name in kept} == {name: detail["data"][name] for name in kept}

    @by_name
    def test_version_that_is_published_is_read_and_written_the_same(self, event: type[Event]):
        delivered = read(sample_of(event))
        parsed = parse_detail(event, detail_of(event))
        if event.topic:
            assert without_later_fields(json.loads(parsed.to_sns_message()), delivered) == delivered
            return
        if event.via_destination:
            response = delivered["detail"]["responsePayload"]
            assert without_later_fields(parsed.to_lambda_response(), response) == response
            return

        entry = parsed.to_put_events_entry("Orders")

        detail = delivered["detail"]
        assert without_later_fields(json.loads(entry["Detail"]), detail) == detail
        assert entry["Source"] == delivered["source"]
        assert entry["DetailType"] == delivered["detail-type"]
        assert entry["EventBusName"] == "Orders"
        assert entry["Time"].strftime("%Y-%m-%dT%H:%M:%SZ") == delivered["time"]

    @by_name
    def test_republished_event_keeps_its_id(self, event: type[Event]):
        parsed = parse_detail(event, detail_of(event))
        first = parsed.metadata

        again = envelope(
            parsed.data,
            subject=first.subject,
            sequence=first.sequence,
            correlation_id=first.correlation_id,
            causation_id=first.causation_id,
            occurred_at=first.occurred_at,
        )

        assert again == parsed, (
            f"{sample_of(event).name}: its event_id must be {again.metadata.event_id}, made from "
            "its source, subject and sequence"
        )


def test_metadata_is_the_whole_envelope():
    fields = {
        "event_id",
        "subject",
        "sequence",
        "correlation_id",
        "causation_id",
        "occurred_at",
        "schema_version",
    }

    assert set(Metadata.__dataclass_fields__) == fields
