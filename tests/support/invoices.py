"""A confirmed order, made with the standard library only, as in the function."""

from dataclasses import replace
from typing import Any

from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.parsing import parse_detail
from tests.contracts.catalog import detail_of


def confirmed(**changed: Any) -> Any:
    parsed = parse_detail(OrderConfirmed, detail_of(OrderConfirmed))
    return replace(parsed, data=replace(parsed.data, **changed))
