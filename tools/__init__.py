"""Generators of reference documents, and the check of contracts."""
