"""The checks before a deployment."""
