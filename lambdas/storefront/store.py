"""The tables of the storefront's views."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from lambdas.contracts.codec import ContractError, decode, encode, read_row
from lambdas.runtime.dynamodb import READ_RETRY, batch_get, from_item, put_if_newer, to_item
from lambdas.runtime.transactions import CONDITION_FAILED, NOT_VALID
from lambdas.storefront.availability import Availability
from lambdas.storefront.order_upserts import OrderUpsert
from lambdas.storefront.products import ProductOffers
from lambdas.storefront.sales import BUCKETS, Counts, Sale, partition_key, sum_increments

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from lambdas.storefront.queries import PageRequest, SalesRequest


MAX_ATTRIBUTES = 100
"""The most attributes that one write adds: an expression has 4 KB."""


class AvailabilityView:
    """The availability of each SKU, keyed by ``sku``."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def put_if_newer(self, availability: Availability) -> bool:
        """Put a row if it is newer than the SKU's stored row; return whether it was put."""
        return put_if_newer(self._dynamodb, self._table, encode(availability), key="sku")

    def find(self, sku: str) -> Availability | None:
        """Return the availability of a SKU; None if there was no event of it yet."""
        row = _row(self._dynamodb, self._table, "sku", sku)
        return read_row(Availability, row, "sku") if row else None


class ProductView:
    """The name and the offers of each SKU, keyed by ``sku``."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def put_if_newer(self, product: ProductOffers) -> bool:
        """Put a row if it is newer than the SKU's stored row; return whether it was put."""
        return put_if_newer(self._dynamodb, self._table, encode(product), key="sku")

    def find(self, sku: str) -> ProductOffers | None:
        """Return the name and the offers of a SKU; None if there was no event of it yet."""
        row = _row(self._dynamodb, self._table, "sku", sku)
        return read_row(ProductOffers, row, "sku") if row else None


class PerOrderView:
    """A view with one row per order, keyed by ``order_id``."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def upsert(self, upsert: OrderUpsert) -> None:
        """Add the attributes that the order's row does not have yet; usually in one write."""
        attributes = iter(upsert.attributes.items())
        while some := dict(islice(attributes, MAX_ATTRIBUTES)):
            self._add(upsert.order_id, some)

    def _add(self, order_id: str, attributes: Mapping[str, Any]) -> None:
        names = {f"#{i}": name for i, name in enumerate(attributes)}
        values = {f":{i}": value for i, value in enumerate(attributes.values())}
        each = (f"#{i} = if_not_exists(#{i}, :{i})" for i in range(len(names)))
        self._dynamodb.update_item(
            TableName=self._table,
            Key=to_item({"order_id": order_id}),
            UpdateExpression=f"SET {', '.join(each)}",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=to_item(values),
        )

    def find(self, order_id: str, *, customer_id: str) -> dict[str, Any] | None:
        """Return the row of a customer's order; None if it is unknown or another customer's."""
        row = _row(self._dynamodb, self._table, "order_id", order_id)
        return row if row.get("customer_id") == customer_id else None


