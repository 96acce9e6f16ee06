"""Notifications: tells customers of their orders, and writes invoices."""
