"""What the operator's command does with dead letters: found, read, explained and moved back."""