class CustomerOrdersView(PerOrderView):
    """The view of customers' orders, with a sparse index of ``customer_id`` and ``listing_key``.

    The index has only keys. These never change, so changes of an order's state cost no write there.
    """

    def find_page(self, customer_id: str, page: "PageRequest") -> tuple[list[dict[str, Any]], str]:
        """Return a page of a customer's orders, newest first, and the position of the next page.

        The position is the ``listing_key`` of the page's last order, or empty after the last page.
        Pages begin after an order, not at a number, so new orders do not shift them.

        Raises:
            UnprocessedKeysError: The rows could not be read; the client may retry.
        """
        after = {
            "customer_id": customer_id,
            "listing_key": page.after,
            "order_id": page.after.partition("#")[2],
        }
        start: dict[str, Any] = {"ExclusiveStartKey": to_item(after)} if page.after else {}
        found = self._dynamodb.query(
            TableName=self._table,
            IndexName="customer_id",
            KeyConditionExpression="customer_id = :customer",
            ExpressionAttributeValues=to_item({":customer": customer_id}),
            ScanIndexForward=False,
            Limit=page.limit + 1,
            **start,
        )["Items"]
        ids = [item["order_id"]["S"] for item in found[: page.limit]]
        rows = {row["order_id"]: row for row in self._rows(ids)} if ids else {}
        more = found[page.limit - 1]["listing_key"]["S"] if len(found) > page.limit else ""
        return [rows[id_] for id_ in ids if id_ in rows], more

    def _rows(self, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield these orders' rows. Consistent reads: rows must not be older than the index."""
        keys = [{"order_id": id_} for id_ in ids]
        return batch_get(self._dynamodb, self._table, keys, consistent=True, retry=READ_RETRY)


class SalesView:
    """Counters of sales, and a marker for each counted order.

    Both are keyed by ``partition_key`` and ``sort_key``.
    """

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def count(self, sales: Sequence[Sale]) -> dict[str, str]:
        """Count sales that fit into one transaction, each once.

        The transaction that increments the counters for an order also puts the order's marker. If
        markers exist already, the transaction is tried again without their sales. If nothing can be
        added to a counter, because somebody edited it, it is tried again without that counter's
        sales. Return the orders that were not counted for this, each with the reason.
        """
        uncounted, impossible = list(sales), dict[str, str]()
        while uncounted:
            sums = sum_increments(uncounted)
            markers: list[Any] = [{"Put": self._put_counted_marker(sale)} for sale in uncounted]
            updates: list[Any] = [
                {"Update": self._increment(*counter, counts)} for counter, counts in sums.items()
            ]
            try:
                self._dynamodb.transact_write_items(TransactItems=[*markers, *updates])
                break
            except self._dynamodb.exceptions.TransactionCanceledException as cancelled:
                codes = [each["Code"] for each in cancelled.response["CancellationReasons"]]
                edited = {
                    counter
                    for counter, code in zip(sums, codes[len(uncounted) :], strict=False)
                    if code == NOT_VALID
                }
                new = []
                for sale, code in zip(uncounted, codes, strict=False):
                    if code == CONDITION_FAILED:
                        continue
                    if found := edited & sale.increments.keys():
                        impossible[sale.order_id] = f"counter {' '.join(min(found))} was edited"
                    else:
                        new.append(sale)
                if len(new) == len(uncounted):
                    raise
                uncounted = new
        return impossible

    def read_counters(
        self, request: "SalesRequest", *, report: Callable[..., None]
    ) -> tuple[list[tuple[str, dict[str, int]]], str]:
        """Return a page's counters, each as sort key and counts, and how far they are complete.

        A counter is spread over buckets, so its sort key comes once for each bucket that has it. A
        row that has no counts, because somebody edited it, is left out, and reported. They are
        complete up to the returned sort key: a bucket has more after it. If it is empty, no bucket
        has more.
        """
        found: list[dict[str, Any]] = []
        ends: list[str] = []
        for bucket in range(BUCKETS):
            rows = list(islice(self._rows_after(request, bucket), request.limit + 1))
            if len(rows) > request.limit:
                ends.append(rows[-1]["sort_key"])
            found += rows
        end = min(ends, default="")
        counted = ((row["sort_key"], _counts(row, report)) for row in found)
        return [(key, counts) for key, counts in counted if counts and (not end or key <= end)], end

    def _rows_after(self, request: "SalesRequest", bucket: int) -> Iterator[dict[str, Any]]:
        condition = "#partition_key = :partition_key"
        values = {":partition_key": partition_key(request.day, request.per, bucket)}
        if request.after:
            condition += " AND sort_key > :after"
            values[":after"] = request.after
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeNames={"#partition_key": "partition_key"},
            ExpressionAttributeValues=to_item(values),
            PaginationConfig={"PageSize": request.limit + 1},
        )
        for page in pages:
            yield from map(from_item, page["Items"])

    def _put_counted_marker(self, sale: Sale) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Item": to_item({"partition_key": f"order/{sale.order_id}", "sort_key": "counted"}),
            "ConditionExpression": "attribute_not_exists(#partition_key)",
            "ExpressionAttributeNames": {"#partition_key": "partition_key"},
        }

    def _increment(
        self, partition_key: str, sort_key: str, counts: dict[str, int]
    ) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": to_item({"partition_key": partition_key, "sort_key": sort_key}),
            "UpdateExpression": "ADD " + ", ".join(f"#{name} :{name}" for name in counts),
            "ExpressionAttributeNames": {f"#{name}": name for name in counts},
            "ExpressionAttributeValues": to_item({f":{n}": c for n, c in counts.items()}),
        }


def _counts(row: Mapping[str, Any], report: Callable[..., None]) -> dict[str, int] | None:
    """Return the counts of a counter's row; None, and report its key, if it has none."""
    try:
        return encode(decode(Counts, row))
    except ContractError as error:
        key = f"{row['partition_key']} {row['sort_key']}"
        report("counter_left_out", key=key, error=str(error))
        return None


def _row(dynamodb: "DynamoDBClient", table: str, key: str, value: str) -> dict[str, Any]:
    """Return the row with that key, empty if there is none."""
    answer = dynamodb.get_item(TableName=table, Key=to_item({key: value}))
    return from_item(answer.get("Item", {}))
