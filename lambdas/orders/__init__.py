"""Orders: accepts orders, owns their state and publishes their events."""
