"""Constructs with one role each, and safe defaults."""
