"""The inventory stack: tables, functions, batches and the stock's events; one module for each."""

from stacks.inventory.stack import InventoryStack

__all__ = ["InventoryStack"]
