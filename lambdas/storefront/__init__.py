"""Storefront: what customers see, put together from what the services tell."""
