"""Parsing and validating a customer's order request."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any, TypeGuard

from lambdas.contracts.orders import OrderState
from lambdas.contracts.values import MAX_SKUS, PricedLine
from lambdas.orders.domain import Order, next_check, order_id, shard

MAX_LINES = 1_000
MAX_QUANTITY = 100_000
MAX_UNIT_PRICE = 100_000_000
MAX_TEXT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """What is wrong with one field of a request."""

    field: str
    problem: str


class BadRequestError(Exception):
    """The request is not an order; ``errors`` names every bad field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{p.field} {p.problem}" for p in errors))
        self.errors = errors


def parse_order_request(
    body: object, *, customer_id: str, idempotency_key: str, request_id: str, now: str
) -> Order:
    """Return the order that a request's body describes.

    The body is ``{"currency": "GBP", "country": "United Kingdom", "lines": [{"sku": "85123A",
    "quantity": 6, "unit_price": 255}]}``, prices in minor units. Lines of one SKU at one price are
    summed.

    Raises:
        BadRequestError: naming every bad field.
    """
    errors: list[FieldError] = []
    fields = body if isinstance(body, Mapping) else {}
    if not isinstance(body, Mapping):
        errors.append(FieldError(field="body", problem="must be a JSON object"))
    if not 1 <= len(idempotency_key) <= MAX_TEXT:
        errors.append(
            FieldError(
                field="Idempotency-Key", problem=f"must be a header of 1 to {MAX_TEXT} letters"
            )
        )
    currency = _currency(fields.get("currency"), errors)
    country = _text(fields, "country", errors)
    lines = _lines(fields.get("lines"), errors)
    if errors:
        raise BadRequestError(errors)
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


def _currency(value: object, errors: list[FieldError]) -> str:
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value):
        errors.append(FieldError(field="currency", problem="must be three capitals, such as GBP"))
        return ""
    return value


def _text(fields: Mapping[str, Any], name: str, errors: list[FieldError]) -> str:
    value = fields.get(name)
    if not _is_text(value) or not 1 <= len(value.strip()) <= MAX_TEXT:
        problem = f"must be a text of 1 to {MAX_TEXT} letters"
        errors.append(FieldError(field=name, problem=problem))
        return ""
    return value.strip()


def _is_text(value: object) -> TypeGuard[str]:
    """Whether ``value`` is a text that can be stored. JSON can also contain lone surrogates."""
    return isinstance(value, str) and value.encode(errors="ignore").decode() == value


def _lines(value: object, errors: list[FieldError]) -> list[PricedLine]:
    if not isinstance(value, list) or not value:
        errors.append(FieldError(field="lines", problem="must be an array of at least one line"))
        return []
    if len(value) > MAX_LINES:
        # Each line may have an error of its own, and a response is limited to 6 MB.
        problem = f"must be at most {MAX_LINES} lines, not {len(value)}"
        errors.append(FieldError(field="lines", problem=problem))
        return []
    summed: dict[str, PricedLine] = {}
    for i, raw in enumerate(value):
        line = _line(f"lines[{i}]", raw, errors)
        if line is None:
            continue
        before = summed.get(line.sku, replace(line, quantity=0))
        if before.unit_price != line.unit_price:
            problem = f"differs from the price of another line of {line.sku}"
            errors.append(FieldError(field=f"lines[{i}].unit_price", problem=problem))
        summed[line.sku] = replace(line, quantity=before.quantity + line.quantity)
        if summed[line.sku].quantity > MAX_QUANTITY:
            problem = f"makes more than {MAX_QUANTITY} of {line.sku}"
            errors.append(FieldError(field=f"lines[{i}].quantity", problem=problem))
    if len(summed) > MAX_SKUS:
        problem = f"must name at most {MAX_SKUS} SKUs, not {len(summed)}"
        errors.append(FieldError(field="lines", problem=problem))
    return list(summed.values())


def _line(path: str, raw: object, errors: list[FieldError]) -> PricedLine | None:
    if not isinstance(raw, Mapping):
        errors.append(FieldError(field=path, problem="must be an object"))
        return None
    found = len(errors)
    sku = raw.get("sku")
    if not _is_text(sku) or not 1 <= len(sku) <= MAX_TEXT or sku != sku.strip():
        problem = f"must be a text of 1 to {MAX_TEXT} letters without space around it"
        errors.append(FieldError(field=f"{path}.sku", problem=problem))
    for name, maximum in (("quantity", MAX_QUANTITY), ("unit_price", MAX_UNIT_PRICE)):
        number = raw.get(name)
        if type(number) is not int or not 1 <= number <= maximum:
            problem = f"must be a whole number from 1 to {maximum}"
            errors.append(FieldError(field=f"{path}.{name}", problem=problem))
    if len(errors) > found:
        return None
    return PricedLine(sku=raw["sku"], quantity=raw["quantity"], unit_price=raw["unit_price"])
