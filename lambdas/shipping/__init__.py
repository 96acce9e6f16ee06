"""Shipping: the one shipment of each order, booked, cancelled, held and dispatched."""
