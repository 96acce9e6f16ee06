"""Purchasing: orders from the supplier what runs low, until it arrives."""
