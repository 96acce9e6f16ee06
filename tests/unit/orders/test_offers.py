"""Checking the prices of a request against the offers."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from lambdas.contracts.catalog import Offer
from lambdas.orders.offers import MAX_OFFERS_SHOWN, PriceNotOnOfferError, check_prices
from tests.support.offers import NOW, offer
from tests.support.order_requests import line

GRACE = timedelta(minutes=15)


def refused(*lines: dict[str, Any], offers: Mapping[str, Sequence[Offer]]) -> list[Any]:
    """What is wrong with the lines; empty if nothing is."""
    try:
        check_prices(lines, currency="GBP", offers=offers, now=NOW, grace=GRACE)
    except PriceNotOnOfferError as bad:
        return list(bad.errors)
    return []


@pytest.mark.parametrize(
    "valid",
    [offer(), offer(begins=0), offer(ends=60), offer(ends=0), offer(ends=-894)],
    ids=["running", "just begun", "ending", "just ended", "ended within the grace"],
)
def test_price_on_offer_or_just_ended_is_accepted(valid: Offer):
    assert refused(line(), offers={"85123A": (offer(999), valid)}) == []


@pytest.mark.parametrize(
    "other",
    [offer(254), offer(currency="EUR"), offer(begins=6), offer(ends=-900)],
    ids=["another price", "another currency", "not begun", "ended before the grace"],
)
def test_price_that_is_not_on_offer_is_refused(other: Offer):
    (problem,) = refused(line(), offers={"85123A": (other,)})

    assert problem.field == "lines[0].unit_price"
    assert problem.problem == "is not on offer for 85123A in GBP"


def test_sku_that_is_not_in_the_catalogue_is_refused():
    (problem,) = refused(line(), offers={})

    assert problem.offers == ()


def test_each_refused_line_is_named_with_the_offers_that_are_valid_now():
    offers = {"85123A": (offer(), offer(295), offer(199, ends=-60), offer(325, begins=60))}

    first, second = refused(line(unit_price=1), line(), line(unit_price=2), offers=offers)

    assert (first.field, second.field) == ("lines[0].unit_price", "lines[2].unit_price")
    assert [each.unit_price for each in first.offers] == [255, 295]


def test_refusal_of_many_lines_names_each_with_a_bounded_number_of_offers():
    offers = {f"S{n}": tuple(offer(100 + i) for i in range(60)) for n in range(1_000)}

    problems = refused(*(line(sku=sku, unit_price=1) for sku in offers), offers=offers)

    assert [each.field for each in problems] == [f"lines[{n}].unit_price" for n in range(1_000)]
    assert [len(each.offers) for each in problems[:5]] == [60, 60, 60, 20, 0]
    assert sum(len(each.offers) for each in problems) == MAX_OFFERS_SHOWN
