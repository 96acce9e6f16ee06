"""Inventory: the stock of each SKU, and the reservations of orders."""
