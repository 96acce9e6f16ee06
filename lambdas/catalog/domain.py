"""A product, and how a request of an operator changes it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lambdas.contracts.catalog import ENDED_OFFERS_KEPT, MAX_OFFERS, Offer, OffersChanged
from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.problems import FieldProblem, InvalidRequestError
from lambdas.contracts.times import format_time
from lambdas.contracts.values import SequenceNumber, Time


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedOffer:
    """An offer as an operator requests it."""

    currency: str
    unit_price: int
    valid_from: datetime | None
    """None means as soon as possible, or since it began if it is on offer already."""
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedProduct:
    """A product as an operator requests it. Its offers replace all earlier ones."""

    sku: str
    name: str
    offers: Sequence[RequestedOffer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product, field by field as its table stores it."""

    sku: str
    name: str
    offers: tuple[Offer, ...]
    """By their beginning; with those that ended within ``ENDED_OFFERS_KEPT``."""
    sequence: SequenceNumber
    """The number of events published for the product."""
    changed_at: Time
    request_id: str
    """The id of the request that changed it last."""


def change_product(
    stored: Product | None,
    requested: RequestedProduct,
    *,
    now: datetime,
    lead_time: timedelta,
    request_id: str,
) -> Product:
    """Return the product as requested; ``stored`` itself if that changes nothing.

    A new offer begins ``lead_time`` from now at the earliest: by then every view has it. A running
    offer that is not requested any more ends at that moment, so that there is no time without a
    price. An offer that has not begun and is not requested any more is dropped.

    Raises:
        InvalidRequestError: an offer would end before it begins, or before now, when customers have
            just read its price; or there are too many.
    """
    earliest = now + lead_time
    before = stored.offers if stored else ()
    wanted = [_schedule(offer, before, now=now, earliest=earliest) for offer in requested.offers]
    problems = [
        FieldProblem(
            field=f"offers[{i}].valid_until",
            problem=f"must be in the future, after the offer begins at {offer.valid_from}",
        )
        for i, offer in enumerate(wanted)
        if offer.valid_until
        and not max(_starts(offer), now) < datetime.fromisoformat(offer.valid_until)
    ]
    ended = _ended(before, wanted, now=now, earliest=earliest)
    offers = sorted({*wanted, *ended}, key=lambda each: (*_order(each), each.valid_until or ""))
    if len(offers) > MAX_OFFERS:
        problem = (
            f"would be {len(offers)}, with those that ended within a day; at most {MAX_OFFERS} fit"
        )
        problems.append(FieldProblem(field="offers", problem=problem))
    if problems:
        raise InvalidRequestError(problems)
    after = Product(
        sku=requested.sku,
        name=requested.name,
        offers=tuple(offers),
        sequence=stored.sequence + 1 if stored else 1,
        changed_at=format_time(now),
        request_id=request_id,
    )
    if stored and (stored.name, stored.offers) == (after.name, after.offers):
        return stored
    return after


def _schedule(
    wanted: RequestedOffer, before: Sequence[Offer], *, now: datetime, earliest: datetime
) -> Offer:
    """Return the offer with the time at which it begins.

    An offer that exists with this price keeps its beginning, if the request allows it. A new one
    begins as requested, but not before ``earliest``.
    """
    starts = max(wanted.valid_from or earliest, earliest)
    for known in before:
        same = (known.currency, known.unit_price) == (wanted.currency, wanted.unit_price)
        if (
            same
            and not _is_over(known, at=now)
            and (wanted.valid_from or _starts(known)) <= _starts(known) <= starts
        ):
            starts = _starts(known)
    return Offer(
        currency=wanted.currency,
        unit_price=wanted.unit_price,
        valid_from=format_time(starts),
        valid_until=format_time(wanted.valid_until) if wanted.valid_until else None,
    )


def _ended(
    before: Sequence[Offer], wanted: Sequence[Offer], *, now: datetime, earliest: datetime
) -> Iterator[Offer]:
    """Yield the offers that have begun and are not wanted any more.

    Running ones end at ``earliest``. Ended ones are kept for ``ENDED_OFFERS_KEPT``.
    """
    kept = {_order(offer) for offer in wanted}
    for offer in before:
        if _order(offer) in kept or _starts(offer) > now:
            continue
        if not _is_over(offer, at=earliest):
            yield replace(offer, valid_until=format_time(earliest))
        elif not _is_over(offer, at=now - ENDED_OFFERS_KEPT):
            yield offer


def _is_over(offer: Offer, *, at: datetime) -> bool:
    return offer.valid_until is not None and datetime.fromisoformat(offer.valid_until) <= at


def _starts(offer: Offer) -> datetime:
    return datetime.fromisoformat(offer.valid_from)


def _order(offer: Offer) -> tuple[str, str, int]:
    return offer.valid_from, offer.currency, offer.unit_price


def event_for_change(before: Product | None, after: Product) -> EventEnvelope[OffersChanged] | None:
    """Return OffersChanged for a change of a product's row; None if ``sequence`` did not change."""
    if before is not None and before.sequence == after.sequence:
        return None
    return envelope(
        OffersChanged(sku=after.sku, name=after.name, offers=after.offers),
        subject=after.sku,
        sequence=after.sequence,
        correlation_id=after.request_id,
        causation_id=after.request_id,
        occurred_at=after.changed_at,
    )
