"""Orders: list them, and collect the trace of one from every service."""
