"""A smoke test of what is deployed, in an account or in the local cloud."""
