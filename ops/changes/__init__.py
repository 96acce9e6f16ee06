"""What an update would do to what is deployed, read from two sets of templates."""
