"""What is checked before a deployment."""
