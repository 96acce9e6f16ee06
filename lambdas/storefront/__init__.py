"""Storefront: the views of customers and operators, made from the events of all services."""
