"""Orders played through the platform on a laptop, with faults injected and invariants checked."""
