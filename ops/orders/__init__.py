"""Orders: list them, and collect the records of one order from every service."""
