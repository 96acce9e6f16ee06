"""Purchasing: raises purchase orders for what runs low, follows them up with the supplier."""
