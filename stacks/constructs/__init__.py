"""Constructs: reusable pieces of stacks with safe defaults, which know no service."""
