"""How a request changes a product: when its offers begin and end, and what is published."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from lambdas.catalog.domain import (
    Product,
    RequestedOffer,
    RequestedProduct,
    change_product,
    event_for_change,
)
from lambdas.contracts.catalog import ENDED_OFFERS_KEPT, MAX_OFFERS
from lambdas.contracts.problems import InvalidRequestError
from lambdas.contracts.times import format_time

NOW = datetime(2026, 12, 1, 8, 26, tzinfo=UTC)
LEAD = timedelta(minutes=2)


def wanted(
    price: int, *, begins: datetime | None = None, ends: datetime | None = None
) -> RequestedOffer:
    return RequestedOffer(currency="GBP", unit_price=price, valid_from=begins, valid_until=ends)


def put(
    stored: Product | None, *offers: RequestedOffer, at: datetime = NOW, name: str = "Heart"
) -> Product:
    return change_product(
        stored,
        RequestedProduct(sku="85123A", name=name, offers=offers),
        now=at,
        lead_time=LEAD,
        request_id="request-1",
    )


def periods(product: Product) -> Sequence[tuple[int, str, str | None]]:
    return [(each.unit_price, each.valid_from, each.valid_until) for each in product.offers]


def minutes(number: float) -> str:
    return format_time(NOW + timedelta(minutes=number))


class TestBeginning:
    @pytest.mark.parametrize("begins", [None, NOW - timedelta(days=1), NOW + LEAD / 2])
    def test_new_offer_begins_after_the_lead_time_at_the_earliest(self, begins: datetime | None):
        assert periods(put(None, wanted(255, begins=begins))) == [(255, minutes(2), None)]

    def test_offer_for_later_begins_when_it_says(self):
        later = NOW + timedelta(hours=1)

        assert periods(put(None, wanted(255, begins=later))) == [(255, minutes(60), None)]

    def test_offer_that_is_put_again_keeps_its_beginning(self):
        first = put(None, wanted(255))

        again = put(first, wanted(255), wanted(295), at=NOW + timedelta(hours=1))

        assert periods(again) == [(255, minutes(2), None), (295, minutes(62), None)]

    def test_offer_that_is_put_again_begins_earlier_or_later_as_requested(self):
        first = put(None, wanted(255, begins=NOW + timedelta(hours=2)))

        earlier = put(first, wanted(255), at=NOW + timedelta(hours=1))
        later = put(
            earlier, wanted(255, begins=NOW + timedelta(hours=3)), at=NOW + timedelta(hours=2)
        )

        assert periods(earlier) == [(255, minutes(62), None)]
        assert periods(later) == [(255, minutes(62), minutes(122)), (255, minutes(180), None)]

    def test_offer_that_was_over_begins_anew(self):
        over = put(None, wanted(255, ends=NOW + timedelta(minutes=10)))

        again = put(over, wanted(255), at=NOW + timedelta(hours=1))

        assert periods(again) == [(255, minutes(2), minutes(10)), (255, minutes(62), None)]

    def test_end_before_the_beginning_is_named(self):
        with pytest.raises(InvalidRequestError) as bad:
            put(None, wanted(1), wanted(255, ends=NOW + timedelta(minutes=2)))

        assert [problem.field for problem in bad.value.errors] == ["offers[1].valid_until"]


class TestEnding:
    @pytest.mark.parametrize("minute", [2, 10])
    def test_running_offer_that_is_left_out_ends_when_the_new_one_begins(self, minute: int):
        """At its first moment it may have been shown already."""
        running = put(None, wanted(255))

        changed = put(running, wanted(295), at=NOW + timedelta(minutes=minute))

        begins = minutes(minute + 2)
        assert periods(changed) == [(255, minutes(2), begins), (295, begins, None)]

    @pytest.mark.parametrize("ends", [4, 10])
    def test_end_of_a_running_offer_that_is_over_is_named(self, ends: float):
        """Customers have just read its price, which is honoured for a while after its end."""
        running = put(None, wanted(255))
        ended = wanted(255, ends=NOW + timedelta(minutes=ends))

        with pytest.raises(InvalidRequestError) as bad:
            put(running, wanted(295), ended, at=NOW + timedelta(minutes=10))

        assert [problem.field for problem in bad.value.errors] == ["offers[1].valid_until"]

    def test_offer_that_has_not_begun_is_dropped(self):
        coming = put(None, wanted(2_550))

        corrected = put(coming, wanted(255), at=NOW + timedelta(minutes=1))

        assert periods(corrected) == [(255, minutes(3), None)]

    def test_ended_offer_is_forgotten_after_a_day(self):
        ending = put(put(None, wanted(255)), wanted(295), at=NOW + timedelta(minutes=10))
        end = NOW + timedelta(minutes=12)

        kept = put(ending, wanted(295), at=end + ENDED_OFFERS_KEPT - timedelta(seconds=1))
        forgotten = put(ending, wanted(295), at=end + ENDED_OFFERS_KEPT)

        assert [price for price, *_ in periods(kept)] == [255, 295]
        assert [price for price, *_ in periods(forgotten)] == [295]

    def test_more_offers_than_fit_are_named(self):
        full = put(None, *(wanted(price) for price in range(1, MAX_OFFERS + 1)))

        with pytest.raises(InvalidRequestError, match="would be 101"):
            put(full, wanted(MAX_OFFERS + 1), at=NOW + timedelta(hours=1))


class TestEvent:
    def test_each_change_has_the_next_sequence_and_the_whole_offers(self):
        first = put(None, wanted(255))
        second = put(first, wanted(255), name="White heart", at=NOW + timedelta(minutes=1))

        one, two = event_for_change(None, first), event_for_change(first, second)

        assert one is not None
        assert two is not None
        assert (one.metadata.sequence, two.metadata.sequence) == (1, 2)
        assert (two.data.name, two.data.offers) == ("White heart", second.offers)
        assert two.metadata.subject == "85123A"

    def test_request_that_changes_nothing_is_no_change(self):
        first = put(None, wanted(255), wanted(295))

        again = put(first, wanted(295), wanted(255), at=NOW + timedelta(hours=1))

        assert again is first
        assert event_for_change(first, again) is None

    def test_offers_that_differ_only_in_their_ends_are_no_change_either(self):
        """Were they in another order each time, each request would publish an event."""
        ends = [NOW + timedelta(hours=hour) for hour in range(1, 9)]
        first = put(None, *(wanted(255, ends=end) for end in ends))

        again = put(first, *(wanted(255, ends=end) for end in reversed(ends)))

        assert [ended for _, _, ended in periods(first)] == list(map(format_time, ends))
        assert again is first
