"""The demo: runs orders through the platform on a laptop, injects faults, checks invariants."""
