"""The warehouse's tables: its copy of the stock levels, and its picking list."""

from typing import TYPE_CHECKING

from lambdas.contracts.codec import encode, read_row
from lambdas.runtime.dynamodb import put_if_absent, put_if_newer
from workers.warehouse.domain import Picking, StockLevel

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class Warehouse:
    """The tables of stock, keyed by ``sku``, and of pickings, keyed by ``order_id``."""

    def __init__(
        self, *, stock_table: str, pickings_table: str, dynamodb: "DynamoDBClient"
    ) -> None:
        """``stock_table`` and ``pickings_table`` are names, ``dynamodb`` is boto3's client."""
        self._stock = stock_table
        self._pickings = pickings_table
        self._dynamodb = dynamodb

    def put_stock_level(self, stock_level: StockLevel) -> bool:
        """Store a SKU's stock level unless a later one is stored; return whether it was stored."""
        return put_if_newer(self._dynamodb, self._stock, encode(stock_level), key="sku")

    def put_picking(self, picking: Picking) -> Picking:
        """Store the picking, or return the order's existing one unchanged."""
        kept = put_if_absent(self._dynamodb, self._pickings, encode(picking), key="order_id")
        return read_row(Picking, kept, "order_id")
