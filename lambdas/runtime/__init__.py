"""Thin adapters between AWS and the services' code."""
