"""Check rows for the columns that the command reads.

A table may have a row that none of our code wrote. This check reports it in one line.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from lambdas.contracts.codec import ContractError, decode
from lambdas.notifications.email_records import EmailRecord
from lambdas.orders.domain import Order
from lambdas.orders.rows import order_of
from lambdas.storefront.timeline import render_timeline
from ops.orders.records import Row

Check = Callable[[Any], object]


class RowError(Exception):
    """A row lacks a column, or a column's value is of another type."""


def parse_order(row: Row) -> Order:
    """Return the order in a row.

    Raises:
        RowError: the row cannot be parsed as an order.
    """
    _require("orders", row)
    for hold in row.get("holds", ()):
        _check_columns(hold, HOLD_COLUMNS)
    try:
        return order_of(row)
    except ContractError as error:
        raise RowError(str(error)) from error


def parse_email(row: Row) -> EmailRecord:
    """Return the record of an e-mail in a row.

    Raises:
        RowError: the row cannot be parsed as one.
    """
    try:
        return decode(EmailRecord, row)
    except ContractError as error:
        problems = "; ".join(error.problems)
        raise RowError(f"the record of the mail {row.get('kind')}: {problems}") from error


def check_row(service: str, row: Row) -> None:
    """Check that the row of a service has the columns that the command reads.

    Raises:
        RowError: a column is missing or has another type.
    """
    _require(service, row)
    if service == "notifications":
        for each in row["emails"]:
            parse_email(each)
    if service == "storefront":
        try:
            for line in render_timeline(row)["events"]:
                _check_columns(line, {"event": _text, "at": _time})
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise RowError(f"its timeline cannot be read: {error!r}") from error


def _require(service: str, row: Row) -> None:
    _check_columns(row, COLUMNS.get(service, {}))
    for name, check in OPTIONAL_COLUMNS.get(service, {}).items():
        if name in row:
            _check_columns(row, {name: check})


def _check_columns(row: Any, columns: Mapping[str, Check]) -> None:
    if not isinstance(row, Mapping):
        raise RowError(f"{row!r} is no map")
    for name, check in columns.items():
        if name not in row:
            raise RowError(f"it has no {name}")
        try:
            check(row[name])
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise RowError(f"its {name} is {row[name]!r}") from error


def _text(value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError


def _number(value: Any) -> None:
    if not isinstance(value, int):
        raise TypeError


def _seconds(value: Any) -> None:
    _number(value)
    datetime.fromtimestamp(value)


def _time(value: Any) -> None:
    if datetime.fromisoformat(value).tzinfo is None:
        raise ValueError


def _texts(value: Any) -> None:
    if not isinstance(value, Sequence | set | frozenset) or isinstance(value, str):
        raise TypeError
    for each in value:
        _text(each)


def _lines(value: Any) -> None:
    if not isinstance(value, list | tuple):
        raise TypeError
    for line in value:
        _text(line["sku"])
        _number(line["quantity"])


def _maps(value: Any) -> None:
    if not isinstance(value, list | tuple):
        raise TypeError


HOLD_COLUMNS: Mapping[str, Check] = {
    "cause": _text,
    "reason": _text,
    "explanation": _text,
    "state": _text,
    "at": _time,
}
COLUMNS: Mapping[str, Mapping[str, Check]] = {
    "orders": {
        "order_id": _text,
        "customer_id": _text,
        "state": _text,
        "sequence": _number,
        "currency": _text,
        "country": _text,
        "lines": _lines,
        "total": _number,
        "placed_at": _time,
        "changed_at": _time,
    },
    "inventory": {"state": _text, "lines": _lines, "created_at": _time, "changed_at": _time},
    "shipping": {"state": _text, "shipment_id": _text, "created_at": _time, "changed_at": _time},
    "warehouse": {"lines": _lines, "picked_at": _time},
    "storefront": {"order_id": _text},
}
"""The columns that the command needs of each service's row."""
OPTIONAL_COLUMNS: Mapping[str, Mapping[str, Check]] = {
    "orders": {
        "reason": _text,
        "explanation": _text,
        "claim_until": _seconds,
        "claim_owner": _text,
        "claimed_by": _texts,
        "cancel_requested_at": _time,
        "failed_compensations": _texts,
        "completed_compensations": _texts,
        "holds": _maps,
        "duplicate_of": _text,
        "check_after": _time,
        "deferred_since": _time,
        "deferred_step": _text,
        "deferred_error": _text,
        "deferrals": _number,
        "attention_requested_at": _time,
    },
    "inventory": {"explanation": _text},
    "shipping": {"explanation": _text},
}
"""The columns that it reads where they are there."""
