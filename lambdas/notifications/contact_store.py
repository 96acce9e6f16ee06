"""The table of contacts, and the table that counts confirmation mails."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from lambdas.contracts.codec import encode, read_row
from lambdas.contracts.times import format_time
from lambdas.notifications.confirmations import (
    MAILS_PER_ADDRESS,
    MAILS_PER_CUSTOMER,
    Token,
    TooManyConfirmationsError,
    address_counter,
    customer_counter,
    end_of_day,
)
from lambdas.notifications.contacts import Contact, PendingContact, WantedContact
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.retry import RetryPolicy
from lambdas.runtime.transactions import is_transient, transact

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


RETRY = RetryPolicy(max_attempts=5, base_delay=0.02)
"""Waits at most 0.3 s altogether for another request of the same customer."""


class Contacts:
    """The table of customers, keyed by ``customer_id``: the only place that holds addresses."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def find(self, customer_id: str) -> Contact | None:
        """Return the contact of a customer; None if there is none.

        Raises:
            UnreadableRowError: the row cannot be read.
        """
        row = self._row(customer_id)
        return read_row(Contact, row, "customer_id") if row else None

    def exists(self, customer_id: str) -> bool:
        """Return whether there is a contact of a customer, also if its row cannot be read."""
        return bool(self._row(customer_id))

    def rename(self, customer_id: str, wanted: WantedContact, *, now: datetime) -> bool:
        """Change the name and drop any pending address, if the wanted address is already confirmed.

        Return whether it is. If it is not, nothing is changed.
        """
        return self._update(
            customer_id,
            UpdateExpression="SET #name = :name, changed_at = :now REMOVE pending",
            ConditionExpression="email = :email AND confirmed_at > :never",
            ExpressionAttributeNames={"#name": "name"},
            values={":name": wanted.name, ":email": wanted.email, ":now": format_time(now),
                    ":never": ""},
        )  # fmt: skip

    def confirm(self, token: Token, *, now: datetime) -> bool:
        """Make the pending contact the confirmed one; return False if the token does not match.

        A token works once: the pending contact, which has its hash, is removed in the same write.
        It does not match either once it has expired, or if somebody edited the pending contact so
        that it has no address or no name.
        """
        return self._update(
            token.customer_id,
            UpdateExpression="SET email = pending.email, #name = pending.#name,"
            " confirmed_at = :now, changed_at = :now REMOVE pending",
            ConditionExpression="pending.token_hash = :hash AND pending.expires_at > :seconds"
            " AND attribute_type(pending.email, :text) AND attribute_type(pending.#name, :text)",
            ExpressionAttributeNames={"#name": "name"},
            values={":hash": token.hash, ":now": format_time(now),
                    ":seconds": int(now.timestamp()), ":text": "S"},
        )  # fmt: skip

    def erase(self, customer_id: str) -> bool:
        """Delete a customer's contact, a pending one included; return whether there was one."""
        delete = partial(
            self._dynamodb.delete_item,
            TableName=self._table,
            Key=to_item({"customer_id": customer_id}),
            ReturnValues="ALL_OLD",
        )
        return "Attributes" in RETRY.call(delete, is_transient=is_transient)

    def _row(self, customer_id: str) -> dict[str, Any]:
        response = self._dynamodb.get_item(
            TableName=self._table, Key=to_item({"customer_id": customer_id}), ConsistentRead=True
        )
        return from_item(response.get("Item", {}))

    def _update(self, customer_id: str, *, values: dict[str, Any], **request: Any) -> bool:
        update = partial(
            self._dynamodb.update_item,
            TableName=self._table,
            Key=to_item({"customer_id": customer_id}),
            ExpressionAttributeValues=to_item(values),
            **request,
        )
        try:
            RETRY.call(update, is_transient=is_transient)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True


class PendingContacts:
    """The contacts that wait for confirmation, and the counters of their mails."""

    def __init__(self, customers: str, counters: str, *, dynamodb: "DynamoDBClient") -> None:
        """``customers`` and ``counters`` are the tables' names, ``dynamodb`` boto3's client."""
        self._customers = customers
        self._counters = counters
        self._dynamodb = dynamodb

    def put(self, customer_id: str, pending: PendingContact, *, now: datetime) -> None:
        """Store a pending contact, which replaces an earlier one, and count its mail.

        Raises:
            TooManyConfirmationsError: a counter is at its limit. Nothing was stored.
        """
        counts = [
            self._count(address_counter(pending.email, now), limit=MAILS_PER_ADDRESS, now=now),
            self._count(customer_counter(customer_id, now), limit=MAILS_PER_CUSTOMER, now=now),
        ]
        store: Any = {
            "Update": {
                "TableName": self._customers,
                "Key": to_item({"customer_id": customer_id}),
                "UpdateExpression": "SET pending = :pending, changed_at = :now",
                "ExpressionAttributeValues": to_item(
                    {":pending": encode(pending), ":now": format_time(now)}
                ),
            }
        }
        if transact(self._dynamodb, [*counts, store], RETRY) is not None:
            raise TooManyConfirmationsError

    def _count(self, counter: str, *, limit: int, now: datetime) -> Any:
        """Return the transaction's item that counts one mail.

        It fails if the counter is at ``limit``.
        """
        return {
            "Update": {
                "TableName": self._counters,
                "Key": to_item({"counter": counter}),
                "UpdateExpression": "ADD mails :one SET expires_at = :expires_at",
                "ConditionExpression": "attribute_not_exists(mails) OR mails < :limit",
                "ExpressionAttributeValues": to_item(
                    {":one": 1, ":limit": limit, ":expires_at": int(end_of_day(now).timestamp())}
                ),
            }
        }
