"""Writes of the inventory's tables: moving units, and changing the states of reservations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.contracts.codec import UnreadableRowError, read_row
from lambdas.contracts.inventory import DeliveredLine
from lambdas.contracts.values import Line
from lambdas.inventory.batches import SeenStock
from lambdas.inventory.domain import DEFAULT_MINIMUM, Reservation, index_shard
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.retry import RetryPolicy
from lambdas.runtime.transactions import CONDITION_FAILED, NOT_VALID, transact

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


RETRY = RetryPolicy(max_attempts=5, base_delay=0.025)
"""Waits at most 0.4 s altogether, a fraction of the function's time-out."""


def state_update(table: str, old: Reservation, new: Reservation) -> dict[str, Any]:
    """Return the write of a reservation's new state. It fails if the state is not the old one.

    A pending reservation is put into the index of unresolved reservations, so that it is not
    forgotten. One that holds no units is removed from it.
    """
    values = {
        ":new": new.state,
        ":old": old.state,
        ":now": new.changed_at,
        ":explanation": new.explanation,
    }
    index = ""
    if new.state.is_pending:
        values[":shard"] = index_shard(old.order_id)
        index = ", unresolved_shard = :shard, last_activity_at = :now"
    elif not new.state.holds_units:
        index = " REMOVE unresolved_shard, last_activity_at"
    return {
        "TableName": table,
        "Key": to_item({"order_id": old.order_id}),
        "UpdateExpression": "SET #state = :new, changed_at = :now, explanation = :explanation"
        + index,
        "ConditionExpression": "#state = :old",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": to_item(values),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def movement(
    table: str,
    line: Line | DeliveredLine,
    *,
    source: str | None,
    target: str | None,
    cause: str,
    now: str,
) -> dict[str, Any]:
    """Return the transaction's item that moves a line's units from ``source`` to ``target``.

    Both are columns; None is outside of the stock. The write fails if ``source`` has too few units.
    A missing row or number counts as zero in ``target``, and as too few in ``source``.
    """
    change = {"available": 0, "reserved": 0}
    if target:
        change[target] = line.quantity
    if source:
        change[source] = -line.quantity
    return stock_update(
        table,
        line.sku,
        **change,
        cause=cause,
        now=now,
        minimum=line.minimum if isinstance(line, DeliveredLine) else None,
    )


def stock_update(
    table: str,
    sku: str,
    *,
    available: int,
    reserved: int,
    cause: str,
    now: str,
    minimum: int | None = None,
    seen: int | None = None,
) -> dict[str, Any]:
    """Return the write that adds to a SKU's numbers. It fails if one would become negative.

    If ``seen`` is given, it also fails if the row's sequence is not ``seen`` any more. A missing
    row or number counts as zero when it is added to, and fails a condition.
    """
    values: dict[str, Any] = {":now": now, ":cause": cause, ":one": 1}
    conditions = []
    for name, added in (("available", available), ("reserved", reserved)):
        values[f":{name}"] = added
        if added < 0:
            conditions.append(f"{name} >= :{name}_needed")
            values[f":{name}_needed"] = -added
    if seen is not None:
        conditions.append("#sequence = :seen")
        values[":seen"] = seen
    kept = "if_not_exists(minimum, :minimum)" if minimum is None else ":minimum"
    values[":minimum"] = DEFAULT_MINIMUM if minimum is None else minimum
    return {
        "Update": {
            "TableName": table,
            "Key": to_item({"sku": sku}),
            "UpdateExpression": "ADD available :available, reserved :reserved, #sequence :one "
            f"SET changed_at = :now, cause = :cause, minimum = {kept}",
            "ExpressionAttributeNames": {"#sequence": "sequence"},
            "ExpressionAttributeValues": to_item(values),
            **({"ConditionExpression": " AND ".join(conditions)} if conditions else {}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def transact_lines(
    dynamodb: "DynamoDBClient",
    items: list[Any],
    lines: Sequence[Line | DeliveredLine],
    retry: RetryPolicy,
) -> list[Any] | None:
    """Write a guard, the first item, and the movement of each line; see ``transact``.

    Raises:
        UnreadableRowError: somebody edited the row of a line's SKU, so that units cannot be
            counted. Nothing was written.
    """
    try:
        failures = transact(dynamodb, items, retry)
    except ClientError as error:
        _check_rows(lines, error.response.get("CancellationReasons", ())[1:])
        raise
    if failures and failures[0]["Code"] != CONDITION_FAILED:
        _check_rows(lines, failures[1:])
    return failures


def _check_rows(lines: Sequence[Line | DeliveredLine], reasons: Sequence[Any]) -> None:
    for line, reason in zip(lines, reasons, strict=False):
        if reason["Code"] == NOT_VALID:
            problem = "available, reserved or sequence is no number"
            raise UnreadableRowError(f"row of stock of {line.sku}", [problem])
        if "Item" in reason:
            read_row(SeenStock, from_item(reason["Item"]), "sku")
