"""Purchasing: raises purchase orders for SKUs low in stock, and follows them to their delivery."""
