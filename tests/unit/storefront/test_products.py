"""A product's name and offers, as the latest event of a SKU says, with its availability."""

from datetime import UTC, datetime, timedelta

from lambdas.contracts.catalog import Offer, OffersChanged
from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.storefront.availability import Availability
from lambdas.storefront.products import build_product_offers, render_product

NOW = datetime(2026, 12, 1, 8, 26, tzinfo=UTC)


def offer(price: int, *, begins: int = -60, ends: int | None = None) -> Offer:
    """An offer that begins and ends so many minutes from now."""

    def at(minutes: int) -> str:
        return (NOW + timedelta(minutes=minutes)).isoformat()

    until = None if ends is None else at(ends)
    return Offer(currency="GBP", unit_price=price, valid_from=at(begins), valid_until=until)


def changed(sequence: int, *offers: Offer, sku: str = "A") -> EventEnvelope[OffersChanged]:
    return envelope(
        OffersChanged(sku=sku, name=f"Article {sku}", offers=offers),
        subject=sku,
        sequence=sequence,
        correlation_id="c",
        causation_id="c",
        occurred_at=NOW.isoformat(),
    )


STOCK = Availability(
    sku="A", state="IN_STOCK", available=7, sequence=3, changed_at="2026-01-01T00:00:03+00:00"
)


class TestDomain:
    def test_latest_event_of_each_sku_wins_in_any_position(self):
        events = [changed(2, offer(2)), changed(3, offer(3)), changed(1, offer(1)),
                  changed(1, sku="B")]  # fmt: skip

        assert {each.sku: each.offers for each in build_product_offers(events)} == {
            "A": (offer(3),),
            "B": (),
        }

    def test_offers_that_are_valid_now_are_shown_with_the_stock(self):
        running, ending = offer(255), offer(295, ends=1)
        (product,) = build_product_offers(
            [changed(1, running, ending, offer(199, ends=0), offer(325, begins=1))]
        )

        shown = render_product(STOCK, product, now=NOW)

        assert shown is not None
        assert [each["unit_price"] for each in shown.pop("offers")] == [255, 295]
        assert shown == {
            "sku": "A",
            "name": "Article A",
            "state": "IN_STOCK",
            "available": 7,
            "changed_at": "2026-01-01T00:00:03+00:00",
        }

    def test_product_without_stock_is_sold_out(self):
        (product,) = build_product_offers([changed(1, offer(255))])

        shown = render_product(None, product, now=NOW)

        assert shown is not None
        assert (shown["state"], shown["available"]) == ("SOLD_OUT", 0)

    def test_stock_outside_the_catalogue_has_no_name_and_no_offer(self):
        shown = render_product(STOCK, None, now=NOW)

        assert shown is not None
        assert (shown["name"], shown["offers"]) == (None, [])

    def test_unknown_product_is_none(self):
        assert render_product(None, None, now=NOW) is None
