"""What the operator's command does with replays of the archive."""
