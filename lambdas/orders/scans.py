"""Finding many orders by the sparse indexes of their table."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from lambdas.contracts.codec import ContractError
from lambdas.contracts.orders_table import CONFIRMED_SHARD, OrderColumn
from lambdas.contracts.times import format_time
from lambdas.orders.dedup_key import bucket_name, digest_of
from lambdas.orders.domain import Order
from lambdas.orders.store import Orders
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.log import log_error

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


SHARDS = "0123456789abcdef"
"""The shards of each index: the first digit of a digest."""
PAGE_SIZE = 50
MAX_CANDIDATES = 100
"""How many orders that look the same are compared at most."""
MAX_NAMED_ROWS = 10


class UnreadableError(Exception):
    """Some rows of the table cannot be parsed as orders; the message names them."""


class OrderScans(Orders):
    """The table of orders, with searches over many of them.

    A search skips rows that cannot be read and remembers their ids: see ``raise_if_unreadable``.
    """

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        super().__init__(table, dynamodb=dynamodb)
        self._unreadable: list[str] = []

    def due_for_check(
        self, *, due: str, limit: int, shards: Sequence[str] = SHARDS
    ) -> Iterator[list[Order]]:
        """Yield pages of orders of these shards whose check is due at ``due`` (UTC, ISO 8601).

        Each shard gives one page in turn. No page follows once ``limit`` orders or more were
        yielded.
        """
        partitions = [*shards, *(CONFIRMED_SHARD + shard for shard in shards)]
        columns = OrderColumn.OPEN_SHARD, OrderColumn.CHECK_AFTER
        return self._pages(*columns, shards=partitions, before=due, limit=limit)

    def any_due(self, *, after: str, before: str, shards: Sequence[str] = SHARDS) -> bool:
        """Whether the check of an open order of these shards is due in that time (UTC, ISO 8601).

        The index is eventually consistent.
        """
        due = OrderColumn.CHECK_AFTER
        condition = f"{OrderColumn.OPEN_SHARD} = :shard AND {due} BETWEEN :after AND :before"
        times = {":after": after, ":before": before}
        return any(
            next(self._query(OrderColumn.OPEN_SHARD, condition, {":shard": shard, **times}, size=1))
            for shard in shards
        )

    def closed_orders(
        self, *, before: str, limit: int, shards: Sequence[str] = SHARDS
    ) -> Iterator[list[Order]]:
        """Yield pages of orders of these shards that ended before ``before`` (UTC, ISO 8601).

        Shards take turns, and ``limit`` ends the pages, as in ``due_for_check``.
        """
        columns = OrderColumn.CLOSED_SHARD, OrderColumn.CHANGED_AT
        return self._pages(*columns, shards=shards, before=before, limit=limit)

    def count_open(self) -> int:
        """Return the number of open orders. The index is eventually consistent."""
        return self._count(OrderColumn.OPEN_SHARD)

    def count_deferred(self, shards: Sequence[str] = SHARDS) -> int:
        """Return the number of deferred orders of these shards.

        The index is eventually consistent.
        """
        return self._count(OrderColumn.DEFERRED_SHARD, shards)

    def count_went_on(
        self, *, since: datetime, dispatch_within: timedelta, shards: Sequence[str]
    ) -> int:
        """Return how many orders of these shards were confirmed, or ended, since a time.

        The larger number counts: an order that is dispatched at once is not found as confirmed, and
        one that was confirmed long ago ends now. ``dispatch_within`` after its confirmation, an
        order is checked, and by that it is found.
        """
        checked = format_time(since + dispatch_within)
        confirmed = self._count(
            OrderColumn.OPEN_SHARD,
            [CONFIRMED_SHARD + shard for shard in shards],
            since=(OrderColumn.CHECK_AFTER, checked),
        )
        ended = self._count(
            OrderColumn.CLOSED_SHARD, shards, since=(OrderColumn.CHANGED_AT, format_time(since))
        )
        return max(confirmed, ended)

    def duplicate_candidates(self, periods: Sequence[datetime]) -> Iterator[list[Order]]:
        """Yield groups of orders that look the same, each sorted by age, the oldest first.

        A group has two or more orders of these periods, at least one of them of the last period. A
        larger group is cut off after ``MAX_CANDIDATES``. The index is sorted by ``dedup_key``, so
        groups are found without keeping keys in memory, and only the rows of groups are read.
        """
        dedup_key = itemgetter(OrderColumn.DEDUP_KEY)
        for shard in SHARDS:
            buckets = [bucket_name(period_start, shard) for period_start in periods]
            keys = merge(*map(self._keys_of_bucket, buckets), key=dedup_key)
            for _, group in groupby(keys, key=lambda key: digest_of(dedup_key(key))):
                found = list(islice(group, MAX_CANDIDATES))
                new = len(found) == MAX_CANDIDATES or any(
                    key[OrderColumn.DEDUP_BUCKET] == buckets[-1] for key in found
                )
                if len(found) > 1 and new:
                    yield self._read(found)

    def replace(self, before: Order, after: Order) -> bool:
        """Write ``after`` as ``Orders`` does; leave out and remember what could not be read again.

        A number of an edited row may be the last that fits its column.
        """
        try:
            return super().replace(before, after)
        except ContractError as error:
            self._leave_out(before.order_id, error)
            return False

    def raise_if_unreadable(self) -> None:
        """Raise UnreadableError if a row could not be read since the last call."""
        ids, self._unreadable = sorted(set(self._unreadable)), []
        if ids:
            rows = "1 row of the table is" if len(ids) == 1 else f"{len(ids)} rows of the table are"
            raise UnreadableError(f"{rows} no order: {', '.join(ids[:MAX_NAMED_ROWS])}")

    def _read(self, keys: Sequence[Mapping[str, Any]]) -> list[Order]:
        """Return the orders that these keys of an index name, without those deleted since."""
        orders = []
        for key in keys:
            try:
                order = self.find(key["order_id"])
            except ContractError as error:
                self._leave_out(key["order_id"], error)
                continue
            if order:
                orders.append(order)
        return orders

    def _leave_out(self, order_id: str, error: ContractError) -> None:
        log_error("order_unreadable", order_id=order_id, error=repr(error))
        self._unreadable.append(order_id)

    def _count(
        self,
        index: str,
        shards: Sequence[str] = SHARDS,
        *,
        since: tuple[str, str] | None = None,
    ) -> int:
        """Return the number of orders in these shards of an index. Reads no rows.

        With ``since``, of those whose column of that name has at least that value.
        """
        condition, values = f"{index} = :shard", {}
        if since:
            condition, values = f"{condition} AND {since[0]} >= :since", {":since": since[1]}
        return sum(
            answer["Count"]
            for shard in shards
            for answer in self._answers(
                index, condition, {":shard": shard, **values}, Select="COUNT"
            )
        )

    def _pages(
        self, index: str, sorted_by: str, *, shards: Iterable[str], before: str, limit: int
    ) -> Iterator[list[Order]]:
        # Rows that cannot be read stay first in their shard, so they must not fill the limit.
        condition = f"{index} = :shard AND {sorted_by} < :before"
        turns = deque(
            self._query(index, condition, {":shard": shard, ":before": before}, size=PAGE_SIZE)
            for shard in shards
        )
        found = 0
        while turns and found < limit:
            pages = turns.popleft()
            if (keys := next(pages, None)) is not None:
                orders = self._read(keys)
                found += len(orders)
                yield orders
                turns.append(pages)

    def _keys_of_bucket(self, bucket: str) -> Iterator[dict[str, Any]]:
        pages = self._query(
            OrderColumn.DEDUP_BUCKET,
            f"{OrderColumn.DEDUP_BUCKET} = :bucket",
            {":bucket": bucket},
            size=20 * PAGE_SIZE,
        )
        return (key for page in pages for key in page)

    def _query(
        self, index: str, condition: str, values: Mapping[str, str], *, size: int
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the keys of an index page by page, and request a page only when it is needed."""
        for answer in self._answers(index, condition, values, Limit=size):
            yield [from_item(key) for key in answer["Items"]]

    def _answers(
        self, index: str, condition: str, values: Mapping[str, str], **parameters: Any
    ) -> Iterator[Mapping[str, Any]]:
        start: dict[str, Any] = {}
        while True:
            answer = self._dynamodb.query(
                TableName=self._table,
                IndexName=index,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=to_item(values),
                **parameters,
                **start,
            )
            yield answer
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
