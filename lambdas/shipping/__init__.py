"""Shipping: the shipment of each order, booked once."""
