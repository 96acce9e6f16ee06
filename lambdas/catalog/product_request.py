"""Parsing and validating an operator's request to put a product."""

from collections.abc import Mapping

from lambdas.catalog.api import ProductPath, PutOffer, PutProduct, parse_moment
from lambdas.catalog.domain import RequestedOffer, RequestedProduct
from lambdas.contracts.problems import FieldProblem, InvalidRequestError
from lambdas.contracts.requests import check_request


def parse_product_request(body: object, *, path: Mapping[str, str]) -> RequestedProduct:
    """Return the product that a request's path and body describe, a ``PutProduct`` as JSON.

    Raises:
        InvalidRequestError: naming every bad field.
    """
    product, problems = check_request(ProductPath, path)
    put, more = check_request(PutProduct, body)
    offers = [_requested(offer) for offer in (put.offers if put else ())]
    repeats = [
        FieldProblem(field=f"offers[{i}]", problem=f"repeats offers[{offers.index(offer)}]")
        for i, offer in enumerate(offers)
        if offer in offers[:i]
    ]
    if put is None or product is None or repeats:
        raise InvalidRequestError([*problems, *more, *repeats])
    return RequestedProduct(sku=product.sku, name=put.name, offers=offers)


def _requested(offer: PutOffer) -> RequestedOffer:
    return RequestedOffer(
        currency=offer.currency,
        unit_price=offer.unit_price,
        valid_from=parse_moment(offer.valid_from) if offer.valid_from else None,
        valid_until=parse_moment(offer.valid_until) if offer.valid_until else None,
    )
