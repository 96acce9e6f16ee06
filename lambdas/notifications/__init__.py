"""Notifications: notifies customers of their orders by e-mail, and issues invoices."""
