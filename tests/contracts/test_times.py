"""The one format of times."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.times import format_time, reformat_time


def test_time_is_utc_with_milliseconds():
    at = datetime(2026, 12, 1, 9, 26, 0, 123_999, tzinfo=timezone(timedelta(hours=1)))

    assert format_time(at) == "2026-12-01T08:26:00.123Z"
    assert format_time(datetime(2026, 12, 1, tzinfo=UTC)) == "2026-12-01T00:00:00.000Z"


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2, max_size=2))
def test_texts_sort_like_times_of_different_milliseconds(moments: list[datetime]):
    first, second = (format_time(each) for each in sorted(moments))

    assert first <= second
    assert datetime.fromisoformat(first).tzinfo is not None


def test_time_of_an_older_release_is_reformatted():
    assert reformat_time("2026-12-01T08:26:00+00:00") == "2026-12-01T08:26:00.000Z"
    assert reformat_time("2026-12-01T08:26:00.123456+00:00") == "2026-12-01T08:26:00.123Z"
    assert reformat_time("2026-12-01T08:26:00.123Z") == "2026-12-01T08:26:00.123Z"


def test_time_without_an_offset_is_none():
    with pytest.raises(ValueError, match="must be a time with its offset"):
        reformat_time("2026-12-01T08:26:00")
