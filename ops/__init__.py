"""The operator's command: the same against the local cloud and an account."""
