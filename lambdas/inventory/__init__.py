"""Inventory: what is on the shelf, and for which order it is set aside."""
