"""The provider's own record of requests and their effects, with one item for each key.

``attempts`` counts the requests for a charge under the key. If a customer were charged twice for an
order, there would be two items. An item without a state has only counted faults so far.
"""

from typing import Any

from lambdas.runtime.aws import client
from simulators.card_provider.domain import Charge, Record, State


def record_charge(table: str, charge: Charge, record: Record) -> Record | None:
    """Record a charge under a new key and return None; for a known key, return its record.

    A repeated request counts as an attempt.
    """
    dynamodb = client("dynamodb")
    try:
        dynamodb.update_item(
            TableName=table,
            Key={"key": {"S": charge.key}},
            UpdateExpression="SET customer_id = :customer_id, #state = :state, amount = :amount,"
            " currency = :currency, explanation = :explanation, attempts = :one",
            ConditionExpression="attribute_not_exists(#state)",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={
                ":customer_id": {"S": charge.customer_id},
                ":state": {"S": record.state},
                ":amount": {"N": str(charge.amount)},
                ":currency": {"S": charge.currency},
                ":explanation": {"S": record.explanation},
                ":one": {"N": "1"},
            },
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        known = dynamodb.update_item(
            TableName=table,
            Key={"key": {"S": charge.key}},
            UpdateExpression="ADD attempts :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
            ReturnValues="ALL_NEW",
        )
        return _record(known["Attributes"])
    return None


def record_refund(table: str, key: str) -> State:
    """Refund a charge, or void a key that was never charged; return the key's new state."""
    while True:
        known = _refund(table, key)
        if known is not None:
            return known
        if _void(table, key):
            return State.VOIDED
        # A charge was recorded in between. Items are never deleted, so the next loop finds it.


def _refund(table: str, key: str) -> State | None:
    """Refund a charged key; return its new state, or None if the key is unknown."""
    return record_move(table, key, before=State.CHARGED, after=State.REFUNDED)


def record_move(table: str, key: str, *, before: State, after: State) -> State | None:
    """Move a key from one state to another; return its state now, or None if it is unknown."""
    dynamodb = client("dynamodb")
    try:
        dynamodb.update_item(
            TableName=table,
            Key={"key": {"S": key}},
            UpdateExpression="SET #state = :after",
            ConditionExpression="#state = :before",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={
                ":after": {"S": after},
                ":before": {"S": before},
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as failed:
        known = failed.response.get("Item")
        return _record(known).state if known and "state" in known else None
    return after


def _void(table: str, key: str) -> bool:
    """Record an unknown key as voided; return False if another request has recorded it."""
    dynamodb = client("dynamodb")
    try:
        dynamodb.update_item(
            TableName=table,
            Key={"key": {"S": key}},
            UpdateExpression="SET #state = :voided, attempts = :none",
            ConditionExpression="attribute_not_exists(#state)",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":voided": {"S": State.VOIDED}, ":none": {"N": "0"}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def count_fault(table: str, key: str, operation: str, *, limit: int) -> bool:
    """Count a fault of an operation in the key's item; return False if the limit is reached."""
    dynamodb = client("dynamodb")
    try:
        dynamodb.update_item(
            TableName=table,
            Key={"key": {"S": key}},
            UpdateExpression="ADD #faults :one",
            ConditionExpression="attribute_not_exists(#faults) OR #faults < :limit",
            ExpressionAttributeNames={"#faults": f"{operation}_faults"},
            ExpressionAttributeValues={":one": {"N": "1"}, ":limit": {"N": str(limit)}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _record(item: dict[str, Any]) -> Record:
    return Record(
        state=State(item["state"]["S"]),
        amount=int(item["amount"]["N"]) if "amount" in item else None,
        currency=item["currency"]["S"] if "currency" in item else None,
        explanation=item["explanation"]["S"] if "explanation" in item else "",
    )
