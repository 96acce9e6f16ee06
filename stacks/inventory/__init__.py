"""The inventory stack, by what it declares: tables, functions, batches, and the stock's events."""

from stacks.inventory.stack import InventoryStack

__all__ = ["InventoryStack"]
