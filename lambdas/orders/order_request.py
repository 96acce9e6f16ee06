"""Parsing the request to place an order."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from hashlib import sha256

from lambdas.contracts.order_states import OrderState
from lambdas.contracts.problems import FieldProblem, InvalidRequestError
from lambdas.contracts.requests import check_headers, check_request
from lambdas.contracts.values import MAX_SKUS, PricedLine
from lambdas.orders.api import MAX_LINES, MAX_QUANTITY, PlaceOrder, PlaceOrderHeaders, RequestedLine
from lambdas.orders.domain import Order, next_check, order_id, shard


def parse_order_request(
    body: object, *, customer_id: str, idempotency_key: str, request_id: str, now: str
) -> Order:
    """Return the order that a request's body describes, a ``PlaceOrder`` as JSON.

    Raises:
        InvalidRequestError: naming every bad field.
    """
    problems = check_headers(PlaceOrderHeaders, {"Idempotency-Key": idempotency_key})
    requested, more = check_request(PlaceOrder, body)
    lines, across = _sum_lines(_valid_lines(body))
    if requested is None or problems or across:
        raise InvalidRequestError([*problems, *more, *across])
    currency, country = requested.currency, requested.country.strip()
    rows = [asdict(line) for line in lines]
    id_ = order_id(customer_id, idempotency_key)
    return Order(
        order_id=id_,
        customer_id=customer_id,
        state=OrderState.PLACED,
        sequence=1,
        fingerprint=sha256(json.dumps([currency, country, rows]).encode()).hexdigest(),
        request_id=request_id,
        currency=currency,
        country=country,
        lines=tuple(lines),
        total=sum(line.quantity * line.unit_price for line in lines),
        placed_at=now,
        changed_at=now,
        open_shard=shard(id_),
        check_after=next_check(now),
    )


def _valid_lines(body: object) -> Iterator[tuple[int, RequestedLine]]:
    """Yield the lines that are valid by themselves, each with its index.

    Of a body with more lines than an order may have, the first ``MAX_LINES`` are enough.
    """
    raw = body.get("lines") if isinstance(body, Mapping) else None
    for i, each in enumerate(raw[:MAX_LINES] if isinstance(raw, list) else ()):
        line, _ = check_request(RequestedLine, each)
        if line is not None:
            yield i, line


def _sum_lines(
    lines: Iterator[tuple[int, RequestedLine]],
) -> tuple[list[PricedLine], list[FieldProblem]]:
    """Return the lines summed by SKU, and the problems that show only when they are summed."""
    problems: list[FieldProblem] = []
    summed: dict[str, PricedLine] = {}
    for i, line in lines:
        new = PricedLine(sku=line.sku, quantity=0, unit_price=line.unit_price)
        before = summed.get(line.sku, new)
        if before.unit_price != line.unit_price:
            problem = f"differs from the price of another line of {line.sku}"
            problems.append(FieldProblem(field=f"lines[{i}].unit_price", problem=problem))
        summed[line.sku] = replace(before, quantity=before.quantity + line.quantity)
        if summed[line.sku].quantity > MAX_QUANTITY:
            problem = f"makes more than {MAX_QUANTITY} of {line.sku}"
            problems.append(FieldProblem(field=f"lines[{i}].quantity", problem=problem))
    if len(summed) > MAX_SKUS:
        problem = f"must name at most {MAX_SKUS} SKUs, not {len(summed)}"
        problems.append(FieldProblem(field="lines", problem=problem))
    return list(summed.values()), problems
