"""A smoke test of the deployed platform, in an account or in the local cloud."""
