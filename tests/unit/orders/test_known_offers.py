"""Prices that were read a moment ago are not read again, and are judged as if they were."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.catalog import Offer
from lambdas.orders.known_offers import KEPT_SKUS, KnownOffers
from lambdas.orders.offers import PriceNotOnOfferError, check_prices
from tests.support.offers import NOW, offer
from tests.support.order_requests import line

GRACE = timedelta(minutes=15)


class Table:
    """A table of offers that notes which SKUs were read, by request."""

    def __init__(self, **offers: tuple[Offer, ...]) -> None:
        self.rows = offers
        self.requests: list[list[str]] = []

    def find(self, skus: Iterable[str]) -> dict[str, tuple[Offer, ...]]:
        self.requests.append(list(skus))
        return {sku: self.rows[sku] for sku in self.requests[-1] if sku in self.rows}


def of(table: Table, *, grace: timedelta = GRACE) -> KnownOffers:
    return KnownOffers(table.find, grace=grace)


def find(known: KnownOffers, *lines: dict[str, Any], after: float = 0, currency: str = "GBP"):
    return known.find(lines, currency=currency, now=NOW + timedelta(seconds=after))


def test_offers_of_all_lines_are_read_in_one_request():
    table = Table(A=(offer(),), B=(offer(),))

    found = find(of(table), line(sku="A"), line(sku="B"), line(sku="A"))

    assert found == table.rows
    assert table.requests == [["A", "B"]]


def test_price_that_a_copy_confirms_is_not_read_again():
    table = Table(A=(offer(),))
    known = of(table)
    find(known, line(sku="A"))

    assert find(known, line(sku="A"), after=59) == table.rows
    assert table.requests == [["A"]]


def test_copy_of_a_minute_is_read_again():
    table = Table(A=(offer(),))
    known = of(table)
    find(known, line(sku="A"))
    table.rows = {"A": (offer(300),)}

    assert find(known, line(sku="A"), after=60) == table.rows


def test_no_copy_is_used_where_ended_offers_are_not_honoured():
    table = Table(A=(offer(),))
    known = of(table, grace=timedelta())
    find(known, line(sku="A"))
    find(known, line(sku="A"))

    assert table.requests == [["A"], ["A"]]


@pytest.mark.parametrize(
    "copied",
    [
        (),
        (offer(300),),
        (offer(currency="EUR"),),
        (offer(begins=0.5),),
        (offer(ends=0),),
    ],
    ids=["unknown", "another price", "another currency", "not begun", "ended"],
)
def test_copy_that_does_not_confirm_a_price_is_read_again(copied: tuple[Offer, ...]):
    table = Table(A=copied, B=(offer(),))
    known = of(table)
    find(known, line(sku="A"), line(sku="B"))
    table.rows["A"] = (offer(),)

    assert find(known, line(sku="A"), line(sku="B"), after=1)["A"] == (offer(),)
    assert table.requests == [["A", "B"], ["A"]]


def test_only_so_many_copies_are_kept_and_those_that_were_read_last():
    skus = [f"SKU-{n}" for n in range(KEPT_SKUS + 1)]
    table = Table(**dict.fromkeys(skus, (offer(),)))
    known = of(table)
    for sku in skus[:-1]:
        find(known, line(sku=sku))
    find(known, line(sku=skus[0]), after=60)  # read again: the second is the oldest now
    find(known, line(sku=skus[-1]), after=60)
    table.requests.clear()

    find(known, line(sku=skus[0]), after=61)
    find(known, line(sku=skus[1]), after=59)

    assert table.requests == [[skus[1]]]


seconds = st.integers(min_value=-1_000, max_value=1_000)


@given(
    ends=st.none() | seconds,
    begins=seconds,
    changed_at=st.integers(min_value=0, max_value=100),
    lead=st.integers(min_value=0, max_value=120),
    asked_at=st.integers(min_value=0, max_value=100),
    grace=st.sampled_from([0, 5, 60, 900]),
)
def test_order_is_accepted_exactly_when_the_table_would_accept_it(
    ends: int | None, begins: int, changed_at: int, lead: int, asked_at: int, grace: int
):
    """A price is taken off: dropped if it has not begun, else it ends ``lead`` seconds later."""
    before = offer(begins=begins, ends=ends)
    table = Table(A=(before,))
    known = of(table, grace=timedelta(seconds=grace))
    find(known, line(sku="A"))
    if changed_at <= asked_at:
        over = min(changed_at + lead, changed_at + lead if ends is None else ends)
        table.rows = {} if begins > changed_at else {"A": (offer(begins=begins, ends=over),)}
    now = NOW + timedelta(seconds=asked_at)

    def accepts(offers: Any) -> bool:
        try:
            check_prices(
                [line(sku="A")],
                currency="GBP",
                offers=offers,
                now=now,
                grace=timedelta(seconds=grace),
            )
        except PriceNotOnOfferError:
            return False
        return True

    answer = accepts(known.find([line(sku="A")], currency="GBP", now=now))

    assert answer == accepts(table.rows)
