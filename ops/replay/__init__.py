"""Replays of the archive."""
