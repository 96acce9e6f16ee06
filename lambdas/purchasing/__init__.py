"""Purchasing: raises purchase orders for what runs low, and has them delivered."""
