"""The orders' table: one row an order, which is at the same time the outbox of its events."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from lambdas.orders.dedup_index import bucket_name, digest_of
from lambdas.orders.domain import KeyReusedError, Order, is_order_id
from lambdas.orders.rows import order_of, row_of
from lambdas.runtime.dynamodb import (
    delete_if_unchanged,
    from_item,
    put_if_absent,
    put_if_unchanged,
    to_item,
)
from lambdas.runtime.log import log
from lambdas.runtime.retry import RetryPolicy

RETRY = RetryPolicy(max_attempts=5)
SHARDS = "0123456789abcdef"
"""Of each index: the first digit of a digest."""
PAGE, MAX_CANDIDATES = 50, 100
MAX_NAMED_ROWS = 10
UNREADABLE_ROW_ERRORS = (TypeError, ValueError, AttributeError)
"""What a row raises that is no order: it would raise it again for ever."""
VERSION_ATTRIBUTES = (
    "state",
    "sequence",
    "changed_at",
    "claim_owner",
    "claim_until",
    "cancel_requested_at",
    "completed_compensations",
    "holds",
    "check_after",
    "duplicate_of",
)
"""Every other write of a row changes one of these."""


class ConcurrentUpdateError(Exception):
    """Others changed the order in between, again and again."""


class UnreadableError(Exception):
    """Rows of the table are no orders that this code knows; the message names them."""


class Orders:
    """The table of orders, keyed by ``order_id``.

    What goes through many orders passes over those that cannot be read: see ``raise_if_unreadable``.
    """

    def __init__(self, table: str, *, dynamodb: Any) -> None:
        """``table`` is its name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb
        self._unreadable: list[str] = []

    def add(self, order: Order) -> Order:
        """Keep a new order, or find the one that the same request made before.

        Raises:
            KeyReusedError: there is another order under this key.
        """
        kept = order_of(put_if_absent(self._dynamodb, self._table, row_of(order), key="order_id"))
        if not kept.same_request_as(order):
            raise KeyReusedError("this Idempotency-Key was used for a different order")
        return kept

    def find(self, order_id: str, *, customer_id: str | None = None) -> Order | None:
        """The order as it stands now; None also for one of somebody else than that customer."""
        if not is_order_id(order_id):
            return None
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=to_item({"order_id": order_id}), ConsistentRead=True
        )
        order = order_of(from_item(answer["Item"])) if "Item" in answer else None
        return order if order and customer_id in (None, order.customer_id) else None

    def update(
        self, order_id: str, *, customer_id: str | None = None, change: Callable[[Order], Order]
    ) -> Order | None:
        """Change the order, that customer's if one is given, and return it; None if there is none.

        Raises:
            ConcurrentUpdateError: others changed it again and again meanwhile.
        """
        for _ in RETRY.attempts():
            before = self.find(order_id, customer_id=customer_id)
            if before is None:
                return None
            after = change(before)
            if after == before or self.replace(before, after):
                return after
        raise ConcurrentUpdateError(f"order {order_id} is being changed by others; try again")

    def due_for_check(self, *, due: str, limit: int) -> Iterator[list[Order]]:
        """Orders to be looked after by that time, a page of each shard after the other.

        ``due`` is UTC, ISO 8601. There are ``limit`` of them, or some more, to the end of a page.
        """
        return self._pages("open_shard", "check_after", before=due, limit=limit)

    def closed_orders(self, *, before: str, limit: int) -> Iterator[list[Order]]:
        """The same of orders that were over before that time."""
        return self._pages("closed_shard", "changed_at", before=before, limit=limit)

    def duplicate_candidates(self, periods: Sequence[datetime]) -> Iterator[list[Order]]:
        """Orders of these periods that look the same, one of the last among them, by age.

        There are two or more, or the first ``MAX_CANDIDATES``. The index is sorted by dedup_key: to find
        what looks the same takes no memory, and nothing else is read.
        """
        dedup_key = itemgetter("dedup_key")
        for shard in SHARDS:
            buckets = [bucket_name(period_start, shard) for period_start in periods]
            keys = merge(*map(self._keys_of_bucket, buckets), key=dedup_key)
            for _, group in groupby(keys, key=lambda key: digest_of(dedup_key(key))):
                found = list(islice(group, MAX_CANDIDATES))
                new = len(found) == MAX_CANDIDATES or any(
                    key["dedup_bucket"] == buckets[-1] for key in found
                )
                if len(found) > 1 and new:
                    yield self._read(found)

    def replace(self, before: Order, after: Order) -> bool:
        """Put ``after`` where ``before`` still stands; tell whether it did."""
        rows = row_of(before), row_of(after)
        return put_if_unchanged(
            self._dynamodb, self._table, *rows, version_attributes=VERSION_ATTRIBUTES
        )

    def remove(self, order: Order) -> bool:
        """Delete the order where it still stands as it is; tell whether it did."""
        row = row_of(order)
        return delete_if_unchanged(
            self._dynamodb, self._table, row, key="order_id", version_attributes=VERSION_ATTRIBUTES
        )

    def raise_if_unreadable(self) -> None:
        """Raise UnreadableError if a row could not be read since this was asked last."""
        ids, self._unreadable = sorted(set(self._unreadable)), []
        if ids:
            rows = "1 row of the table is" if len(ids) == 1 else f"{len(ids)} rows of the table are"
            raise UnreadableError(f"{rows} no order: {', '.join(ids[:MAX_NAMED_ROWS])}")

    def _read(self, keys: Sequence[Mapping[str, Any]]) -> list[Order]:
        """The orders of an index's keys; it is a moment late, so one may be gone."""
        orders = []
        for key in keys:
            try:
                order = self.find(key["order_id"])
            except UNREADABLE_ROW_ERRORS as error:
                log("order unreadable", order_id=key["order_id"], error=repr(error))
                self._unreadable.append(key["order_id"])
                continue
            if order:
                orders.append(order)
        return orders

    def _pages(
        self, index: str, sorted_by: str, *, before: str, limit: int
    ) -> Iterator[list[Order]]:
        condition = f"{index} = :shard AND {sorted_by} < :before"
        turns = deque(
            self._query(index, condition, {":shard": shard, ":before": before}, size=PAGE)
            for shard in SHARDS
        )
        found = 0
        while turns and found < limit:
            pages = turns.popleft()
            if (keys := next(pages, None)) is not None:
                yield self._read(keys)
                found += len(keys)
                turns.append(pages)

    def _keys_of_bucket(self, bucket: str) -> Iterator[dict[str, Any]]:
        pages = self._query(
            "dedup_bucket", "dedup_bucket = :bucket", {":bucket": bucket}, size=20 * PAGE
        )
        return (key for page in pages for key in page)

    def _query(
        self, index: str, condition: str, values: Mapping[str, str], *, size: int
    ) -> Iterator[list[dict[str, Any]]]:
        """The keys of an index, page by page, each asked for when it is wanted."""
        start: dict[str, Any] = {}
        while True:
            answer = self._dynamodb.query(
                TableName=self._table,
                IndexName=index,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=to_item(values),
                Limit=size,
                **start,
            )
            yield [from_item(key) for key in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
