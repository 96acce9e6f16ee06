"""The table of orders, in which a test puts some."""

from lambdas.orders.domain import Order
from lambdas.orders.rows import row_of
from lambdas.orders.store import Orders, same_request
from lambdas.runtime.dynamodb import put_if_absent, to_item


class StoredOrders(Orders):
    """The table, with the writes of those who place orders; limits of customers are left out."""

    def add(self, order: Order) -> Order:
        """Store a new order; return it, or the stored one if this is a retry."""
        stored = put_if_absent(self._dynamodb, self._table, row_of(order), key="order_id")
        return same_request(stored, order)

    def put(self, order: Order) -> Order:
        """Store the order as it is."""
        self._dynamodb.put_item(TableName=self._table, Item=to_item(row_of(order)))
        return order
