"""Generators of reference documents."""
