"""Storefront: the views for customers and operators, made from the events of all services."""
