"""Changes are read from a stream again as a function would get them, or said to be gone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.dlq.stream_records import MAX_EMPTY_READS, StreamReadError, matches_filter, read_changes
from tests.unit.ops.dead_letter_samples import BATCH

FILTERS = [{"eventName": ["INSERT", "MODIFY"]}]


def change(number: int, kind: str = "MODIFY") -> dict[str, Any]:
    return {
        "eventID": str(number),
        "eventName": kind,
        "dynamodb": {
            "ApproximateCreationDateTime": datetime(2026, 12, 1, tzinfo=UTC),
            "SequenceNumber": str(number),
            "NewImage": {"id": {"S": "x"}, "bytes": {"B": b"\x00"}},
        },
    }


class FakeStream:
    """A shard that answers with these pages, and then with nothing for ever."""

    class exceptions:  # noqa: N801 -- boto3's name
        class TrimmedDataAccessException(Exception):
            pass

        class ResourceNotFoundException(Exception):
            pass

    def __init__(self, *pages: Sequence[Any], trimmed: bool = False, closed: bool = False) -> None:
        self._pages = list(pages)
        self._trimmed = trimmed
        self._closed = closed
        self.asked = 0

    def get_shard_iterator(self, **where: str) -> dict[str, str]:
        assert where["ShardIteratorType"] == "AT_SEQUENCE_NUMBER"
        assert where["SequenceNumber"] == BATCH["startSequenceNumber"]
        if self._trimmed:
            raise self.exceptions.TrimmedDataAccessException
        return {"ShardIterator": "0"}

    def get_records(self, *, ShardIterator: str) -> dict[str, Any]:  # noqa: N803
        self.asked += 1
        page = int(ShardIterator)
        records = self._pages[page] if page < len(self._pages) else []
        ended = self._closed and page + 1 >= len(self._pages)
        return {"Records": records} | ({} if ended else {"NextShardIterator": str(page + 1)})


def numbers(stream: FakeStream, **options: Any) -> list[str]:
    records = read_changes(stream, BATCH, **options)
    return [record["dynamodb"]["SequenceNumber"] for record in records]


def test_records_of_the_batch_and_no_others_are_read():
    stream = FakeStream([change(100)], [], [change(101), change(102), change(103)], [change(104)])

    assert numbers(stream) == ["100", "101", "102"]
    assert stream.asked == 3


def test_records_that_no_filter_matches_are_left_out():
    stream = FakeStream([change(100), change(101, "REMOVE"), change(102)])

    assert numbers(stream, filters=FILTERS) == ["100", "102"]


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "silent"])
def test_incomplete_batch_is_an_error(closed: bool):
    stream = FakeStream([change(100)], closed=closed)

    with pytest.raises(StreamReadError, match="only the first"):
        numbers(stream)

    assert stream.asked == (1 if closed else 1 + MAX_EMPTY_READS)


def test_records_have_the_format_that_functions_get():
    (record,) = read_changes(FakeStream([change(102)], closed=True), BATCH)

    assert record["eventSourceARN"] == BATCH["streamArn"]
    assert record["dynamodb"]["ApproximateCreationDateTime"] == 1_796_083_200
    assert record["dynamodb"]["NewImage"]["bytes"] == {"B": "AA=="}


@pytest.mark.parametrize("stream", [FakeStream(trimmed=True), FakeStream(closed=True)])
def test_trimmed_batch_is_an_error(stream: FakeStream):
    with pytest.raises(StreamReadError, match="no longer has"):
        numbers(stream)


def test_stream_of_another_service_is_an_error():
    with pytest.raises(StreamReadError, match="kinesis"):
        read_changes(FakeStream(), {**BATCH, "streamArn": "arn:aws:kinesis:eu-west-1:1:stream/s"})


def test_filter_with_other_than_exact_values_is_an_error():
    record = change(100)

    assert matches_filter({"dynamodb": {"NewImage": {"id": {"S": ["x", "y"]}}}}, record)
    assert not matches_filter({"dynamodb": {"OldImage": {"id": {"S": ["x"]}}}}, record)
    with pytest.raises(StreamReadError, match="more than values"):
        matches_filter({"eventName": [{"prefix": "IN"}]}, record)
