"""Long-running programs, one flat package a service."""
